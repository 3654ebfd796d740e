/**
 * A number of each row, the value of a metadata key or the last bytes of the message: of rows that a question has looked at, for the questions after
 * it. To find a key among the pairs of a row, or to read the row at all, takes longer than all else that a question for a range or for an end needs.
 *
 * A column belongs to one file, which is named by its first id: the rows of a file never change, and a hot file's are the same when it is closed. It knows
 * the rows from one id to another, without a hole, and is continued at both ends by whoever needs more.
 */
import { isNumber } from '../../search/predicates.ts';
import type { IdRange } from '../../search/request.ts';
import type { Segment } from '../segments.ts';
import type { PairCursor } from './pages/pair-cursor.ts';

/** Of all columns of a thread: two million rows, or fewer of several keys. */
const defaultBytes = 16 * 1024 * 1024;
/** Rows that are read to continue a column; it begins anew where they would be more. */
const mostRowsBetween = 30_000;

export class NumberColumns {
  /** By first id of a file and what the number is, the longest unused first. */
  readonly #columns = new Map<string, NumberColumn>();
  readonly #mostBytes: number;

  /** @param granted what the thread's memory has room for. */
  constructor(granted = Infinity) {
    this.#mostBytes = Math.min(granted, defaultBytes);
  }

  /** Null where there is no room for it. @param range of the file's rows as they are now. @param what the number is. */
  of({ firstId, lastId }: IdRange, what: string): NumberColumn | null {
    if ((lastId - firstId + 1) * 8 > this.#mostBytes) return null;
    const name = `${firstId} ${what}`;
    const before = this.#columns.get(name);
    // A file with fewer rows than it had is another one: what could be saved of a damaged one.
    const column = before !== undefined && before.highId <= lastId ? before : new NumberColumn(firstId);
    column.makeRoom(lastId, this.#mostBytes);
    this.#columns.delete(name);
    this.#columns.set(name, column);
    let bytes = 0;
    for (const [other, { byteLength }] of [...this.#columns].toReversed()) {
      bytes += byteLength;
      if (bytes > this.#mostBytes && other !== name) this.#columns.delete(other);
    }
    return column;
  }

  /** Of files that have been dropped nothing is kept. */
  keepOnly(segments: readonly Segment[]): void {
    const firstIds = new Set(segments.map(({ firstId }) => firstId));
    const lastId = segments.at(-1)?.lastId ?? 0;
    for (const [name, { firstId }] of this.#columns)
      if (firstId <= lastId && !firstIds.has(firstId)) this.#columns.delete(name);
  }
}

/** Hands over the numbers of the rows of these ids, both inclusive; rows without one are left out. */
export type ReadNumbers = (firstId: number, lastId: number, onNumber: (id: number, value: number) => void) => void;

export class NumberColumn {
  readonly firstId: number;
  /** Of the rows that are known. */
  lowId = 0;
  highId = -1;
  /** By row from the first on; NaN for none. */
  #values = new Float64Array(0);
  /** False once a row had two. */
  #isOneARow = true;

  constructor(firstId: number) {
    this.firstId = firstId;
  }

  get byteLength(): number {
    return this.#values.byteLength;
  }

  /** @param mostBytes for which the rows up to `lastId` have room. */
  makeRoom(lastId: number, mostBytes = defaultBytes): void {
    const rows = lastId - this.firstId + 1;
    if (rows <= this.#values.length) return;
    const larger = new Float64Array(Math.min(Math.max(Math.ceil(rows * 1.25), 4096), mostBytes / 8));
    larger.set(this.#values);
    this.#values = larger;
  }

  /** Makes it know the rows of these ids, both inclusive. False where it cannot tell what a row has. */
  cover(firstId: number, lastId: number, read: ReadNumbers): boolean {
    const isApart = firstId > this.highId + mostRowsBetween || lastId < this.lowId - mostRowsBetween;
    if (this.highId < this.lowId || isApart) {
      this.#forget();
      this.#read(firstId, lastId, read);
    } else {
      if (firstId < this.lowId) this.#read(firstId, this.lowId - 1, read);
      if (lastId > this.highId) this.#read(this.highId + 1, lastId, read);
    }
    return this.#isOneARow;
  }

  /** NaN for none. @param id of a row that is known. */
  at(id: number): number {
    return this.#values[id - this.firstId] ?? Number.NaN;
  }

  #forget(): void {
    this.lowId = 0;
    this.highId = -1;
  }

  /** What `read` throws leaves the rows unknown. */
  #read(firstId: number, lastId: number, read: ReadNumbers): void {
    const [values, base] = [this.#values, this.firstId];
    values.fill(Number.NaN, firstId - base, lastId + 1 - base);
    let foundId = -1;
    read(firstId, lastId, (id, value) => {
      if (id === foundId) this.#isOneARow = false;
      foundId = id;
      values[id - base] = value;
    });
    const isFirst = this.highId < this.lowId;
    this.lowId = isFirst ? firstId : Math.min(firstId, this.lowId);
    this.highId = Math.max(lastId, this.highId);
  }
}

/** @param pairs of the file; where it stands afterwards is open. */
export function numbersOfKey(pairs: PairCursor, key: Uint8Array): ReadNumbers {
  return (firstId, lastId, onNumber) => {
    pairs.forget();
    for (pairs.seek(firstId); pairs.logId <= lastId; pairs.next()) {
      if (!pairs.isOf(key)) continue;
      onNumber(pairs.logId, numberAt(pairs.bytes, pairs.columns.start(3), pairs.columns.length(3)));
    }
  };
}

/** So many digits are exact. */
const mostDigits = 15;

/** As predicates.ts sees it; NaN for a text that is none. */
function numberAt(bytes: Buffer, start: number, length: number): number {
  let value = 0;
  for (let at = start; at < start + length && length <= mostDigits; at++) {
    const digit = (bytes[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
    if (at === start + length - 1) return value;
  }
  const text = bytes.toString('utf8', start, start + length);
  return isNumber(text) ? Number(text) : Number.NaN;
}
