/**
 * How many rows each minute of a sealed segment has, by severity and application, in its table `logs_minutes`: what a chart asks for is added
 * up from there instead of counting rows.
 *
 * The columns are named like those of `logs`, so that a search's condition can be asked of either.
 */
import { severities } from '../../record/severity.ts';
import type { Query } from '../../search/query.ts';
import type { Filter } from '../../search/request.ts';
import type { Columns } from './pages/record-columns.ts';
import type { Sqlite } from './sqlite.ts';

/** With more cells than rows / 3 counting the rows is as quick. */
const mostCellsOfRows = 1 / 3;
/** Of a timestamp, up to its minute. */
const minuteLength = 16;
const zero = 0x30;
/** Where its digits stand. */
const digits = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15];

const placeOfSeverity: ReadonlyMap<string, number> = new Map(severities.map((severity, place) => [severity, place]));

/** Counts by application and severity. */
type Cells = Map<number, number>;

/** The minute of a timestamp, as one number of its digits. */
export function minuteDigits(bytes: Uint8Array, start: number): number {
  let minute = 0;
  for (const digit of digits) minute = minute * 10 + (bytes[start + digit] ?? 0) - zero;
  return minute;
}

/** When that minute begins, since 1970; NaN for what is none. */
export function secondsOfMinute(minute: number): number {
  const text = String(minute).padStart(digits.length, '0');
  const [, year, month, day, hour, minutes] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text) ?? [];
  return Date.parse(`${year}-${month}-${day}T${hour}:${minutes}:00Z`) / 1000;
}

export class MinuteCounts {
  readonly #minutes = new Map<string, Cells>();
  /** Digits of the minute of the row before, and its cells. */
  #minute = -1;
  #cells: Cells = new Map();
  #rows = 0;
  /** A row is not as ours are: nothing is said of any. */
  #isOdd = false;

  /** @param columns of a record of `logs`. */
  add(bytes: Uint8Array, columns: Columns): void {
    const place = placeOfSeverity.get(columns.text(bytes, 2));
    if (place === undefined || columns.length(1) < minuteLength) this.#isOdd = true;
    const minute = minuteDigits(bytes, columns.start(1));
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#cells = this.#cellsOf(columns.text(bytes, 1).slice(0, minuteLength));
    }
    const cell = columns.integer(bytes, 3) * severities.length + (place ?? 0);
    this.#cells.set(cell, (this.#cells.get(cell) ?? 0) + 1);
    this.#rows++;
  }

  store(database: Sqlite): void {
    const cells = [...this.#minutes].flatMap(([minute, counts]) =>
      [...counts].map(([cell, count]) => [minute, cell, count] as const),
    );
    if (this.#isOdd || cells.length > this.#rows * mostCellsOfRows) return;
    database.exec(
      'CREATE TABLE logs_minutes (timestamp TEXT NOT NULL, severity TEXT NOT NULL, application_id INTEGER NOT NULL, count INTEGER NOT NULL)',
    );
    database.run(
      `INSERT INTO logs_minutes
       SELECT value ->> 0, ?2 ->> ((value ->> 1) % ?3), (value ->> 1) / ?3, value ->> 2 FROM json_each(?1)`,
      [JSON.stringify(cells), JSON.stringify(severities), severities.length],
    );
  }

  #cellsOf(minute: string): Cells {
    const known = this.#minutes.get(minute);
    if (known !== undefined) return known;
    const cells: Cells = new Map();
    this.#minutes.set(minute, cells);
    return cells;
  }
}

export function hasMinuteCounts(database: Sqlite): boolean {
  return database.get("SELECT 1 AS known FROM sqlite_schema WHERE name = 'logs_minutes'") !== undefined;
}

/** True where whole minutes, severity and application say which rows are meant. */
export function isOfMinutes({ start, end, afterId, untilId, source, metadata = [], search }: Filter): boolean {
  const isCut = [start, end, afterId, untilId, source].some((bound) => bound !== undefined);
  return !isCut && metadata.length === 0 && (search === undefined || isOfCells(search.query));
}

function isOfCells(query: Query): boolean {
  if (query.kind === 'severity') return true;
  if (query.kind === 'not') return isOfCells(query.part);
  if (query.kind !== 'test') return query.parts.every(isOfCells);
  return 'column' in query.field && ['severity', 'application', 'version', 'environment'].includes(query.field.column);
}
