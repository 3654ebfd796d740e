/**
 * The numbers of a metadata key, by row: of rows that a question for a range has looked at, for the questions after it. To find a key among the
 * pairs of a row takes longer than all else that such a question needs.
 *
 * A column belongs to one file, which is named by its first id: the rows of a file never change, and a hot file's are the same when it is closed. It knows
 * the rows from one id to another, without a hole, and is continued at both ends by whoever needs more.
 */
import { isNumber } from '../../search/predicates.ts';
import type { IdRange } from '../../search/request.ts';
import type { Segment } from '../segments.ts';
import type { PairCursor } from './pages/pair-cursor.ts';

/** Of all columns of a thread: two million rows, or fewer of several keys. */
const mostBytes = 16 * 1024 * 1024;
/** Rows that are read to continue a column; it begins anew where they would be more. */
const mostRowsBetween = 30_000;

export class NumberColumns {
  /** By first id of a file and key, the longest unused first. */
  readonly #columns = new Map<string, NumberColumn>();

  /** Null where there is no room for it. @param range of the file's rows as they are now. */
  of({ firstId, lastId }: IdRange, key: string): NumberColumn | null {
    if ((lastId - firstId + 1) * 8 > mostBytes) return null;
    const name = `${firstId} ${key}`;
    const before = this.#columns.get(name);
    // A file with fewer rows than it had is another one: what could be saved of a damaged one.
    const column =
      before !== undefined && before.highId <= lastId ? before : new NumberColumn(firstId, Buffer.from(key));
    column.makeRoom(lastId);
    this.#columns.delete(name);
    this.#columns.set(name, column);
    let bytes = 0;
    for (const [other, { byteLength }] of [...this.#columns].toReversed()) {
      bytes += byteLength;
      if (bytes > mostBytes && other !== name) this.#columns.delete(other);
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

export class NumberColumn {
  readonly firstId: number;
  /** Of the rows that are known. */
  lowId = 0;
  highId = -1;
  readonly #key: Buffer;
  /** By row from the first on; NaN where it has no such key, or what is no number. */
  #values = new Float64Array(0);
  /** False once a row had the key twice. */
  #isOneARow = true;

  constructor(firstId: number, key: Buffer) {
    this.firstId = firstId;
    this.#key = key;
  }

  get byteLength(): number {
    return this.#values.byteLength;
  }

  makeRoom(lastId: number): void {
    const rows = lastId - this.firstId + 1;
    if (rows <= this.#values.length) return;
    const larger = new Float64Array(Math.min(Math.max(Math.ceil(rows * 1.25), 4096), mostBytes / 8));
    larger.set(this.#values);
    this.#values = larger;
  }

  /**
   * Makes it know the rows of these ids, both inclusive. False where it cannot tell what a row has.
   * @param pairs of the file; where it stands afterwards is open.
   */
  cover(firstId: number, lastId: number, pairs: PairCursor): boolean {
    const isApart = firstId > this.highId + mostRowsBetween || lastId < this.lowId - mostRowsBetween;
    if (this.highId < this.lowId || isApart) {
      this.#forget();
      this.#read(firstId, lastId, pairs);
    } else {
      if (firstId < this.lowId) this.#read(firstId, this.lowId - 1, pairs);
      if (lastId > this.highId) this.#read(this.highId + 1, lastId, pairs);
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

  /** @throws RegressionError `STORE_CORRUPT`; then the rows are not known. */
  #read(firstId: number, lastId: number, pairs: PairCursor): void {
    const [values, base] = [this.#values, this.firstId];
    values.fill(Number.NaN, firstId - base, lastId + 1 - base);
    let foundId = -1;
    pairs.forget();
    for (pairs.seek(firstId); pairs.logId <= lastId; pairs.next()) {
      if (!pairs.isOf(this.#key)) continue;
      if (pairs.logId === foundId) this.#isOneARow = false;
      foundId = pairs.logId;
      values[foundId - base] = numberAt(pairs.bytes, pairs.columns.start(3), pairs.columns.length(3));
    }
    const isFirst = this.highId < this.lowId;
    this.lowId = isFirst ? firstId : Math.min(firstId, this.lowId);
    this.highId = Math.max(lastId, this.highId);
  }
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
