/**
 * Many rows of one file in the order of their ids, as JSON texts, read from the pages of its tables: what the engine walks, parses and
 * joins row by row is two tables in the same order here, whose texts are copied. The text is the one that the engine would give.
 *
 * Only for a page of many rows whose filter needs no index and no `q`; all else, and what is not as expected, is the engine's.
 */
import { RegressionError, systemCodeOf } from '../../runtime/errors.ts';
import { severitiesFrom } from '../../record/severity.ts';
import type { Filter, RowPlace, SearchRequest } from '../../search/request.ts';
import type { PageReader } from './pages/page-file.ts';
import { Columns } from './pages/record-columns.ts';
import { JsonText } from './pages/json-text.ts';
import { TableCursor } from './pages/table-pages.ts';
import { maxPageText, placeOf } from './row-lines.ts';
import type { Sqlite } from './sqlite.ts';

/** Below, opening the file costs more than is gained. */
const fewestRows = 200;
/** What is set aside for a row; what is missing is made room for. */
const expectedRowBytes = 600;
const mostExpectedBytes = 8 * 1024 * 1024;
/** A row's id and timestamp stand in its first bytes. */
const placeBytes = 80;
/** Rows passed over at most before their metadata is looked for anew. */
const mostRowsPassed = 50;

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
  const opened: PageReader[] = [];
  const open = (): PageReader => {
    const pages = openPages();
    opened.push(pages);
    return pages;
  };
  const before = rows.mark();
  try {
    writeRows(database, open, asked, rows);
    return true;
  } catch (error) {
    // The engine says better what is wrong with a file, if it finds anything.
    const isExpected = error instanceof RegressionError && error.code === 'STORE_CORRUPT';
    if (!isExpected && systemCodeOf(error) === undefined) throw error;
    rows.backTo(before);
    return false;
  } finally {
    for (const pages of opened) pages.close();
  }
}

function writeRows(
  database: Sqlite,
  open: () => PageReader,
  { filter, after, limit }: SearchRequest,
  rows: WrittenRows,
): void {
  const lastId = database.get<{ id: number | null }>('SELECT max(id) AS id FROM logs')?.id ?? 0;
  const untilId = Math.min(filter.untilId ?? Infinity, lastId);
  const logs = new TableCursor(open(), database.rootPageOf('logs'));
  const pairs = new PairCursor(open(), database.rootPageOf('logs_metadata'));
  const isWanted = wantedBy(filter);
  const applications = applicationTexts(database, filter);
  const log = new Columns(6);
  const { text } = rows;
  logs.seek(Math.max(filter.afterId ?? 0, after?.id ?? 0) + 1);
  while (logs.next() && logs.id <= untilId) {
    const { bytes } = logs;
    log.find(bytes, logs.at);
    const application = applications.get(log.integer(bytes, 3));
    if (application === undefined || !isWanted(log, bytes)) continue;
    const start = text.length;
    text.bytes(rowStart);
    text.integer(logs.id);
    text.bytes(timestampKey);
    text.string(bytes, log.start(1), log.length(1));
    text.bytes(severityKey);
    text.string(bytes, log.start(2), log.length(2));
    text.bytes(application);
    text.string(bytes, log.start(4), log.length(4));
    text.bytes(messageKey);
    text.string(bytes, log.start(5), log.length(5));
    text.bytes(metadataKey);
    pairs.write(logs.id, text);
    text.bytes(rowEnd);
    if (!rows.end(start) || rows.rowCount === limit) return;
  }
}

const rowStart = Buffer.from('{"id":');
const timestampKey = Buffer.from(',"timestamp":');
const severityKey = Buffer.from(',"severity":');
const messageKey = Buffer.from(',"message":');
const metadataKey = Buffer.from(',"metadata":{');
const rowEnd = Buffer.from('}}\n');
const comma = Buffer.from(',');
const colon = Buffer.from(':');

/** By id, of those that the filter wants: their members of a row, and the key of what follows them. */
function applicationTexts(database: Sqlite, { application, version, environment }: Filter): Map<number, Buffer> {
  const found = database.all<{
    id: number;
    name: string;
    version: string | null;
    environment: string | null;
    text: string;
  }>(
    `SELECT id, name, version, environment,
       json_object('application', name, 'version', version, 'environment', environment) AS text FROM applications`,
  );
  const isWanted = (wanted: string | undefined, is: string | null): boolean => wanted === undefined || wanted === is;
  return new Map(
    found
      .filter((row) => isWanted(application, row.name) && isWanted(version, row.version))
      .filter((row) => isWanted(environment, row.environment))
      .map(({ id, text }) => [id, Buffer.from(`,${text.slice(1, -1)},"source":`)]),
  );
}

function wantedBy({ start, end, minSeverity = 'TRACE' }: Filter): (log: Columns, bytes: Uint8Array) => boolean {
  const severities = new Set<string>(severitiesFrom(minSeverity));
  const isAll = start === undefined && end === undefined && minSeverity === 'TRACE';
  if (isAll) return () => true;
  return (log, bytes) => {
    const timestamp = log.text(bytes, 1);
    const isInTime = (start === undefined || timestamp >= start) && (end === undefined || timestamp < end);
    return isInTime && severities.has(log.text(bytes, 2));
  };
}

/** The metadata rows of one log after the other, in rising order. */
class PairCursor {
  readonly #rows: TableCursor;
  readonly #columns = new Columns(4);
  /** The log whose pair the cursor stands on; behind the last row there is none. */
  #logId = -Infinity;

  constructor(pages: PageReader, root: number) {
    this.#rows = new TableCursor(pages, root);
  }

  /** Writes the pairs of the log as members of an object. */
  write(logId: number, text: JsonText): void {
    if (logId - this.#logId > mostRowsPassed) {
      this.#rows.seek(logId * 1024);
      this.#next();
    }
    while (this.#logId < logId) this.#next();
    for (let isFirst = true; this.#logId === logId; isFirst = false, this.#next()) {
      const { bytes, at } = this.#rows;
      this.#columns.find(bytes, at);
      if (!isFirst) text.bytes(comma);
      text.string(bytes, this.#columns.start(2), this.#columns.length(2));
      text.bytes(colon);
      text.string(bytes, this.#columns.start(3), this.#columns.length(3));
    }
  }

  #next(): void {
    this.#logId = this.#rows.next() ? Math.floor(this.#rows.id / 1024) : Infinity;
  }
}
