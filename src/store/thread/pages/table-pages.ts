/** Reads the rows of a table from its pages, in the order of their ids (https://sqlite.org/fileformat.html, section 1.6). */
import { type PageReader, Varints, localBytes } from './page-file.ts';

const interiorTable = 0x05;
const leafTable = 0x0d;

/** @param bytes hold the record at `at`, whole; they are good until the call returns. */
export type OnRecord = (id: number, bytes: Uint8Array, at: number) => void;

export function readTable(pages: PageReader, root: number, onRecord: OnRecord): void {
  const rows = new TableCursor(pages, root);
  rows.seek(-Infinity);
  while (rows.next()) onRecord(rows.id, rows.bytes, rows.at);
}

/** An interior page on the way down to the leaf. */
interface Fork {
  readonly children: readonly number[];
  child: number;
}

/** Stands before a row, or on one. The reader's pages are its alone. */
export class TableCursor {
  /** Of the row that `next` came to. */
  id = 0;
  /** They hold its record, whole, from `at` on; good until the next call. */
  bytes: Buffer;
  at = 0;
  readonly #pages: PageReader;
  readonly #root: number;
  readonly #varints = new Varints();
  /** A copy: the overflow pages of a record come between. */
  readonly #leaf: Buffer;
  #cell = 0;
  #cells = 0;
  #forks: Fork[] = [];

  constructor(pages: PageReader, root: number) {
    this.#pages = pages;
    this.#root = root;
    this.#leaf = Buffer.alloc(pages.pageSize);
    this.bytes = this.#leaf;
  }

  /** Before the first row whose id is at least `id`. */
  seek(id: number): void {
    this.#forks = [];
    this.#descend(this.#root, id);
  }

  /** Before the rows of the next page that is wanted, which may be the one that it stands on; false without one. */
  seekPage(isWanted: (page: Buffer) => boolean): boolean {
    do if (this.isInPage && isWanted(this.#leaf)) return true;
    while (this.#toNextLeaf());
    return false;
  }

  /** Rows of the page that it stands on are left. */
  get isInPage(): boolean {
    return this.#cell < this.#cells;
  }

  /** False behind the last row. */
  next(): boolean {
    while (this.#cell === this.#cells) if (!this.#toNextLeaf()) return false;
    const varints = this.#varints;
    const page = this.#leaf;
    varints.at = page.readUInt16BE(8 + 2 * this.#cell++);
    const payloadBytes = varints.next(page);
    this.id = varints.next(page);
    if (payloadBytes <= page.length - 35) {
      this.bytes = page;
      this.at = varints.at;
    } else {
      this.bytes = wholePayload(this.#pages, page, varints.at, payloadBytes);
      this.at = 0;
    }
    return true;
  }

  #toNextLeaf(): boolean {
    for (let fork = this.#forks.at(-1); fork !== undefined; fork = this.#forks.at(-1)) {
      const page = fork.children[++fork.child];
      if (page !== undefined) {
        this.#descend(page, -Infinity);
        return true;
      }
      this.#forks.pop();
    }
    return false;
  }

  #descend(from: number, id: number): void {
    let number = from;
    let page = this.#pages.read(number);
    while (page[0] === interiorTable) {
      const child = this.#firstCell(page, 12, 4, id);
      const children = childrenOf(page);
      this.#forks.push({ children, child });
      // A tree of two thousand million pages is seven levels deep.
      if (this.#forks.length > 20) throw this.#pages.corrupt('a tree that does not end');
      number = children[child] ?? 0;
      page = this.#pages.read(number);
    }
    if (page[0] !== leafTable) throw this.#pages.corrupt(`page ${number} is none of a table`);
    page.copy(this.#leaf);
    this.#cells = page.readUInt16BE(3);
    this.#cell = this.#firstCell(this.#leaf, 8, -1, id);
  }

  /** The first cell whose id is at least `id`. @param keyAt where the id stands in a cell; -1 behind a varint. */
  #firstCell(page: Buffer, headerBytes: number, keyAt: number, id: number): number {
    const cells = page.readUInt16BE(3);
    if (id === -Infinity) return 0;
    const varints = this.#varints;
    let [low, high] = [0, cells];
    while (low < high) {
      const middle = (low + high) >>> 1;
      varints.at = page.readUInt16BE(headerBytes + 2 * middle) + Math.max(keyAt, 0);
      if (keyAt < 0) varints.next(page);
      if (varints.next(page) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** True where a row of the page goes on in overflow pages. */
export function hasOverflow(page: Buffer): boolean {
  const varints = new Varints();
  for (let cell = page.readUInt16BE(3) - 1; cell >= 0; cell--) {
    varints.at = page.readUInt16BE(8 + 2 * cell);
    if (varints.next(page) > page.length - 35) return true;
  }
  return false;
}

function childrenOf(page: Buffer): readonly number[] {
  const cells = page.readUInt16BE(3);
  const children = Array.from({ length: cells }, (_, cell) => page.readUInt32BE(page.readUInt16BE(12 + 2 * cell)));
  return [...children, page.readUInt32BE(8)];
}

/** A payload that goes on in overflow pages, put together. */
function wholePayload(pages: PageReader, page: Buffer, at: number, payloadBytes: number): Buffer {
  const payload = Buffer.alloc(payloadBytes);
  let taken = localBytes(payloadBytes, pages.pageSize, pages.pageSize - 35);
  page.copy(payload, 0, at, at + taken);
  let next = page.readUInt32BE(at + taken);
  while (taken < payloadBytes) {
    const overflow = pages.read(next);
    taken += overflow.copy(payload, taken, 4);
    next = overflow.readUInt32BE(0);
  }
  return payload;
}
