/**
 * The pages of an SQLite file that nobody writes meanwhile: what is needed of the file format (https://sqlite.org/fileformat.html) to
 * read a table and to write an index without the engine. What the engine's cache and journal are for is the caller's matter: a file
 * that is written is thrown away when anything fails.
 */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { RegressionError, systemCodeOf } from '../../../runtime/errors.ts';
import { free } from '../../../runtime/free.ts';

const headerBytes = 100;
const magic = 'SQLite format 3\0';
/** The page at this offset is never used: the engine's locks lie there (section 1.5). */
const lockByteOffset = 0x40000000;
const pagesAtOnce = 32;
/** So many that are passed over are no jump. */
const fewPages = 4;

export interface PageReader {
  readonly pageSize: number;
  /**
   * A page as it was when the file was opened, good until another one is read.
   * @throws RegressionError `STORE_CORRUPT` for a page that the file does not have.
   */
  read(page: number): Buffer;
  corrupt(what: string): RegressionError;
  close(): void;
}

/** What a reader of pages gives up for: the engine is asked then, and says better what is wrong with a file, if it finds anything. */
export function isUnreadable(error: unknown): boolean {
  const isCorrupt = error instanceof RegressionError && error.code === 'STORE_CORRUPT';
  return isCorrupt || systemCodeOf(error) !== undefined;
}

/** What `work` makes of pages; null where a file is not as expected. @param openPages its pages are closed in the end. */
export function fromPages<Result, Which extends readonly unknown[]>(
  openPages: (...which: Which) => PageReader,
  work: (open: (...which: Which) => PageReader) => Result,
): Result | null {
  const opened: PageReader[] = [];
  try {
    return work((...which) => {
      const pages = openPages(...which);
      opened.push(pages);
      return pages;
    });
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return null;
  } finally {
    for (const pages of opened) pages.close();
  }
}

export class PageFile implements PageReader {
  readonly path: string;
  readonly pageSize: number;
  readonly #descriptor: number;
  #pageCount: number;
  /** The pages read last, from `#windowStart` on: a table's pages lie close together, and a call to the system costs more than they. */
  #window: Buffer<ArrayBuffer>;
  #windowStart = 0;
  #windowPages = 0;

  /** @throws RegressionError `STORE_CORRUPT` for a file that is not as the engine leaves those that we create. */
  constructor(path: string, mode: 'r' | 'r+') {
    this.path = path;
    this.#descriptor = openSync(path, mode);
    const header = Buffer.alloc(headerBytes);
    readSync(this.#descriptor, header, 0, headerBytes, 0);
    this.pageSize = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16);
    this.#pageCount = header.readUInt32BE(28);
    this.#window = Buffer.allocUnsafeSlow(this.pageSize);
    const isAsExpected =
      header.toString('latin1', 0, 16) === magic &&
      header[20] === 0 && // no bytes of a page are reserved
      header.readUInt32BE(24) === header.readUInt32BE(92) && // the page count is true
      header.readUInt32BE(52) === 0 && // no auto-vacuum
      header.readUInt32BE(56) === 1 && // UTF-8
      fstatSync(this.#descriptor).size === this.#pageCount * this.pageSize;
    if (isAsExpected) return;
    this.close();
    throw this.corrupt('an unexpected file header');
  }

  read(page: number): Buffer {
    if (page < this.#windowStart || page >= this.#windowStart + this.#windowPages) this.#readFrom(page);
    const at = (page - this.#windowStart) * this.pageSize;
    return this.#window.subarray(at, at + this.pageSize);
  }

  write(page: number, from: Uint8Array): void {
    for (let written = 0; written < this.pageSize;) {
      const position = (page - 1) * this.pageSize + written;
      written += writeSync(this.#descriptor, from, written, this.pageSize - written, position);
    }
  }

  /** The number of a new page at the end of the file, which is to be written. */
  append(): number {
    this.#pageCount++;
    if ((this.#pageCount - 1) * this.pageSize === lockByteOffset) this.#pageCount++;
    return this.#pageCount;
  }

  /** Enters the new pages into the file's header. */
  finish(): void {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(this.#pageCount);
    writeSync(this.#descriptor, count, 0, 4, 28);
  }

  /** Pages that were read are gone with it. */
  close(): void {
    closeSync(this.#descriptor);
    free(this.#window.buffer);
  }

  #readFrom(page: number): void {
    if (page < 1 || page > this.#pageCount) throw this.corrupt(`it refers to page ${page} of ${this.#pageCount}`);
    // Who jumps to and fro, or goes backwards, needs one page; who goes on where the window ends, more and more of them.
    const beyond = page - this.#windowStart - this.#windowPages;
    const pages = beyond >= 0 && beyond < fewPages ? Math.min(this.#windowPages * 2, pagesAtOnce) : 1;
    const wanted = Math.max(pages, 1) * this.pageSize;
    if (wanted > this.#window.length) {
      // As large as it has to be: memory that the system gives anew costs more to touch than to read into.
      free(this.#window.buffer);
      this.#windowPages = 0;
      this.#window = Buffer.allocUnsafeSlow(wanted);
    }
    const bytes = readSync(this.#descriptor, this.#window, 0, wanted, (page - 1) * this.pageSize);
    this.#windowStart = page;
    this.#windowPages = Math.floor(bytes / this.pageSize);
    if (this.#windowPages === 0) throw this.corrupt(`page ${page} is cut`);
  }

  /** For whoever reads the pages, too. */
  corrupt(what: string): RegressionError {
    return new RegressionError('STORE_CORRUPT', `${this.path}: ${what}`, {
      hint: 'The closed file still answers queries; check the disk.',
    });
  }
}

/** How much of a payload stands in its cell; the rest is in overflow pages (section 1.6). @param fitting what fits as a whole. */
export function localBytes(payloadBytes: number, pageSize: number, fitting: number): number {
  if (payloadBytes <= fitting) return payloadBytes;
  const least = Math.floor(((pageSize - 12) * 32) / 255) - 23;
  const local = least + ((payloadBytes - least) % (pageSize - 4));
  return local <= fitting ? local : least;
}

/** What fits into a cell of an index as a whole. */
export function fittingInIndex(pageSize: number): number {
  return Math.floor(((pageSize - 12) * 64) / 255) - 23;
}

/** Reads the variable-length integers of the format, one after another. */
export class Varints {
  /** Where the next one begins. */
  at = 0;

  next(bytes: Uint8Array): number {
    let value = 0;
    for (let count = 1; count < 9; count++) {
      const byte = bytes[this.at++] ?? 0;
      if (byte < 0x80) return value * 128 + byte;
      value = value * 128 + (byte & 0x7f);
    }
    return value * 256 + (bytes[this.at++] ?? 0);
  }
}

/** @returns where the next byte goes. @param value up to 2^28. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let next = at;
  if (value >= 0x200000) bytes[next++] = 0x80 | (value >>> 21);
  if (value >= 0x4000) bytes[next++] = 0x80 | ((value >>> 14) & 0x7f);
  if (value >= 0x80) bytes[next++] = 0x80 | ((value >>> 7) & 0x7f);
  bytes[next++] = value & 0x7f;
  return next;
}
