/**
 * The minute of each row of a sealed segment, in its table `logs_row_minutes`: with it the full-text index tells how many rows of each minute hold a
 * word, and none of the rows is read.
 *
 * That is for letters alone: messages are parted into runs of them, so all that a message holds of letters is in one of its terms. What is more than
 * that, the beginning of a word as well, is looked for in the rows.
 */
import type { Query, Test } from '../../search/query.ts';
import { minuteDigits, secondsOfMinute } from './minute-counts.ts';
import type { Columns } from './pages/record-columns.ts';
import type { Sqlite } from './sqlite.ts';
import { anyOf, termsLike } from './text-index.ts';

/** Of an id that no row has. A segment of more minutes has no table. */
const noMinute = 0xffff;
/** With more ids than so many for a row it has none either. */
const mostIdsPerRow = 4;
/** The index has the beginning of a longer run alone. */
const longRun = /[A-Za-z\u0080-\u00ff]{30000}/;
const longRunBytes = 30_000;

export class RowMinutes {
  readonly #firstId: number;
  /** Since 1970, by id. */
  readonly #minutes: Uint32Array;
  #rows = 0;
  /** A row's time is not as ours are, or the index does not have all of its message: nothing is said of any. */
  #isOdd = false;
  #digits = -1;
  #minute = 0;

  constructor({ firstId, lastId }: { readonly firstId: number; readonly lastId: number }) {
    this.#firstId = firstId;
    this.#minutes = new Uint32Array(lastId - firstId + 1);
  }

  /** @param columns of a record of `logs`. */
  add(id: number, bytes: Uint8Array, columns: Columns): void {
    const digits = minuteDigits(bytes, columns.start(1));
    if (digits !== this.#digits) [this.#digits, this.#minute] = [digits, secondsOfMinute(digits) / 60];
    const isLong = columns.length(5) >= longRunBytes && longRun.test(columns.text(bytes, 5));
    if (!(this.#minute > 0) || isLong) this.#isOdd = true;
    this.#minutes[id - this.#firstId] = this.#minute;
    this.#rows++;
  }

  store(database: Sqlite): void {
    const minutes = this.#minutes;
    let [first, last] = [Infinity, 0];
    for (const minute of minutes) {
      if (minute === 0) continue;
      first = Math.min(first, minute);
      last = Math.max(last, minute);
    }
    const isSparse = minutes.length > this.#rows * mostIdsPerRow;
    if (this.#isOdd || isSparse || last - first >= noMinute) return;
    const stored = Uint16Array.from(minutes, (minute) => (minute === 0 ? noMinute : minute - first));
    database.exec('CREATE TABLE logs_row_minutes (first_minute INTEGER NOT NULL, minutes BLOB NOT NULL)');
    database.run('INSERT INTO logs_row_minutes VALUES (?, ?)', [first, new Uint8Array(stored.buffer)]);
  }
}

/** What a reader keeps of a segment. */
export interface WordMinutes {
  readonly firstId: number;
  readonly firstMinute: number;
  /** By id. */
  readonly minutes: Uint16Array;
}

/** Null for a segment without the table: a small or an older one. */
export function wordMinutesOf(database: Sqlite, firstId: number): WordMinutes | null {
  if (database.rootPageOf('logs_row_minutes') === 0) return null;
  const row = database.get<{ first_minute: number; minutes: Uint8Array }>(
    'SELECT first_minute, minutes FROM logs_row_minutes',
  );
  if (row === undefined) return null;
  // A copy, which begins where numbers of two bytes may.
  const minutes = new Uint16Array(new Uint8Array(row.minutes).buffer);
  return { firstId, firstMinute: row.first_minute, minutes };
}

/** By minute, the second in which it begins; null where the index alone does not tell. */
export function countByWords(database: Sqlite, known: WordMinutes, query: Query): Map<number, number> | null {
  const match = matchOf(database, query);
  if (match === null) return null;
  const counts = new Map<number, number>();
  if (match === '') return counts;
  const found = database.get<{ ids: string }>(
    'SELECT json_group_array(rowid) AS ids FROM logs_text WHERE logs_text MATCH ?',
    [match],
  );
  const { firstId, firstMinute, minutes } = known;
  const byMinute = new Uint32Array(noMinute);
  let last = -1;
  for (const id of JSON.parse(found?.ids ?? '[]') as number[]) {
    const minute = minutes[id - firstId] ?? noMinute;
    byMinute[minute] = (byMinute[minute] ?? 0) + 1;
    if (minute > last) last = minute;
  }
  for (let minute = 0; minute <= last; minute++) {
    const count = byMinute[minute] ?? 0;
    if (count > 0) counts.set((firstMinute + minute) * 60, count);
  }
  return counts;
}

/** The index's expression for exactly the rows that the query finds; empty for none, null where there is no such expression. */
function matchOf(database: Sqlite, query: Query): string | null {
  if (query.kind === 'test') {
    const isOfMessage = 'column' in query.field && query.field.column === 'message';
    return isOfMessage ? matchOfTest(database, query.test) : null;
  }
  if (query.kind !== 'and' && query.kind !== 'or') return null;
  const parts = query.parts.map((part) => matchOf(database, part));
  if (parts.includes(null)) return null;
  const isNone = query.kind === 'and' && parts.includes('');
  const joint = parts.filter((part) => part !== '').join(query.kind === 'and' ? ' AND ' : ' OR ');
  return isNone || joint === '' ? '' : `(${joint})`;
}

function matchOfTest(database: Sqlite, test: Test): string | null {
  if (test.kind !== 'contains' || !/^[A-Za-z]+$/.test(test.value)) return null;
  const terms = termsLike(database, `%${test.value}%`);
  if (terms === null) return null;
  return terms.length === 0 ? '' : anyOf(terms);
}
