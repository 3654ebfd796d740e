/**
 * The pages of a database file with those of its WAL over them (https://sqlite.org/walformat.html), as of the last commit that the WAL
 * held when it was read. Nobody may checkpoint while it is in use; the WAL may grow.
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import type { RegressionError } from '../../../runtime/errors.ts';
import { free } from '../../../runtime/free.ts';
import type { PageFile, PageReader } from './page-file.ts';

const headerBytes = 32;
const frameHeaderBytes = 24;
/** The checksums of this one read little-endian words, as this engine's do. */
const magic = 0x377f0682;
const framesAtOnce = 32;
/** So many that are passed over are no jump: those of other tables, which the same commit has written. */
const fewFrames = 4;

/**
 * Where in the WAL of a file the committed pages are. Kept while the file is asked again and again: of a WAL that has only grown, what is new is
 * read.
 */
export class Wal {
  readonly #path: string;
  #descriptor: number | null = null;
  /** What tells one WAL from the next: its salts are in it. */
  readonly #header = Buffer.alloc(headerBytes);
  /** By page. */
  readonly #offsets = new Map<number, number>();
  /** Behind the last commit that was read, with the checksum up to there. */
  #position = 0;
  #sum = new Checksum();

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Up to the last commit that is there now.
   * @throws RegressionError `STORE_CORRUPT` for what is no WAL of ours; an error of the file system where there is none.
   */
  readOn(file: PageFile): void {
    if (this.#descriptor !== null && isAt(this.#path, this.#descriptor)) {
      if (this.#hasGrown()) return this.#read(file);
    } else {
      this.close();
      this.#descriptor = openSync(this.#path, 'r');
    }
    this.#forget();
    this.#read(file);
  }

  offsetOf(page: number): number | undefined {
    return this.#offsets.get(page);
  }

  /** @returns how many bytes there were. */
  readAt(into: Buffer, bytes: number, offset: number): number {
    return this.#descriptor === null ? 0 : readSync(this.#descriptor, into, 0, bytes, offset);
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
    this.#forget();
  }

  #forget(): void {
    this.#offsets.clear();
    this.#position = 0;
    this.#sum = new Checksum();
  }

  #hasGrown(): boolean {
    if (this.#descriptor === null || this.#position === 0) return false;
    const header = Buffer.alloc(headerBytes);
    const bytes = readSync(this.#descriptor, header, 0, headerBytes, 0);
    return bytes === headerBytes && header.equals(this.#header) && fstatSync(this.#descriptor).size >= this.#position;
  }

  #read(file: PageFile): void {
    const descriptor = this.#descriptor ?? 0;
    const { size } = fstatSync(descriptor);
    if (size === 0) return;
    if (this.#position === 0) this.#readHeader(descriptor, file);

    const frameBytes = frameHeaderBytes + file.pageSize;
    const frames = Buffer.allocUnsafeSlow(Math.min(framesAtOnce * frameBytes, Math.max(size - this.#position, 0)));
    this.#readFrames(frames, frameBytes, size);
    free(frames.buffer);
  }

  /** @param frames room for some of them; @param size of the WAL. */
  #readFrames(frames: Buffer, frameBytes: number, size: number): void {
    const descriptor = this.#descriptor ?? 0;
    const pageSize = frameBytes - frameHeaderBytes;
    const sum = this.#sum.copy();
    /** Those behind the last commit. */
    let pending: [page: number, offset: number][] = [];
    for (let position = this.#position; position + frameBytes <= size;) {
      const bytes = readSync(descriptor, frames, 0, frames.length, position);
      const count = Math.floor(bytes / frameBytes);
      if (count === 0) return;
      for (let at = 0; at < count * frameBytes; at += frameBytes) {
        if (frames.compare(this.#header, 16, 24, at + 8, at + 16) !== 0) return; // of an older WAL
        sum.add(frames, at, 8);
        sum.add(frames, at + frameHeaderBytes, pageSize);
        if (!sum.isAt(frames, at + 16)) return; // being written
        pending.push([frames.readUInt32BE(at), position + at + frameHeaderBytes]);
        if (frames.readUInt32BE(at + 4) === 0) continue;
        for (const [page, offset] of pending) this.#offsets.set(page, offset);
        pending = [];
        this.#position = position + at + frameBytes;
        this.#sum = sum.copy();
      }
      position += count * frameBytes;
    }
  }

  #readHeader(descriptor: number, file: PageFile): void {
    const header = this.#header.fill(0);
    readSync(descriptor, header, 0, headerBytes, 0);
    const sum = new Checksum();
    sum.add(header, 0, 24);
    const isOurs = header.readUInt32BE(0) === magic && header.readUInt32BE(8) === file.pageSize && sum.isAt(header, 24);
    if (!isOurs) throw file.corrupt('an unexpected header of the WAL');
    this.#position = headerBytes;
    this.#sum = sum;
  }
}

function isAt(path: string, descriptor: number): boolean {
  const [there, open] = [
    statSync(path, { bigint: true, throwIfNoEntry: false }),
    fstatSync(descriptor, { bigint: true }),
  ];
  return there?.ino === open.ino && there.dev === open.dev;
}

export class WalPages implements PageReader {
  readonly #file: PageFile;
  readonly #wal: Wal;
  /** The bytes of the WAL read last, from `#windowStart` on: as with a file's pages (page-file.ts), a call costs more than they. */
  #window: Buffer<ArrayBuffer>;
  #windowStart = 0;
  #windowBytes = 0;
  #windowFrames = 1;

  /** @param file is closed with it, the WAL is not. */
  constructor(file: PageFile, wal: Wal) {
    this.#file = file;
    this.#wal = wal;
    this.#window = Buffer.allocUnsafeSlow(file.pageSize);
  }

  get pageSize(): number {
    return this.#file.pageSize;
  }

  read(page: number): Buffer {
    const offset = this.#wal.offsetOf(page);
    if (offset === undefined) return this.#file.read(page);
    const endOfWindow = this.#windowStart + this.#windowBytes;
    if (offset < this.#windowStart || offset + this.pageSize > endOfWindow) this.#readFrom(offset, endOfWindow);
    const at = offset - this.#windowStart;
    if (at + this.pageSize > this.#windowBytes) throw this.corrupt(`page ${page} is cut in the WAL`);
    return this.#window.subarray(at, at + this.pageSize);
  }

  /** What is committed stays as it is: only pages whose offset is known are taken out of what is read. */
  #readFrom(offset: number, endOfWindow: number): void {
    const frameBytes = frameHeaderBytes + this.pageSize;
    const goesOn = offset >= endOfWindow && offset < endOfWindow + fewFrames * frameBytes;
    this.#windowFrames = goesOn ? Math.min(this.#windowFrames * 2, framesAtOnce) : 1;
    const wanted = this.#windowFrames * frameBytes - frameHeaderBytes;
    if (wanted > this.#window.length) {
      free(this.#window.buffer);
      this.#window = Buffer.allocUnsafeSlow(wanted);
    }
    this.#windowBytes = this.#wal.readAt(this.#window, wanted, offset);
    this.#windowStart = offset;
  }

  corrupt(what: string): RegressionError {
    return this.#file.corrupt(what);
  }

  close(): void {
    this.#file.close();
    free(this.#window.buffer);
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

  copy(): Checksum {
    const copy = new Checksum();
    copy.#first = this.#first;
    copy.#second = this.#second;
    return copy;
  }

  isAt(bytes: Buffer, at: number): boolean {
    return bytes.readInt32BE(at) === this.#first && bytes.readInt32BE(at + 4) === this.#second;
  }
}
