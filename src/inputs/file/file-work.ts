/**
 * What the parts of the file input share: the followed files, what is known of others, and how a file comes to be followed.
 */
import { randomUUID } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { FilePosition, StoredPosition } from '../../record/batch.ts';
import { messageOf, systemCodeOf } from '../../runtime/errors.ts';
import type { InputContext, LineStream, SourceDescription } from '../input.ts';
import { applicationHintOf } from './application-hint.ts';
import { birthOf } from './births.ts';
import { type Encoding, encodingOfMark } from './encoding.ts';
import { checkBytes, readAt, sha256 } from './fingerprint.ts';
import { type Followed, FollowedFiles } from './followed-files.ts';
import { KnownGenerations, bytesBefore, inodeKey } from './known-generations.ts';
import { lineStartBefore } from './line-start.ts';
import { OneAtATime } from './one-at-a-time.ts';
import { OpenFiles, openFilesLimit } from './open-files.ts';
import type { FileOptions } from './options.ts';
import { FilesLeftOut } from './left-out.ts';
import { originalsOf } from './rotated-names.ts';
import { ReadingLoop } from './reading-loop.ts';
import { type ReadCounts, Tail } from './tail.ts';

export class FileWork {
  readonly options: FileOptions;
  readonly context: InputContext;
  readonly followed: FollowedFiles;
  readonly openFiles: OpenFiles<Tail>;
  readonly loop: ReadingLoop<Followed>;
  readonly decisions = new OneAtATime();
  readonly leftOut = new FilesLeftOut();
  known = new KnownGenerations<StoredPosition>([]);
  readonly #followedOf = new WeakMap<Tail, Followed>();
  readonly #streams = new WeakMap<Tail, LineStream>();
  readonly #chunk = Tail.makeChunk();
  readonly #reported = new Set<string>();

  constructor(
    options: FileOptions,
    context: InputContext,
    readChunk: (followed: Followed) => Promise<boolean>,
    signal: AbortSignal,
  ) {
    this.options = options;
    this.context = context;
    this.followed = new FollowedFiles(context, this);
    this.openFiles = new OpenFiles(openFilesLimit(options.max_open_files));
    this.loop = new ReadingLoop(readChunk, signal);
  }

  startFrom(positions: readonly StoredPosition[]): void {
    this.known = new KnownGenerations(positions);
  }

  encodingOf(head: Buffer): Encoding {
    const { encoding } = this.options;
    return encoding === 'auto' ? (encodingOfMark(head) ?? 'utf-8') : encoding;
  }

  /** A position for content never seen, from `offset` on. */
  newGeneration(path: string, stat: BigIntStats, head: Buffer, offset: number): FilePosition {
    return {
      generation: randomUUID(),
      path,
      device: String(stat.dev),
      inode: String(stat.ino),
      fingerprint: sha256(head),
      fingerprintBytes: head.length,
      offset,
      startOffset: offset,
      isEnded: false,
      evidence: birthOf(stat),
    };
  }

  /** Where the end of a file is, for reading what comes later: the unfinished last line included. */
  endOf(file: FileHandle, stat: BigIntStats, head: Buffer): Promise<number> {
    return lineStartBefore(file, Number(stat.size), this.encodingOf(head));
  }

  /**
   * Reads the file from its position on; takes the handle over. Null when the file has come to be followed meanwhile: scans and
   * readers meet files at the same time, and a file must not be read twice.
   */
  async follow(
    file: FileHandle,
    stat: BigIntStats,
    position: FilePosition,
    head: Buffer,
    isRotated = false,
  ): Promise<Followed | null> {
    const key = inodeKey(stat);
    const lastBytes = await bytesBefore(file, position.offset, checkBytes);
    if (this.followed.isTaken(key)) {
      await file.close();
      return null;
    }
    const { birthNs: _before, ...evidence } = position.evidence ?? {};
    const stream = this.openStream(position.path);
    const tail = new Tail(
      {
        stream,
        position: {
          ...position,
          isEnded: false,
          device: String(stat.dev),
          inode: String(stat.ino),
          evidence: { ...evidence, ...birthOf(stat) },
        },
        head,
        encoding: this.encodingOf(head),
        maxLineBytes: this.options.max_line_bytes,
        fingerprintBytes: this.options.fingerprint_bytes,
        onRead: (counts) => this.count(counts),
      },
      this.#chunk,
      lastBytes,
    );
    const followed: Followed = {
      key,
      tail,
      rotatedAtMs: isRotated ? this.context.clock.monotonicMs() : null,
      renamedAtMs: null,
      lastReadAtMs: this.context.clock.monotonicMs(),
      size: stat.size,
      mtimeNs: stat.mtimeNs,
      ctimeNs: stat.ctimeNs,
      isDeleted: false,
      isCopy: false,
      ending: null,
      lastError: null,
    };
    tail.saw(stat);
    this.#streams.set(tail, stream);
    this.#followedOf.set(tail, followed);
    this.followed.add(followed);
    await this.attach(followed, file);
    this.loop.wake(followed);
    return followed;
  }

  /** Follows the file of a generation that has lost its path; takes the handle over. A copy is over once it is read to its end. */
  async followRotated(
    file: FileHandle,
    realPath: string,
    position: FilePosition,
    isCopy = false,
  ): Promise<Followed | null> {
    const stat = await file.stat({ bigint: true });
    const head = await readAt(file, 0, this.options.fingerprint_bytes);
    const evidence = { ...position.evidence, realPath };
    const followed = await this.follow(file, stat, { ...position, evidence }, head, true);
    if (followed !== null && isCopy) {
      followed.isCopy = true;
      followed.ending = 'finish';
    }
    return followed;
  }

  /** True when the file at `path` has a rotated name of one that is followed. */
  isRotatedHere(path: string): boolean {
    return originalsOf(path).some((original) => this.followed.at(original) !== undefined);
  }

  streamOf(tail: Tail): LineStream {
    return this.#streams.get(tail) ?? this.openStream(tail.position.path);
  }

  openStream(path: string): LineStream {
    return this.context.open(fileSourceOf(this.options, path));
  }

  async attach({ tail }: Followed, file: FileHandle): Promise<void> {
    await this.openFiles.makeRoom((other) => {
      const followed = this.#followedOf.get(other);
      return followed !== undefined && followed.rotatedAtMs === null && !followed.isDeleted;
    });
    tail.attach(file);
    this.openFiles.used(tail);
  }

  /** Keeps others from following the inode of `followed` while `work` changes what is read of it. */
  async reserved(followed: Followed, work: () => Promise<void>): Promise<void> {
    const { key } = followed;
    this.followed.reserve(key);
    try {
      await work();
    } finally {
      this.followed.unreserve(key);
    }
  }

  /** Ends the generation; it stays known, since its file may be met again. Until the store has taken its end it counts as followed. */
  async finish(followed: Followed, ...lost: Parameters<Tail['finish']>): Promise<void> {
    followed.ending = 'closing';
    this.openFiles.forget(followed.tail);
    try {
      await followed.tail.finish(...lost);
    } finally {
      this.followed.remove(followed);
      this.remember(followed.tail.position);
    }
  }

  /** A generation that is over: its file, or a copy of it, may be met again. */
  remember(position: FilePosition): void {
    this.known.add({ ...position, lines: 0, rows: 0, updatedAt: new Date(this.context.clock.nowMs()).toISOString() });
  }

  /** Stops following without a word to the store: what is left will be read by somebody else, or at the next start. */
  async letGo(followed: Followed): Promise<void> {
    this.followed.remove(followed);
    this.openFiles.forget(followed.tail);
    await followed.tail.detach();
  }

  count({ lines, bytes, emptyLines, truncatedLines }: ReadCounts): void {
    const { metrics, name: input } = this.context;
    metrics.linesRead.inc({ input }, lines);
    metrics.bytesRead.inc({ input }, bytes);
    if (emptyLines > 0) metrics.dropped.inc({ input, reason: 'empty_line' }, emptyLines);
    if (truncatedLines > 0) metrics.truncatedLines.inc({ input }, truncatedLines);
  }

  /** Once a path and problem: a scan comes every second. */
  report(path: string, message: string, error?: unknown): void {
    const code = systemCodeOf(error) ?? 'other';
    if (error !== undefined) this.context.metrics.inputErrors.inc({ input: this.context.name, code });
    const key = `${path} ${message} ${code}`;
    if (this.#reported.has(key)) return;
    if (this.#reported.size > 10_000) this.#reported.clear();
    this.#reported.add(key);
    this.context.logger.warn(
      { input: this.context.name },
      error === undefined ? message : `${message} (${messageOf(error)})`,
    );
  }
}

/** What the pipeline is told of a file. */
export function fileSourceOf(options: FileOptions, path: string): SourceDescription {
  const { format, pattern, multiline, timezone, application } = options;
  return { source: path, format, pattern, multiline, timezone, application, applicationHint: applicationHintOf(path) };
}

/** Where the file of a generation can be opened. */
export function placeOf({ path, evidence }: FilePosition): string {
  return evidence?.realPath ?? path;
}
