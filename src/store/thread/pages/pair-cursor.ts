import type { PageReader } from './page-file.ts';
import { Columns } from './record-columns.ts';
import { TableCursor } from './table-pages.ts';

/** Rows passed over at most before their metadata is looked for anew. */
const mostRowsPassed = 50;

/** The metadata rows of one log after the other, in rising order. */
export class PairCursor {
  /** The log whose pair the cursor stands on; behind the last row there is none. */
  logId = -Infinity;
  /** Of the record that it stands on, in `bytes`: 2 is the key, 3 the value. */
  readonly columns = new Columns(4);
  readonly #rows: TableCursor;

  /** @param root of the table `logs_metadata`. */
  constructor(pages: PageReader, root: number) {
    this.#rows = new TableCursor(pages, root);
  }

  get bytes(): Buffer {
    return this.#rows.bytes;
  }

  /** Whether the pair that it stands on has the key. */
  isOf(key: Uint8Array): boolean {
    return this.columns.length(2) === key.length && isEqual(this.bytes, this.columns.start(2), key);
  }

  /** Where it stands: what comes next may lie before that. */
  forget(): void {
    this.logId = -Infinity;
  }

  /** To the first pair of the log, or behind where it would be. */
  seek(logId: number): void {
    if (logId - this.logId > mostRowsPassed) {
      this.#rows.seek(logId * 1024);
      this.next();
    }
    while (this.logId < logId) this.next();
  }

  next(): void {
    this.logId = this.#rows.next() ? Math.floor(this.#rows.id / 1024) : Infinity;
    if (this.logId < Infinity) this.columns.find(this.#rows.bytes, this.#rows.at);
  }
}

export function isEqual(bytes: Uint8Array, start: number, other: Uint8Array): boolean {
  for (let at = 0; at < other.length; at++) if (bytes[start + at] !== other[at]) return false;
  return true;
}
