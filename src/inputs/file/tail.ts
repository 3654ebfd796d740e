/**
 * One generation of a file: an open descriptor, read forward from the committed offset, line by line.
 *
 * The descriptor keeps the generation readable after it is renamed or deleted. Knows nothing of globs or of other files (see
 * file-input.ts), and never decides where to begin: the caller passes the position the store last committed.
 */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { FilePosition, Gap } from '../../record/batch.ts';
import type { LineStream } from '../input.ts';
import { fingerprintOf } from './fingerprint.ts';
import { LineSplitter } from './line-splitter.ts';

export interface TailOptions {
  readonly file: FileHandle;
  readonly stream: LineStream;
  readonly position: FilePosition;
  readonly maxLineBytes: number;
  readonly fingerprintBytes: number;
  /** Told of every chunk handed on: lines, bytes, and lines without content. */
  readonly onRead: (counts: { lines: number; bytes: number; emptyLines: number; truncatedLines: number }) => void;
}

export type ReadOutcome =
  /** More may follow at once. */
  | 'more'
  /** Everything there is has been read. */
  | 'end'
  /** The file is not what was read before: its end came nearer, or the bytes before the offset changed. */
  | 'truncated';

/** Bytes before the offset that are compared to notice a truncation that the size does not show. */
const checkBytes = 256;

/** One buffer for all files: reads are awaited one by one, and lines copy their text. */
const chunkBytes = 256 * 1024;

export class Tail {
  readonly #options: TailOptions;
  readonly #splitter: LineSplitter;
  readonly #chunk: Buffer;
  #position: FilePosition;
  /** The last bytes that were read, to be found again before the offset. */
  #lastBytes: Buffer = Buffer.alloc(0);
  #checkedMtimeNs = -1n;

  constructor(options: TailOptions, chunk: Buffer) {
    this.#options = options;
    this.#position = options.position;
    this.#splitter = new LineSplitter(options.maxLineBytes, options.position.offset);
    this.#chunk = chunk;
  }

  static makeChunk(): Buffer {
    return Buffer.allocUnsafeSlow(chunkBytes);
  }

  /** Identity and how far whole lines have been handed on. */
  get position(): FilePosition {
    return this.#position;
  }

  /** Offset behind the last byte read, the unfinished line included. */
  get readOffset(): number {
    return this.#splitter.end;
  }

  stat(): Promise<BigIntStats> {
    return this.#options.file.stat({ bigint: true });
  }

  /** Reads at most one chunk and hands its lines on; `await` is the back-pressure. */
  async read(): Promise<ReadOutcome> {
    const { file, stream } = this.#options;
    const stat = await this.stat();
    if (await this.#isTruncated(stat)) return 'truncated';
    const { bytesRead } = await file.read(this.#chunk, 0, this.#chunk.length, this.#splitter.end);
    if (bytesRead === 0) return 'end';
    const bytes = this.#chunk.subarray(0, bytesRead);
    const lines = this.#splitter.push(bytes);
    this.#remember(bytes);
    await this.#growFingerprint();
    this.#options.onRead({
      lines: lines.length,
      bytes: bytesRead,
      emptyLines: this.#splitter.takeEmptyLines(),
      truncatedLines: lines.filter(({ metadata }) => metadata?.some(([type]) => type === 'truncated')).length,
    });
    if (this.#splitter.lineStart !== this.#position.offset) {
      this.#position = { ...this.#position, offset: this.#splitter.lineStart, isEnded: false };
      await stream.write({ lines, position: this.#position });
    }
    return bytesRead === this.#chunk.length ? 'more' : 'end';
  }

  /** The same generation under another name. */
  async rename(path: string): Promise<void> {
    this.#position = { ...this.#position, path };
    await this.#options.stream.write({ lines: [], position: this.#position });
  }

  /**
   * The generation is over: the unfinished last line is stored as it is, the position says so for good.
   *
   * @param lost what is known to be lost of it.
   */
  async finish(lost: readonly Gap[] = []): Promise<void> {
    const { stream } = this.#options;
    const line = this.#splitter.finish();
    this.#position = { ...this.#position, offset: this.#splitter.lineStart, isEnded: true };
    await stream.write({ lines: line === null ? [] : [line], position: this.#position, gaps: lost });
    await stream.end();
    await this.close();
  }

  /** Lets go of the file; the unfinished line is read again next time. */
  async close(): Promise<void> {
    await this.#options.file.close();
  }

  /**
   * A shorter file was truncated. One that was truncated and has grown past our offset since is told by its bytes: they are
   * compared whenever the file was modified.
   */
  async #isTruncated(stat: BigIntStats): Promise<boolean> {
    if (stat.size < BigInt(this.#splitter.end)) return true;
    if (stat.mtimeNs === this.#checkedMtimeNs || this.#lastBytes.length === 0) return false;
    this.#checkedMtimeNs = stat.mtimeNs;
    const { length } = this.#lastBytes;
    const now = Buffer.alloc(length);
    await this.#options.file.read(now, 0, length, this.#splitter.end - length);
    return !now.equals(this.#lastBytes);
  }

  #remember(bytes: Buffer): void {
    const tail = bytes.subarray(-checkBytes);
    const before = this.#lastBytes.subarray(Math.max(0, this.#lastBytes.length - (checkBytes - tail.length)));
    this.#lastBytes = tail.length === checkBytes ? Buffer.from(tail) : Buffer.concat([before, tail]);
  }

  async #growFingerprint(): Promise<void> {
    const { file, fingerprintBytes } = this.#options;
    if (this.#position.fingerprintBytes >= fingerprintBytes) return;
    const { fingerprint, fingerprintBytes: covered } = await fingerprintOf(file, fingerprintBytes);
    this.#position = { ...this.#position, fingerprint, fingerprintBytes: covered };
  }
}
