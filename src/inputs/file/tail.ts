/**
 * One generation of a file: read forward from the committed offset, line by line.
 *
 * The descriptor keeps the generation readable after it is renamed or deleted; a file at rest may be let go of (`detach`) and
 * taken up again (`attach`). Knows nothing of globs or of other files (see file-input.ts), and never decides where to begin: the
 * caller passes the position the store last committed.
 */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { FileEvidence, FilePosition, Gap } from '../../record/batch.ts';
import type { Line, LineStream } from '../input.ts';
import { BlockSums } from './block-sums.ts';
import type { Encoding } from './encoding.ts';
import { checkBytes, readAt, sha256 } from './fingerprint.ts';
import { keptPrefix } from './kept-prefix.ts';
import { LineSplitter, piecesOf } from './line-splitter.ts';
import { lossBehindCopy } from './losses.ts';
import { withMarks } from './marks.ts';
import { type ReadUntil, checkOf, positionAt, takeCutGaps } from './read-progress.ts';

export interface TailOptions {
  readonly stream: LineStream;
  readonly position: FilePosition;
  /** The first bytes of the file, as many as the position's fingerprint covers or more, `fingerprintBytes` at most. */
  readonly head: Buffer;
  readonly encoding: Encoding;
  readonly maxLineBytes: number;
  readonly fingerprintBytes: number;
  /** Told of every chunk handed on: lines, bytes, and lines without content. */
  readonly onRead: (counts: ReadCounts) => void;
}

export interface ReadCounts {
  readonly lines: number;
  readonly bytes: number;
  readonly emptyLines: number;
  readonly truncatedLines: number;
}

/** Where a generation is now; what is left out stays, null is none. */
export interface Place {
  readonly path?: string;
  readonly device?: string;
  readonly inode?: string;
  readonly realPath?: string | null;
  readonly birthNs?: string | null;
}

export type ReadOutcome =
  /** More may follow at once. */
  | 'more'
  /** Everything there is has been read. */
  | 'end'
  /** The file is not what was read before: its end came nearer, or the bytes before the offset changed. */
  | 'truncated';

/** One buffer for all files: reads are awaited one by one, and lines copy their text. */
const chunkBytes = 256 * 1024;

export class Tail {
  readonly #options: TailOptions;
  readonly #splitter: LineSplitter;
  readonly #chunk: Buffer;
  readonly #sums = new BlockSums();
  #file: FileHandle | null = null;
  #position: FilePosition;
  #head: Buffer;
  /** The last bytes that were read, to be found again before the offset. */
  #lastBytes: Buffer = Buffer.alloc(0);
  /** The position says something that the store has not been told. */
  #isMoved = false;

  /** @param lastBytes those before the position's offset, at most `checkBytes`. */
  constructor(options: TailOptions, chunk: Buffer, lastBytes: Buffer) {
    this.#options = options;
    this.#position = options.position;
    this.#head = options.head;
    this.#lastBytes = lastBytes;
    this.#chunk = chunk;
    this.#splitter = new LineSplitter(options.maxLineBytes, options.position.offset, {
      encoding: options.encoding,
      isInsideLine: options.position.evidence?.insideLineAt === options.position.offset,
    });
  }

  static makeChunk(): Buffer {
    return Buffer.allocUnsafeSlow(chunkBytes + checkBytes);
  }

  /** What its entries are read as, as far as its lines have shown. */
  get format(): string {
    return this.#options.stream.format ?? 'not known';
  }

  /** Identity and how far whole lines have been handed on. */
  get position(): FilePosition {
    return this.#position;
  }

  /** Offset behind the last byte read, the unfinished line included. */
  get readOffset(): number {
    return this.#splitter.end;
  }

  /** The first bytes of what is read, as many as the fingerprint covers. */
  get head(): Buffer {
    return this.#head;
  }

  /** The position with what is known of the bytes up to `readOffset`, for finding them elsewhere. */
  get identity(): FilePosition {
    return {
      ...this.#position,
      ...this.#headFingerprint(),
      offset: this.#splitter.end,
      evidence: { ...this.#position.evidence, check: checkOf(this.#readUntil) },
    };
  }

  get isAttached(): boolean {
    return this.#file !== null;
  }

  get isMoved(): boolean {
    return this.#isMoved;
  }

  get encoding(): Encoding {
    return this.#options.encoding;
  }

  /** @param stat null when the file is not attached. */
  async stat(): Promise<BigIntStats | null> {
    return (await this.#file?.stat({ bigint: true })) ?? null;
  }

  attach(file: FileHandle): void {
    this.#file = file;
  }

  async detach(): Promise<void> {
    await this.takeFile()?.close();
  }

  /** The file itself, for somebody else to read on with; from here on there is none. */
  takeFile(): FileHandle | null {
    const file = this.#file;
    this.#file = null;
    return file;
  }

  /** Bytes that were read before, as they are now; null when the file is not attached. */
  async readBack(offset: number, length: number): Promise<Buffer | null> {
    return this.#file === null ? null : readAt(this.#file, offset, length);
  }

  /** Reads at most one chunk and hands its lines on; `await` is the back-pressure. Must be attached. */
  async read(): Promise<ReadOutcome> {
    if (this.#file === null) throw new Error('a tail was read without its file');
    // What was read last is read again in front of the new bytes: the one read tells whether the file is still the same.
    const checked = this.#lastBytes.length;
    const wanted = chunkBytes + checked;
    const { bytesRead } = await this.#file.read(this.#chunk, 0, wanted, this.#splitter.end - checked);
    if (bytesRead < checked || this.#chunk.compare(this.#lastBytes, 0, checked, 0, checked) !== 0) return 'truncated';
    if (bytesRead === checked) return 'end';
    for (const piece of piecesOf(this.#chunk.subarray(checked, bytesRead))) await this.#handOn(piece);
    return bytesRead === wanted ? 'more' : 'end';
  }

  async #handOn(bytes: Buffer): Promise<void> {
    this.#growHead(bytes);
    this.#sums.add(bytes, this.#splitter.end);
    this.#mark(bytes);
    const lines = this.#splitter.push(bytes);
    this.#remember(bytes);
    this.#count(lines, bytes.length);
    if (this.#splitter.lineStart === this.#position.offset) return;
    this.#advance(false);
    await this.#options.stream.write({
      lines,
      position: this.#position,
      gaps: takeCutGaps(this.#splitter, this.#position),
    });
  }

  /** The same generation under another name, or in another file of the same content; the store is told by the next write. */
  moveTo({ realPath, birthNs, ...place }: Place): void {
    const { realPath: pathBefore, birthNs: birthBefore, ...others } = this.#position.evidence ?? {};
    const newPath = realPath === undefined ? pathBefore : realPath;
    const newBirth = birthNs === undefined ? birthBefore : birthNs;
    const evidence: FileEvidence = {
      ...others,
      ...(newPath ? { realPath: newPath } : {}),
      ...(newBirth ? { birthNs: newBirth } : {}),
    };
    this.#position = { ...this.#position, ...place, evidence };
    this.#isMoved = true;
  }

  /** Tells the store where the generation is now. */
  async writePosition(): Promise<void> {
    this.#isMoved = false;
    await this.#options.stream.write({ lines: [], position: this.#position });
  }

  /** How long the file is, and when it was last written; the store is told by the next write. */
  saw({ size, mtimeNs }: Pick<BigIntStats, 'size' | 'mtimeNs'>): void {
    this.#know({ seen: { bytes: Number(size), writtenNs: String(mtimeNs) } });
  }

  /** From here on a copy is read: what the file had beyond it, when it was truncated, is lost. */
  loseBehindCopy(truncatedAtBytes: number): void {
    this.#know({ truncatedAtBytes });
  }

  /**
   * The generation is over: the unfinished last line is stored as it is, the position says so for good.
   *
   * @param lost what is known to be lost of it.
   */
  async finish(lost: readonly Gap[] = []): Promise<void> {
    const { stream } = this.#options;
    const line = this.#splitter.finish();
    const lines = line === null ? [] : [line];
    this.#count(lines, 0);
    const end = lost.reduce((end, { endOffset }) => Math.max(end, endOffset ?? end), this.#splitter.end);
    const gaps = [...takeCutGaps(this.#splitter, this.#position), ...lost, ...lossBehindCopy(this.#position, end)];
    this.#advance(true);
    await stream.write({ lines, position: this.#position, gaps });
    await stream.end();
    await this.detach();
  }

  /** See kept-prefix.ts. */
  async keptPrefix(size: number): Promise<number> {
    if (this.#file === null || size >= this.#splitter.end) return 0;
    const read = { head: this.#head, sums: this.#sums, lastBytes: this.#lastBytes, end: this.#splitter.end };
    return keptPrefix(this.#file, size, read, this.#options.encoding);
  }

  #advance(isEnded: boolean): void {
    const position = { ...this.#position, ...this.#headFingerprint() };
    this.#position = positionAt(position, this.#splitter, this.#readUntil, isEnded);
    this.#isMoved = false;
  }

  get #readUntil(): ReadUntil {
    return { end: this.#splitter.end, lastBytes: this.#lastBytes };
  }

  #know(evidence: FileEvidence): void {
    this.#position = { ...this.#position, evidence: { ...this.#position.evidence, ...evidence } };
  }

  #headFingerprint(): Partial<FilePosition> {
    if (this.#head.length <= this.#position.fingerprintBytes) return {};
    return { fingerprint: sha256(this.#head), fingerprintBytes: this.#head.length };
  }

  #count(lines: readonly Line[], bytes: number): void {
    this.#options.onRead({
      lines: lines.length,
      bytes,
      emptyLines: this.#splitter.takeEmptyLines(),
      truncatedLines: lines.filter(({ metadata }) => metadata?.some(([type]) => type === 'truncated')).length,
    });
  }

  #mark(bytes: Buffer): void {
    const { marks = [] } = this.#position.evidence ?? {};
    const now = withMarks(marks, this.#lastBytes, bytes, this.#splitter.end);
    if (now !== marks) this.#know({ marks: now });
  }

  #remember(bytes: Buffer): void {
    const tail = bytes.subarray(-checkBytes);
    const before = this.#lastBytes.subarray(Math.max(0, this.#lastBytes.length - (checkBytes - tail.length)));
    this.#lastBytes = tail.length === checkBytes ? Buffer.from(tail) : Buffer.concat([before, tail]);
  }

  /** The head is what was read, not what the file says now: it may have been replaced meanwhile. */
  #growHead(bytes: Buffer): void {
    const { fingerprintBytes } = this.#options;
    const from = this.#head.length - this.#splitter.end;
    if (this.#head.length >= fingerprintBytes || from < 0 || from >= bytes.length) return;
    this.#head = Buffer.concat([this.#head, bytes.subarray(from, from + fingerprintBytes - this.#head.length)]);
  }
}
