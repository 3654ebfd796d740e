/**
 * Runs queries in reader threads, each on a snapshot of the hot file.
 *
 * A query past its deadline, or whose asker went away, ends with its thread: the engine cannot be interrupted. The thread is
 * replaced when it is needed again; the writer never notices. A snapshot serves the queries of a short while, because
 * opening one reads the WAL; it is closed soon after the last of them, so that checkpoints can run.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RegressionError } from '../runtime/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ReaderCalls, ReaderOptions, WriterCalls } from './protocol.ts';
import type { Segment } from './segments.ts';
import type { QueryLimits } from './store.ts';
import { ThreadLink } from './thread-link.ts';

export interface ReaderPoolOptions {
  readonly hotPath: string;
  /** Directory of the alias directories; the pool makes and removes what is in it. */
  readonly snapshotsPath: string;
  readonly writer: ThreadLink<WriterCalls>;
  /** The segments as the writer last announced them; a new array whenever they change. */
  readonly segments: () => readonly Segment[];
  readonly clock: Clock;
  /** Threads at most; further queries wait their turn, and their deadline runs meanwhile. */
  readonly maxThreads: number;
  /** Most memory the engine may take in a thread; null for no bound of ours. */
  readonly maxMemoryBytes: number | null;
}

/** How stale an answer may be: a snapshot this old is replaced before the next query. */
const maxStalenessMs = 200;
/** One that lacks a commit is replaced sooner: once it has served this many times as long as it took to open and ask. */
const servedTimesCost = 4;

/** A thread that nobody has needed for this long is ended: it takes some 30 MB, and is made anew in a tenth of a second. */
const idleThreadMs = 60_000;

type Work<Result> = (reader: ThreadLink<ReaderCalls>, snapshot: string) => Promise<Result>;

export class ReaderPool {
  readonly #options: ReaderPoolOptions;
  /** The one used last is used next, so that those beyond what is needed become old. */
  readonly #idle: Lane[] = [];
  /** Ends the waiting of an idle lane for its end. */
  readonly #ageing = new Map<Lane, AbortController>();
  readonly #lanes = new Set<Lane>();
  readonly #waiting: ((lane: Lane) => void)[] = [];
  #lastCommitAtMs = -Infinity;
  #isClosed = false;

  constructor(options: ReaderPoolOptions) {
    this.#options = options;
  }

  /** Rows have been committed: the snapshots that are open do not have them. */
  noteCommit(): void {
    this.#lastCommitAtMs = this.#options.clock.monotonicMs();
  }

  /** @throws RegressionError `QUERY_TIMEOUT`; the signal's reason when it aborts. */
  async run<Result>(work: Work<Result>, { deadlineMs, signal }: QueryLimits): Promise<Result> {
    signal?.throwIfAborted();
    const ended = new AbortController();
    const cutShort = new Promise<never>((_resolve, reject) => {
      const onAbort = (): void => reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
      signal?.addEventListener('abort', onAbort, { once: true, signal: ended.signal });
      void this.#options.clock.delay(deadlineMs, ended.signal).then(() => {
        reject(
          new RegressionError('QUERY_TIMEOUT', `the query took longer than ${deadlineMs} ms`, {
            hint: 'Narrow the time range, or add a filter on application or severity.',
          }),
        );
      });
    });
    cutShort.catch(() => undefined);

    try {
      return await this.#runOnce(work, cutShort);
    } catch (error) {
      if (!(error instanceof RegressionError && error.code === 'SNAPSHOT_LOST')) throw error;
      return await this.#runOnce(work, cutShort);
    } finally {
      ended.abort();
    }
  }

  async #runOnce<Result>(work: Work<Result>, cutShort: Promise<never>): Promise<Result> {
    const lane = await this.#acquire(cutShort);
    try {
      const answer = await Promise.race([lane.run(work), cutShort]);
      this.#giveBack(lane);
      return answer;
    } catch (error) {
      // Else the thread may still be at it, or is not well: it goes, with its snapshot.
      if (isRefusal(error)) this.#giveBack(lane);
      else await this.#discard(lane);
      throw error;
    }
  }

  /** Snapshots opened from now on see what is committed now: called when a foreign tool has changed the file under them. */
  async invalidate(): Promise<void> {
    // One that is being ended meanwhile has no snapshot to give back any more.
    await Promise.allSettled([...this.#lanes].map((lane) => lane.releaseSnapshot()));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#lanes].map((lane) => this.#discard(lane)));
  }

  async #acquire(cutShort: Promise<never>): Promise<Lane> {
    const free = this.#idle.pop();
    if (free !== undefined) {
      this.#stopAgeing(free);
      return free;
    }
    if (this.#lanes.size < this.#options.maxThreads) return this.#addLane();
    const { promise: turn, resolve: grant } = Promise.withResolvers<Lane>();
    this.#waiting.push(grant);
    try {
      return await Promise.race([turn, cutShort]);
    } catch (error) {
      const place = this.#waiting.indexOf(grant);
      if (place >= 0) this.#waiting.splice(place, 1);
      else void turn.then((lane) => this.#giveBack(lane)); // granted in the same moment
      throw error;
    }
  }

  #addLane(): Lane {
    const lane = new Lane(this.#options, () => this.#lastCommitAtMs);
    this.#lanes.add(lane);
    return lane;
  }

  #giveBack(lane: Lane): void {
    const next = this.#waiting.shift();
    if (next !== undefined) {
      next(lane);
      return;
    }
    if (this.#isClosed) {
      void this.#discard(lane);
      return;
    }
    this.#idle.push(lane);
    const ageing = new AbortController();
    this.#ageing.set(lane, ageing);
    void this.#options.clock.delay(idleThreadMs, ageing.signal).then(() => {
      if (!ageing.signal.aborted) void this.#discard(lane);
    });
  }

  #stopAgeing(lane: Lane): void {
    this.#ageing.get(lane)?.abort();
    this.#ageing.delete(lane);
  }

  async #discard(lane: Lane): Promise<void> {
    this.#lanes.delete(lane);
    this.#stopAgeing(lane);
    const place = this.#idle.indexOf(lane);
    if (place >= 0) this.#idle.splice(place, 1);
    const next = this.#waiting.shift();
    await lane.close();
    if (next !== undefined) next(this.#addLane());
  }
}

/** The thread has answered, with what is wrong with the question. */
function isRefusal(error: unknown): boolean {
  return error instanceof RegressionError && (error.code === 'QUERY_INVALID' || error.code === 'FORBIDDEN');
}

interface Snapshot {
  readonly directory: string;
  readonly pin: number;
  readonly openedAtMs: number;
  /** How long it took to open it and answer the first query; null until then. */
  costMs: number | null;
}

/** One reader thread and the snapshot it has open. */
class Lane {
  static #lastLane = 0;

  readonly #options: ReaderPoolOptions;
  readonly #reader: ThreadLink<ReaderCalls>;
  /** Of the thread: alias directories are made in it. */
  readonly #directory: string;
  #segmentsSent: readonly Segment[] = [];
  readonly #lastCommitAtMs: () => number;
  #snapshot: Snapshot | null = null;
  #closing: NodeJS.Timeout | undefined;
  #isClosed = false;
  #lastSnapshot = 0;

  constructor(options: ReaderPoolOptions, lastCommitAtMs: () => number) {
    this.#options = options;
    this.#lastCommitAtMs = lastCommitAtMs;
    this.#directory = join(options.snapshotsPath, String(++Lane.#lastLane));
    this.#reader = new ThreadLink<ReaderCalls>('reader-thread', {
      hotPath: options.hotPath,
      directory: this.#directory,
      maxMemoryBytes: options.maxMemoryBytes,
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
    await this.#options.writer.call('unpin', [snapshot.pin]).catch(() => undefined); // the writer ended first
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
