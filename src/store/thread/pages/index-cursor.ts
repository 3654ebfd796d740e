/**
 * Reads an index of one text column from its pages, forwards or backwards (https://sqlite.org/fileformat.html, section 1.6): by text in the order
 * of its bytes, then by id. Interior pages hold records as well, one between each two children.
 */
import { type PageReader, Varints, fittingInIndex } from './page-file.ts';
import { Columns } from './record-columns.ts';

const interiorIndex = 0x02;
const leafIndex = 0x0a;
/** An index of two thousand million pages is less deep. */
const deepest = 20;

export interface IndexPlace {
  readonly text: string;
  readonly id: number;
}

/** Above the first, up to the second. */
export interface IdsWanted {
  readonly afterId: number;
  readonly untilId: number;
}

/** A page on the way from the root to the record. What comes next lies at `at`: a cell of a leaf, a child of an interior page. */
interface Level {
  readonly page: Buffer;
  isLeaf: boolean;
  cells: number;
  at: number;
}

/** Stands between two records, or behind one. The reader's pages are its alone. */
export class IndexCursor {
  /** Of the record that it came to last: its text is the `length` bytes of `bytes` from `start` on, good until the next call. */
  id = 0;
  bytes: Buffer;
  start = 0;
  length = 0;
  /** Others may take their place that are of the same state. */
  pages: PageReader;
  readonly #root: number;
  readonly #isBackwards: boolean;
  readonly #varints = new Varints();
  readonly #columns = new Columns(2);
  /** The first `#depth` are in use: their buffers serve again. */
  readonly #levels: Level[] = [];
  #depth = 0;

  constructor(pages: PageReader, root: number, direction: 'forwards' | 'backwards') {
    this.pages = pages;
    this.#root = root;
    this.#isBackwards = direction === 'backwards';
    this.bytes = Buffer.alloc(0);
  }

  /** Between the records below the place and the others. @param place null for the end that the walk begins at. */
  seek(place: IndexPlace | null): void {
    this.#depth = 0;
    this.#descend(this.#root, place === null ? null : { text: Buffer.from(place.text), id: place.id });
  }

  /** False behind the last record. */
  next(): boolean {
    while (this.#depth > 0) {
      const level = this.#levels[this.#depth - 1] as Level;
      if (level.at === this.#endOf(level)) {
        this.#depth--;
        continue;
      }
      const cell = this.#isBackwards ? --level.at : level.at++;
      this.#read(level, cell);
      if (!level.isLeaf) this.#descend(this.#child(level), null);
      return true;
    }
    return false;
  }

  /**
   * Adds the ids of the records that come next, those of `wanted` alone, until there are `limit`. False when the walk is over: behind the last record, or at
   * that of the id `stop`. As `next`, in a third of the time.
   * @param texts of ASCII; those of the ids are added, where it is given.
   */
  takeIds(
    ids: number[],
    limit: number,
    { afterId, untilId }: IdsWanted,
    stop: number | null,
    texts?: string[],
  ): boolean {
    while (ids.length < limit) {
      const level = this.#levels[this.#depth - 1];
      const id = level?.isLeaf === true && level.at !== this.#endOf(level) ? this.#nextOfLeaf(level) : null;
      if (id === null && !this.next()) return false;
      const found = id ?? this.id;
      if (found === stop) return false;
      if (found <= afterId || found > untilId) continue;
      ids.push(found);
      texts?.push(this.bytes.toString('latin1', this.start, this.start + this.length));
    }
    return true;
  }

  /** Null, with nothing done, for a record of another form than nearly all have: a short text and an id of up to four bytes. */
  #nextOfLeaf(level: Level): number | null {
    const { page } = level;
    const pointer = 8 + 2 * (this.#isBackwards ? level.at - 1 : level.at);
    const at = ((page[pointer] ?? 0) << 8) | (page[pointer + 1] ?? 0);
    const [textType, idBytes] = [page[at + 2] ?? 0, page[at + 3] ?? 0];
    if ((page[at] ?? 0) >= 0x80 || page[at + 1] !== 3 || idBytes < 1 || idBytes > 4) return null;
    if (textType >= 0x80 || textType <= 12 || (textType & 1) === 0) return null;
    level.at += this.#isBackwards ? -1 : 1;
    this.bytes = page;
    this.start = at + 4;
    this.length = (textType - 13) >>> 1;
    const idAt = this.start + this.length;
    let id = 0;
    for (let byte = idAt; byte < idAt + idBytes; byte++) id = id * 256 + (page[byte] ?? 0);
    return id;
  }

  #endOf(level: Level): number {
    return this.#isBackwards ? 0 : level.cells;
  }

  #descend(from: number, place: { readonly text: Buffer; readonly id: number } | null): void {
    for (let number = from; ;) {
      const level = this.#levelOf(number);
      if (place !== null) level.at = this.#firstCell(level, place);
      else level.at = this.#isBackwards ? level.cells : 0;
      if (level.isLeaf) return;
      number = this.#child(level);
    }
  }

  #levelOf(number: number): Level {
    const page = this.pages.read(number);
    const isLeaf = page[0] === leafIndex;
    if (!isLeaf && page[0] !== interiorIndex) throw this.pages.corrupt(`page ${number} is none of an index`);
    if (this.#depth === deepest) throw this.pages.corrupt('a tree that does not end');
    const level = (this.#levels[this.#depth] ??= { page: Buffer.alloc(page.length), isLeaf, cells: 0, at: 0 });
    this.#depth++;
    page.copy(level.page);
    level.isLeaf = isLeaf;
    level.cells = page.readUInt16BE(3);
    return level;
  }

  #child({ page, cells, at }: Level): number {
    return page.readUInt32BE(at === cells ? 8 : page.readUInt16BE(12 + 2 * at));
  }

  #read({ page, isLeaf }: Level, cell: number): void {
    const varints = this.#varints;
    varints.at = isLeaf ? page.readUInt16BE(8 + 2 * cell) : page.readUInt16BE(12 + 2 * cell) + 4;
    if (varints.next(page) > fittingInIndex(page.length)) throw this.pages.corrupt('a record that goes on elsewhere');
    this.bytes = page;
    const columns = this.#columns;
    columns.find(page, varints.at);
    this.start = columns.start(0);
    this.length = columns.length(0);
    this.id = columns.integer(page, 1);
  }

  /** The first cell whose record is not below the place. */
  #firstCell(level: Level, { text, id }: { readonly text: Buffer; readonly id: number }): number {
    let [low, high] = [0, level.cells];
    while (low < high) {
      const middle = (low + high) >>> 1;
      this.#read(level, middle);
      const difference = level.page.compare(text, 0, text.length, this.start, this.start + this.length);
      if (difference < 0 || (difference === 0 && this.id < id)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
