/**
 * Writes the b-tree of an index from its records, which come in order (https://sqlite.org/fileformat.html, section 1.6): leaves one
 * after another, each full; the record between two leaves goes to the level above, and so on up to the root.
 */
import { type PageFile, fittingInIndex, localBytes, writeVarint } from './page-file.ts';

const interiorIndex = 0x02;
const leafIndex = 0x0a;

/** A cell of an interior page: what lies left of it, and the cell as a leaf would have it. */
interface Divider {
  readonly leftChild: number;
  readonly cell: Buffer;
}

export class IndexPages {
  readonly #file: PageFile;
  readonly #root: number;
  readonly #leaf: PageBuilder;
  readonly #fitting: number;
  /** The record that did not fit the leaf: it parts the leaf from the next one, if there is a record for that. */
  #held: Buffer | null = null;
  readonly #dividers: Divider[] = [];
  /** A cell being made. */
  readonly #cell: Buffer;

  /** @param root the page of an index without records. */
  constructor(file: PageFile, root: number) {
    this.#file = file;
    this.#root = root;
    this.#leaf = new PageBuilder(file.pageSize, leafIndex);
    this.#fitting = fittingInIndex(file.pageSize);
    this.#cell = Buffer.alloc(file.pageSize);
  }

  /** @param record its first `length` bytes are taken. */
  add(record: Uint8Array, length: number): void {
    const cellBytes = this.#makeCell(record, length);
    if (this.#held !== null) {
      this.#dividers.push({ leftChild: this.#append(this.#leaf), cell: this.#held });
      this.#held = null;
    }
    if (!this.#leaf.push(this.#cell, cellBytes)) this.#held = Buffer.from(this.#cell.subarray(0, cellBytes));
  }

  finish(): void {
    if (this.#held !== null) {
      // No record is left for the next leaf: it gets the held one, and the last of this leaf parts the two.
      const cell = this.#leaf.pop();
      this.#dividers.push({ leftChild: this.#append(this.#leaf), cell });
      this.#leaf.push(this.#held, this.#held.length);
    }
    let dividers: readonly Divider[] = this.#dividers;
    if (dividers.length === 0) return this.#file.write(this.#root, this.#leaf.take());
    let last = this.#append(this.#leaf);
    while (dividers.length > 0) [dividers, last] = this.#levelAbove(dividers, last);
  }

  /** Interior pages over pages; answers what parts the new ones, and the last of them. The topmost is the root. */
  #levelAbove(dividers: readonly Divider[], last: number): [dividers: readonly Divider[], last: number] {
    const above: Divider[] = [];
    const page = new PageBuilder(this.#file.pageSize, interiorIndex);
    for (let at = 0; at < dividers.length; at++) {
      let { leftChild, cell } = dividers[at] as Divider;
      if (page.push(cell, cell.length, leftChild)) continue;
      if (at === dividers.length - 1) {
        // The next page needs a record beside its last child.
        page.pop();
        ({ leftChild, cell } = dividers[--at] as Divider);
      }
      page.rightChild = leftChild;
      above.push({ leftChild: this.#append(page), cell });
    }
    page.rightChild = last;
    if (above.length > 0) return [above, this.#append(page)];
    this.#file.write(this.#root, page.take());
    return [[], this.#root];
  }

  #append(page: PageBuilder): number {
    const number = this.#file.append();
    this.#file.write(number, page.take());
    return number;
  }

  /** @returns the length of the cell in `#cell`. */
  #makeCell(record: Uint8Array, length: number): number {
    const local = localBytes(length, this.#file.pageSize, this.#fitting);
    const start = writeVarint(this.#cell, 0, length);
    for (let at = 0; at < local; at++) this.#cell[start + at] = record[at] ?? 0;
    if (local === length) return start + local;
    this.#cell.writeUInt32BE(this.#writeOverflow(record.subarray(local, length)), start + local);
    return start + local + 4;
  }

  /** @returns the first of the pages that hold `rest`. */
  #writeOverflow(rest: Uint8Array): number {
    const first = this.#file.append();
    const bytesAPage = this.#file.pageSize - 4;
    let page = first;
    for (let at = 0; at < rest.length; at += bytesAPage) {
      const content = Buffer.alloc(this.#file.pageSize);
      content.set(rest.subarray(at, at + bytesAPage), 4);
      const number = page;
      if (at + bytesAPage < rest.length) page = this.#file.append();
      content.writeUInt32BE(number === page ? 0 : page, 0);
      this.#file.write(number, content);
    }
    return first;
  }
}

/** One page being filled: pointers to the cells from its begin, the cells from its end. */
class PageBuilder {
  readonly #page: Buffer;
  readonly #type: number;
  readonly #headerBytes: number;
  #cells = 0;
  #contentStart: number;
  /** Of an interior page: what lies right of its last cell. */
  rightChild = 0;

  constructor(pageSize: number, type: typeof interiorIndex | typeof leafIndex) {
    this.#page = Buffer.alloc(pageSize);
    this.#type = type;
    this.#headerBytes = type === interiorIndex ? 12 : 8;
    this.#contentStart = pageSize;
  }

  /** False when it does not fit. @param leftChild of an interior page. */
  push(cell: Buffer, length: number, leftChild = 0): boolean {
    const isInterior = this.#type === interiorIndex;
    const start = this.#contentStart - length - (isInterior ? 4 : 0);
    const pointer = this.#headerBytes + 2 * this.#cells;
    if (pointer + 2 > start) return false;
    let to = start;
    if (isInterior) to = this.#page.writeUInt32BE(leftChild, start);
    for (let at = 0; at < length; at++) this.#page[to + at] = cell[at] ?? 0;
    this.#page[pointer] = start >>> 8;
    this.#page[pointer + 1] = start;
    this.#contentStart = start;
    this.#cells++;
    return true;
  }

  /** Takes the last cell out again, and answers it as a leaf would have it. */
  pop(): Buffer {
    this.#cells--;
    const before = this.#headerBytes + 2 * (this.#cells - 1);
    const end = this.#cells === 0 ? this.#page.length : this.#page.readUInt16BE(before);
    const start = this.#contentStart + (this.#type === interiorIndex ? 4 : 0);
    this.#contentStart = end;
    return Buffer.from(this.#page.subarray(start, end));
  }

  /** The page, good until the next `push`, which begins another one. */
  take(): Buffer {
    this.#page.fill(0, this.#headerBytes + 2 * this.#cells, this.#contentStart);
    this.#page[0] = this.#type;
    this.#page.writeUInt16BE(this.#cells, 3);
    this.#page.writeUInt16BE(this.#contentStart % 65_536, 5); // 0 stands for 65,536
    if (this.#type === interiorIndex) this.#page.writeUInt32BE(this.rightChild, 8);
    this.#cells = 0;
    this.#contentStart = this.#page.length;
    return this.#page;
  }
}
