/**
 * The pages of a database file with those of its WAL over them (https://sqlite.org/walformat.html), as of the last commit that the WAL
 * held when it was read. Nobody may checkpoint while it is in use; the WAL may grow.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { RegressionError } from '../../../runtime/errors.ts';
import type { PageFile, PageReader } from './page-file.ts';

const headerBytes = 32;
const frameHeaderBytes = 24;
/** The checksums of this one read little-endian words, as this engine's do. */
const magic = 0x377f0682;
const framesAtOnce = 32;

/** Where in a WAL the committed pages are. */
export class Wal {
  readonly descriptor: number;
  /** By page. */
  readonly #offsets = new Map<number, number>();

  /** @throws RegressionError `STORE_CORRUPT` for what is no WAL of ours; an error of the file system where there is none. */
  constructor(path: string, file: PageFile) {
    this.descriptor = openSync(path, 'r');
    try {
      this.#read(file);
    } catch (error) {
      closeSync(this.descriptor);
      throw error;
    }
  }

  offsetOf(page: number): number | undefined {
    return this.#offsets.get(page);
  }

  close(): void {
    closeSync(this.descriptor);
  }

  #read(file: PageFile): void {
    const header = Buffer.alloc(headerBytes);
    const { size } = fstatSync(this.descriptor);
    if (size === 0) return;
    readSync(this.descriptor, header, 0, headerBytes, 0);
    const sum = new Checksum();
    sum.add(header, 0, 24);
    const isOurs = header.readUInt32BE(0) === magic && header.readUInt32BE(8) === file.pageSize && sum.isAt(header, 24);
    if (!isOurs) throw file.corrupt('an unexpected header of the WAL');

    const frameBytes = frameHeaderBytes + file.pageSize;
    const frames = Buffer.alloc(framesAtOnce * frameBytes);
    /** Those behind the last commit. */
    let pending: [page: number, offset: number][] = [];
    for (let position = headerBytes; position + frameBytes <= size;) {
      const bytes = readSync(this.descriptor, frames, 0, frames.length, position);
      const count = Math.floor(bytes / frameBytes);
      if (count === 0) return;
      for (let at = 0; at < count * frameBytes; at += frameBytes) {
        if (frames.compare(header, 16, 24, at + 8, at + 16) !== 0) return; // of an older WAL
        sum.add(frames, at, 8);
        sum.add(frames, at + frameHeaderBytes, file.pageSize);
        if (!sum.isAt(frames, at + 16)) return; // being written
        pending.push([frames.readUInt32BE(at), position + at + frameHeaderBytes]);
        if (frames.readUInt32BE(at + 4) === 0) continue;
        for (const [page, offset] of pending) this.#offsets.set(page, offset);
        pending = [];
      }
      position += count * frameBytes;
    }
  }
}

export class WalPages implements PageReader {
  readonly #file: PageFile;
  readonly #wal: Wal;
  readonly #page: Buffer;

  /** @param file is closed with it, the WAL is not. */
  constructor(file: PageFile, wal: Wal) {
    this.#file = file;
    this.#wal = wal;
    this.#page = Buffer.alloc(file.pageSize);
  }

  get pageSize(): number {
    return this.#file.pageSize;
  }

  read(page: number): Buffer {
    const offset = this.#wal.offsetOf(page);
    if (offset === undefined) return this.#file.read(page);
    readSync(this.#wal.descriptor, this.#page, 0, this.#page.length, offset);
    return this.#page;
  }

  corrupt(what: string): RegressionError {
    return this.#file.corrupt(what);
  }

  close(): void {
    this.#file.close();
  }
}

/** Section 4.2. It goes on from frame to frame. */
class Checksum {
  #first = 0;
  #second = 0;

  add(bytes: Buffer, from: number, length: number): void {
    let [first, second] = [this.#first, this.#second];
    for (let at = from; at < from + length; at += 8) {
      first = (first + bytes.readInt32LE(at) + second) | 0;
      second = (second + bytes.readInt32LE(at + 4) + first) | 0;
    }
    this.#first = first;
    this.#second = second;
  }

  isAt(bytes: Buffer, at: number): boolean {
    return bytes.readInt32BE(at) === this.#first && bytes.readInt32BE(at + 4) === this.#second;
  }
}
