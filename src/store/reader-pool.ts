/**
 * Runs queries in reader threads, each on a snapshot of the hot file (reader-lane.ts).
 *
 * A query past its deadline ends with its thread, and so does one whose asker went away and that is not done soon after: the engine cannot
 * be interrupted. The thread is replaced when it is needed again; the writer never notices.
 */
import { RegressionError } from '../runtime/errors.ts';
import { Lane, type LaneOptions, type Work } from './reader-lane.ts';
import type { QueryLimits } from './store.ts';
import type { ThreadRoom } from './thread-room.ts';

export interface ReaderPoolOptions extends LaneOptions {
  /** Threads at most; further queries wait their turn, and their deadline runs meanwhile. */
  readonly maxThreads: number;
  /** A thread that nobody has needed for this long is ended. */
  readonly idleThreadMs: number;
  /** Shared with all others who have threads. */
  readonly room: ThreadRoom;
}

/**
 * A query whose asker went away has this long to end by itself: a new thread costs a tenth of a second of CPU and some 30 MB, and knows nothing of
 * what this one remembers of the rows.
 */
const outlivedMs = 1000;

export class ReaderPool {
  readonly #options: ReaderPoolOptions;
  /** The one used last is used next, so that those beyond what is needed become old. */
  readonly #idle: Lane[] = [];
  /** Ends the waiting of an idle lane for its end. */
  readonly #ageing = new Map<Lane, AbortController>();
  readonly #lanes = new Set<Lane>();
  /** Lanes that wait for room. */
  #coming = 0;
  readonly #waiting: ((lane: Lane) => void)[] = [];
  #lastCommitAtMs = -Infinity;
  #isClosed = false;

  constructor(options: ReaderPoolOptions) {
    this.#options = options;
    options.room.onWanted(() => {
      for (const lane of this.#idle.splice(0)) void this.#discard(lane);
    });
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
      return await this.#runOnce(work, cutShort, signal);
    } catch (error) {
      if (!(error instanceof RegressionError && error.code === 'SNAPSHOT_LOST')) throw error;
      return await this.#runOnce(work, cutShort, signal);
    } finally {
      ended.abort();
    }
  }

  async #runOnce<Result>(
    work: Work<Result>,
    cutShort: Promise<never>,
    signal: AbortSignal | undefined,
  ): Promise<Result> {
    const lane = await this.#acquire(cutShort);
    const running = lane.run(work);
    try {
      const answer = await Promise.race([running, cutShort]);
      this.#giveBack(lane);
      return answer;
    } catch (error) {
      // Else the thread may still be at it, or is not well: it goes, with its snapshot.
      if (isRefusal(error)) this.#giveBack(lane);
      else if (signal?.aborted === true) void this.#outlive(lane, running);
      else await this.#discard(lane);
      throw error;
    }
  }

  async #outlive(lane: Lane, running: Promise<unknown>): Promise<void> {
    const ended = new AbortController();
    const hasAnswered = running.then(() => true, isRefusal);
    const isWell = await Promise.race([
      hasAnswered,
      this.#options.clock.delay(outlivedMs, ended.signal).then(() => false),
    ]);
    ended.abort();
    if (isWell) this.#giveBack(lane);
    else await this.#discard(lane);
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
    const { promise: turn, resolve: grant } = Promise.withResolvers<Lane>();
    this.#waiting.push(grant);
    void this.#addLane();
    try {
      return await Promise.race([turn, cutShort]);
    } catch (error) {
      const place = this.#waiting.indexOf(grant);
      if (place >= 0) this.#waiting.splice(place, 1);
      else void turn.then((lane) => this.#giveBack(lane)); // granted in the same moment
      throw error;
    }
  }

  /** For who waits, unless there are as many as there may be. */
  async #addLane(): Promise<void> {
    const { maxThreads, room } = this.#options;
    if (this.#waiting.length <= this.#coming || this.#lanes.size + this.#coming >= maxThreads) return;
    this.#coming++;
    await room.enter();
    this.#coming--;
    const lane = new Lane(this.#options, () => this.#lastCommitAtMs);
    this.#lanes.add(lane);
    this.#hand(lane);
  }

  /** Others who wait for room go before the next of this pool. */
  #giveBack(lane: Lane): void {
    if (this.#options.room.isWanted) void this.#discard(lane);
    else this.#hand(lane);
  }

  #hand(lane: Lane): void {
    const next = this.#waiting.shift();
    if (next !== undefined) {
      next(lane);
      return;
    }
    if (this.#isClosed || this.#options.room.isWanted) {
      void this.#discard(lane);
      return;
    }
    this.#idle.push(lane);
    const ageing = new AbortController();
    this.#ageing.set(lane, ageing);
    const { clock, idleThreadMs } = this.#options;
    void clock.delay(idleThreadMs, ageing.signal).then(() => {
      if (!ageing.signal.aborted) void this.#discard(lane);
    });
  }

  #stopAgeing(lane: Lane): void {
    this.#ageing.get(lane)?.abort();
    this.#ageing.delete(lane);
  }

  async #discard(lane: Lane): Promise<void> {
    if (!this.#lanes.delete(lane)) return;
    this.#stopAgeing(lane);
    const place = this.#idle.indexOf(lane);
    if (place >= 0) this.#idle.splice(place, 1);
    try {
      await lane.close();
    } finally {
      this.#options.room.leave();
      void this.#addLane();
    }
  }
}

/** The thread has answered, with what is wrong with the question. */
function isRefusal(error: unknown): boolean {
  return error instanceof RegressionError && (error.code === 'QUERY_INVALID' || error.code === 'FORBIDDEN');
}
