/**
 * Many rows of one file in the order of their ids, as JSON texts, read from the pages of its tables (row-writer.ts).
 *
 * Only for a page of many rows whose filter needs no index and no `q`; all else, and what is not as expected, is the engine's.
 */
import { severitiesFrom } from '../../record/severity.ts';
import type { Filter, RowPlace, SearchRequest } from '../../search/request.ts';
import { type PageReader, fromPages } from './pages/page-file.ts';
import { JsonText } from '../json-text.ts';
import { expectedRowBytes, maxPageText, placeOf } from './row-lines.ts';
import { RowWriter } from './row-writer.ts';
import type { Sqlite } from './sqlite.ts';

/** Below, opening the file costs more than is gained. */
const fewestRows = 200;
const mostExpectedBytes = 8 * 1024 * 1024;
/** A row's id and timestamp stand in its first bytes. */
const placeBytes = 80;

export function isForPages({ order, limit, filter }: SearchRequest): boolean {
  const { search, source, metadata = [] } = filter;
  return (
    order === 'arrival' && limit >= fewestRows && search === undefined && source === undefined && metadata.length === 0
  );
}

interface Mark {
  readonly length: number;
  readonly starts: readonly [number, number];
  readonly rowCount: number;
}

/** Rows of one file after the other, each with its newline, while a page has room for them. */
export class WrittenRows {
  readonly text: JsonText;
  /** Where the last rows begin, the last one last. */
  #starts: readonly [number, number] = [0, 0];
  rowCount = 0;
  isCut = false;

  /** @param limit rows that are expected; there may be more. */
  constructor(limit: number) {
    this.text = new JsonText(Math.min(limit * expectedRowBytes, mostExpectedBytes));
  }

  /** False when there was no room for it: it is taken back. @param start where it begins. */
  end(start: number): boolean {
    this.isCut = this.text.length > maxPageText && this.rowCount > 0;
    if (this.isCut) this.text.cutAt(start);
    else {
      this.#starts = [this.#starts[1], start];
      this.rowCount++;
    }
    return !this.isCut;
  }

  /** Once, at the end. */
  dropLast(): void {
    this.text.cutAt(this.#starts[1]);
    this.#starts = [this.#starts[0], this.#starts[0]];
    this.rowCount--;
  }

  mark(): Mark {
    return { length: this.text.length, starts: this.#starts, rowCount: this.rowCount };
  }

  backTo({ length, starts, rowCount }: Mark): void {
    this.text.cutAt(length);
    this.#starts = starts;
    this.rowCount = rowCount;
  }

  get last(): RowPlace | null {
    return this.rowCount === 0 ? null : placeOf(this.text.ascii(this.#starts[1], placeBytes));
  }
}

/**
 * False when something is not as expected; then the rows are as they were.
 * @param openPages of the file of `database`, as the database sees it or with more rows at the end; once a table.
 * @param asked its limit is that of all `rows`.
 */
export function writeRowsOfPages(
  database: Sqlite,
  openPages: () => PageReader,
  asked: SearchRequest,
  rows: WrittenRows,
): boolean {
  const before = rows.mark();
  const isWritten = fromPages(openPages, (open) => {
    writeRows(database, open, asked, rows);
    return true;
  });
  if (isWritten === null) rows.backTo(before);
  return isWritten !== null;
}

function writeRows(
  database: Sqlite,
  open: () => PageReader,
  { filter, after, limit }: SearchRequest,
  rows: WrittenRows,
): void {
  const lastId = database.get<{ id: number | null }>('SELECT max(id) AS id FROM logs')?.id ?? 0;
  const untilId = Math.min(filter.untilId ?? Infinity, lastId);
  const writer = new RowWriter(database, open, filter);
  const isWanted = wantedBy(filter);
  const { text } = rows;
  writer.seek(Math.max(filter.afterId ?? 0, after?.id ?? 0) + 1);
  while (writer.next() && writer.id <= untilId) {
    if (!writer.find() || !isWanted(writer)) continue;
    const start = text.length;
    writer.write(text);
    if (!rows.end(start) || rows.rowCount === limit) return;
  }
}

function wantedBy({ start, end, minSeverity = 'TRACE' }: Filter): (row: RowWriter) => boolean {
  const severities = new Set<string>(severitiesFrom(minSeverity));
  const isAll = start === undefined && end === undefined && minSeverity === 'TRACE';
  if (isAll) return () => true;
  return (row) => {
    const timestamp = row.column(1);
    const isInTime = (start === undefined || timestamp >= start) && (end === undefined || timestamp < end);
    return isInTime && severities.has(row.column(2));
  };
}
