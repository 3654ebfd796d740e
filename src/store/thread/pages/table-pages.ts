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

/** An interior page on the way down to the leaf, and the child that the way goes to. */
interface Fork {
  /** A copy, kept when the next way leads through the same page. */
  readonly page: Buffer;
  number: number;
  child: number;
}
const noPage = Buffer.alloc(0);
/** A tree of two thousand million pages is seven levels deep. */
const deepest = 20;

/** Stands before a row, or on one. The reader's pages are its alone. */
export class TableCursor {
  /** Of the row that `next` came to. */
  id = 0;
  /** They hold its record, whole, from `at` on; good until the next call. */
  bytes: Buffer = noPage;
  at = 0;
  /** Of the record. */
  length = 0;
  readonly #pages: PageReader;
  readonly #root: number;
  readonly #varints = new Varints();
  /** As the reader has it, until the overflow pages of a record come between. */
  #leaf: Buffer = noPage;
  #copy: Buffer | null = null;
  #cell = 0;
  #cells = 0;
  /** The first `#depth` are in use. */
  readonly #forks: Fork[] = [];
  #depth = 0;

  constructor(pages: PageReader, root: number) {
    this.#pages = pages;
    this.#root = root;
  }

  /** Before the first row whose id is at least `id`. */
  seek(id: number): void {
    this.#depth = 0;
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
    this.length = payloadBytes;
    if (payloadBytes <= page.length - 35) {
      this.bytes = page;
      this.at = varints.at;
    } else {
      this.bytes = wholePayload(this.#pages, this.#copyOfLeaf(), varints.at, payloadBytes);
      this.at = 0;
    }
    return true;
  }

  #copyOfLeaf(): Buffer {
    if (this.#leaf === this.#copy) return this.#leaf;
    this.#copy ??= Buffer.alloc(this.#pages.pageSize);
    this.#leaf.copy(this.#copy);
    this.#leaf = this.#copy;
    return this.#leaf;
  }

  #toNextLeaf(): boolean {
    for (; this.#depth > 0; this.#depth--) {
      const fork = this.#forks[this.#depth - 1] as Fork;
      if (fork.child === fork.page.readUInt16BE(3)) continue;
      fork.child++;
      this.#descend(childOf(fork), -Infinity);
      return true;
    }
    return false;
  }

  #descend(from: number, id: number): void {
    let number = from;
    for (let fork = this.#forkAt(number); fork !== null; fork = this.#forkAt(number)) {
      fork.child = this.#firstCell(fork.page, 12, 4, id);
      number = childOf(fork);
    }
    this.#cells = this.#leaf.readUInt16BE(3);
    this.#cell = this.#firstCell(this.#leaf, 8, -1, id);
  }

  /** The next fork of the way; null where the page is a leaf, which is taken. */
  #forkAt(number: number): Fork | null {
    const known = this.#forks[this.#depth];
    if (known?.number !== number) {
      const page = this.#pages.read(number);
      if (page[0] === leafTable) {
        this.#leaf = page;
        return null;
      }
      if (page[0] !== interiorTable) throw this.#pages.corrupt(`page ${number} is none of a table`);
      if (this.#depth === deepest) throw this.#pages.corrupt('a tree that does not end');
      const fork = (this.#forks[this.#depth] ??= { page: Buffer.alloc(page.length), number, child: 0 });
      page.copy(fork.page);
      fork.number = number;
    }
    return this.#forks[this.#depth++] as Fork;
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

function childOf({ page, child }: Fork): number {
  return page.readUInt32BE(child === page.readUInt16BE(3) ? 8 : page.readUInt16BE(12 + 2 * child));
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
