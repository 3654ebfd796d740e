/**
 * Writes rows of one file as JSON texts from the pages of its tables: what the engine walks, parses and joins row by row is two tables in the
 * same order here, whose texts are copied. The text is the one that the engine would give.
 */
import type { Application } from '../../record/log-record.ts';
import type { Filter } from '../../search/request.ts';
import type { JsonText } from '../json-text.ts';
import { applicationPart, rowParts } from '../row-parts.ts';
import type { PageReader } from './pages/page-file.ts';
import { PairCursor } from './pages/pair-cursor.ts';
import { Columns } from './pages/record-columns.ts';
import { TableCursor } from './pages/table-pages.ts';
import type { Sqlite } from './sqlite.ts';

export class RowWriter {
  /** Of the row that it stands on. */
  id = 0;
  readonly #logs: TableCursor;
  readonly #pairs: PairCursor;
  readonly #applications: ReadonlyMap<number, Buffer>;
  readonly #columns = new Columns(6);
  #application: Buffer | undefined;
  /** They hold the row's record from `#at` on. */
  #bytes: Uint8Array = noBytes;
  #at = 0;

  /**
   * @param open pages of the file of `database`, once a table.
   * @param filter of which applications rows are wanted.
   */
  constructor(database: Sqlite, open: () => PageReader, filter: Filter) {
    this.#logs = new TableCursor(open(), database.rootPageOf('logs'));
    this.#pairs = new PairCursor(open(), database.rootPageOf('logs_metadata'));
    this.#applications = applicationTexts(database, filter);
  }

  /** Before the first row whose id is at least `id`. */
  seek(id: number): void {
    this.#logs.seek(id);
    this.#pairs.forget();
  }

  /** False behind the last row. */
  next(): boolean {
    if (!this.#logs.next()) return false;
    ({ id: this.id, bytes: this.#bytes, at: this.#at } = this.#logs);
    return true;
  }

  /** On a row whose record has been read already. */
  stand(id: number, record: Uint8Array): void {
    [this.id, this.#bytes, this.#at] = [id, record, 0];
    this.#pairs.forget();
  }

  /** False when no row of its application is wanted; else it may be looked at and written. */
  find(): boolean {
    this.#columns.find(this.#bytes, this.#at);
    this.#application = this.#applications.get(this.#columns.integer(this.#bytes, 3));
    return this.#application !== undefined;
  }

  /** Of a column of ASCII, by its number. */
  column(number: number): string {
    return this.#columns.text(this.#bytes, number);
  }

  write(text: JsonText): void {
    const [bytes, id] = [this.#bytes, this.id];
    const columns = this.#columns;
    text.bytes(rowParts.start);
    text.integer(id);
    text.bytes(rowParts.timestamp);
    text.string(bytes, columns.start(1), columns.length(1));
    text.bytes(rowParts.severity);
    text.string(bytes, columns.start(2), columns.length(2));
    text.bytes(this.#application ?? noBytes);
    text.string(bytes, columns.start(4), columns.length(4));
    text.bytes(rowParts.message);
    text.string(bytes, columns.start(5), columns.length(5));
    text.bytes(rowParts.metadata);
    this.#writePairs(id, text);
    text.bytes(rowParts.end);
  }

  /** As members of an object. */
  #writePairs(id: number, text: JsonText): void {
    const pairs = this.#pairs;
    pairs.seek(id);
    for (let isFirst = true; pairs.logId === id; isFirst = false, pairs.next()) {
      const { bytes, columns } = pairs;
      if (!isFirst) text.bytes(rowParts.comma);
      text.string(bytes, columns.start(2), columns.length(2));
      text.bytes(rowParts.colon);
      text.string(bytes, columns.start(3), columns.length(3));
    }
  }
}

const noBytes = Buffer.alloc(0);

/** By id, of those that the filter wants: their members of a row, and the key of what follows them. */
function applicationTexts(database: Sqlite, { application, version, environment }: Filter): Map<number, Buffer> {
  const found = database.all<Application & { readonly id: number }>(
    'SELECT id, name, version, environment FROM applications',
  );
  const isWanted = (wanted: string | undefined, is: string | null): boolean => wanted === undefined || wanted === is;
  return new Map(
    found
      .filter((row) => isWanted(application, row.name) && isWanted(version, row.version))
      .filter((row) => isWanted(environment, row.environment))
      .map((row) => [row.id, applicationPart(row)]),
  );
}
