/**
 * A reader thread and the snapshot of the hot file that it has open. A snapshot serves the queries of a short while, because opening one
 * reads the WAL; it is closed soon after the last of them, so that checkpoints can run.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../runtime/clock.ts';
import { RegressionError } from '../runtime/errors.ts';
import type { ReaderCalls, ReaderOptions, WriterCalls } from './protocol.ts';
import type { Segment } from './segments.ts';
import { ThreadLink } from './thread-link.ts';

export interface LaneOptions {
  readonly hotPath: string;
  /** Directory of the alias directories; the pool makes and removes what is in it. */
  readonly snapshotsPath: string;
  readonly writer: ThreadLink<WriterCalls>;
  /** The segments as the writer last announced them; a new array whenever they change. */
  readonly segments: () => readonly Segment[];
  readonly clock: Clock;
  /** Most memory the engine may take in a thread; null for no bound of ours. */
  readonly maxMemoryBytes: number | null;
  /** Page cache of a thread's snapshot. */
  readonly cacheBytes: number;
}

/** How stale an answer may be: a snapshot this old is replaced before the next query. */
const maxStalenessMs = 200;
/** One that lacks a commit is replaced sooner: once it has served this many times as long as it took to open and ask. */
const servedTimesCost = 4;

export type Work<Result> = (reader: ThreadLink<ReaderCalls>, snapshot: string) => Promise<Result>;

interface Snapshot {
  readonly directory: string;
  readonly pin: number;
  readonly openedAtMs: number;
  /** How long it took to open it and answer the first query; null until then. */
  costMs: number | null;
}

export class Lane {
  static #lastLane = 0;

  readonly #options: LaneOptions;
  readonly #reader: ThreadLink<ReaderCalls>;
  /** Of the thread: alias directories are made in it. */
  readonly #directory: string;
  #segmentsSent: readonly Segment[] = [];
  readonly #lastCommitAtMs: () => number;
  #snapshot: Snapshot | null = null;
  #closing: NodeJS.Timeout | undefined;
  #isClosed = false;
  #lastSnapshot = 0;

  constructor(options: LaneOptions, lastCommitAtMs: () => number) {
    this.#options = options;
    this.#lastCommitAtMs = lastCommitAtMs;
    this.#directory = join(options.snapshotsPath, String(++Lane.#lastLane));
    this.#reader = new ThreadLink<ReaderCalls>('reader-thread', {
      hotPath: options.hotPath,
      directory: this.#directory,
      maxMemoryBytes: options.maxMemoryBytes,
      cacheBytes: options.cacheBytes,
    } satisfies ReaderOptions);
  }

  async run<Result>(work: Work<Result>): Promise<Result> {
    clearTimeout(this.#closing);
    if (this.#snapshot !== null && this.#isStale(this.#snapshot)) await this.releaseSnapshot();
    const snapshot = (this.#snapshot ??= await this.#pin());
    try {
      const answer = await work(this.#reader, snapshot.directory);
      snapshot.costMs ??= this.#options.clock.monotonicMs() - snapshot.openedAtMs;
      return answer;
    } finally {
      this.#closing = setTimeout(() => void this.releaseSnapshot().catch(() => undefined), maxStalenessMs);
      this.#closing.unref();
    }
  }

  #isStale({ openedAtMs, costMs }: Snapshot): boolean {
    const ageMs = this.#options.clock.monotonicMs() - openedAtMs;
    const lacksCommit = this.#lastCommitAtMs() >= openedAtMs;
    return ageMs > maxStalenessMs || (lacksCommit && costMs !== null && ageMs > costMs * servedTimesCost);
  }

  /** The reader answers calls in order, so a query under way ends before its snapshot is closed. */
  async releaseSnapshot(): Promise<void> {
    const snapshot = this.#snapshot;
    if (snapshot === null) return;
    this.#snapshot = null;
    try {
      await this.#reader.call('release', []);
    } finally {
      // Also when the thread was ended meanwhile: nobody else knows of this pin any more, and rotations would wait for it for ever.
      await this.#options.writer.call('unpin', [snapshot.pin]);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#closing);
    await this.#reader.terminate();
    await rm(this.#directory, { recursive: true, force: true });
    const snapshot = this.#snapshot;
    this.#snapshot = null;
    if (snapshot === null) return;
    // Not awaited: the writer may be at a commit that its disk holds up, and whoever asked has waited long enough. Calls keep their order.
    void this.#options.writer.call('unpin', [snapshot.pin]).catch(() => undefined); // the writer ended first
  }

  async #pin() {
    const { writer, clock } = this.#options;
    const { pin } = await writer.call('pin', []);
    try {
      if (this.#isClosed) {
        throw new RegressionError('QUERY_TIMEOUT', 'the query was ended before its snapshot was granted');
      }
      await this.#sendSegments();
    } catch (error) {
      await writer.call('unpin', [pin]); // nobody else would give it back
      throw error;
    }
    const directory = join(this.#directory, `hot-${++this.#lastSnapshot}`);
    return { directory, pin, openedAtMs: clock.monotonicMs(), costMs: null };
  }

  /**
   * The list that was announced before the pin was granted, or a newer one of the same rows: while the pin is held there is no
   * rotation.
   */
  async #sendSegments(): Promise<void> {
    const list = this.#options.segments();
    if (list === this.#segmentsSent) return;
    await this.#reader.call('useSegments', [list]);
    this.#segmentsSent = list;
  }
}
