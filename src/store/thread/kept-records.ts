/** Records of rows that were found while they were looked at, for whoever writes them: to seek a row again costs more than to copy it. */
import type { TableCursor } from './pages/table-pages.ts';

/** Rows beyond them are read again. */
const mostBytes = 1024 * 1024;

export class KeptRecords {
  /** By id. */
  readonly #records = new Map<number, Buffer>();
  #bytes = 0;

  /** @param rows of the table `logs`, on the row. */
  keep({ id, bytes, at, length }: TableCursor): void {
    if (this.#bytes + length > mostBytes) return;
    this.#bytes += length;
    this.#records.set(id, Buffer.from(bytes.subarray(at, at + length)));
  }

  of(id: number): Buffer | undefined {
    return this.#records.get(id);
  }
}
