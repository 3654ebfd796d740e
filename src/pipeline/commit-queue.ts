/**
 * Groups what the sources have read into batches and gets them committed, in order, exactly once.
 *
 * A commit begins as soon as the store is free; what comes meanwhile forms the next batch (forming-batch.ts). Under load two batches are
 * under way, so that the next is there when one is inserted. A failed batch is repeated unchanged, before any other, until the
 * store takes it: until then nothing behind it moves, and `push` makes the inputs wait.
 */
import type { Batch, Gap } from '../record/batch.ts';
import type { Clock } from '../runtime/clock.ts';
import { RegressionError, messageOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Store } from '../store/store.ts';
import { backoffMs } from './backoff.ts';
import { FormingBatch, type PatternFinder, type Slice } from './forming-batch.ts';

export interface CommitQueueOptions {
  readonly store: Pick<Store, 'append'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** `push` waits while more than this waits or is under way. */
  readonly maxQueuedBytes: number;
  /** A batch is sent once it has this many rows; the last slice may carry it over. */
  readonly rowsPerBatch: number;
  /** Absent where nobody wants patterns. */
  readonly patterns?: PatternFinder | undefined;
  /** Told once, when the store can never take the batch (a corrupt file): nothing more will be committed. */
  readonly onFatal: (error: unknown) => void;
}

interface WaitingGroup {
  readonly batch: Batch;
  readonly rowCount: number;
  readonly bytes: number;
  readonly lastSlice: number;
}

interface Group extends WaitingGroup {
  /** By the monotonic clock: when the store was first given it. */
  readonly sinceMs: number;
}

const maxGroupsUnderWay = 2;
/** A batch is sent also once it has so many bytes: it is in memory three times (here, in the thread, in the engine), and twice under way. */
const bytesPerBatch = 4 * 1024 * 1024;
/** What is made room for, of the bytes of the batch before. */
const roomForMore = 1.1;
/** A store that has not answered for this long is stuck. */
const stuckMs = 10_000;
const retryLimits = { baseMs: 100, maxMs: 2000 };

export class CommitQueue {
  readonly #options: CommitQueueOptions;
  readonly #stopped = new AbortController();
  /** The newest slices. */
  #forming: FormingBatch | null = null;
  /** In order, full or nearly so. */
  #waiting: WaitingGroup[] = [];
  /** In order; a group leaves when it is committed. */
  #underWay: Group[] = [];
  #queuedBytes = 0;
  /** Of the batch before the one that forms: the next is most often about as long, and need not grow by copies. */
  #lastBatchBytes = 0;
  #unsettled = 0;
  #failedAttempts = 0;
  /** A group under way has failed: nothing is sent until it is committed. */
  #isHeld = false;
  #failure: string | null = null;
  #failureHint: string | undefined;
  #lastPushed = 0;
  #lastCommitted = 0;
  #roomWaiters: (() => void)[] = [];
  #flushWaiters: { readonly slice: number; readonly resolve: () => void }[] = [];

  constructor(options: CommitQueueOptions) {
    this.#options = options;
  }

  /** Null while commits succeed; else why they do not. */
  get failure(): string | null {
    return this.#failure;
  }

  /** What to do about `failure`, where that is known. */
  get failureHint(): string | undefined {
    return this.#failureHint;
  }

  /** Null while the store answers; else for how long it has not. */
  get stall(): string | null {
    const oldest = this.#underWay[0];
    if (oldest === undefined) return null;
    const waitedMs = this.#options.clock.monotonicMs() - oldest.sinceMs;
    return waitedMs <= stuckMs ? null : `it has not answered for ${Math.round(waitedMs / 1000)} s; inputs wait`;
  }

  /** True while `push` would wait: for inputs whose senders can be told to come again later. */
  get isFull(): boolean {
    return this.#queuedBytes > this.#options.maxQueuedBytes;
  }

  /** Resolves when there is room for more. */
  async push(slice: Slice): Promise<void> {
    this.#enqueue(slice);
    while (this.#queuedBytes > this.#options.maxQueuedBytes && !this.#stopped.signal.aborted) {
      await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
    }
  }

  /**
   * Resolves when the slice is committed.
   * @throws RegressionError `STORE_CLOSED` when the queue is stopped before.
   */
  async commit(slice: Slice): Promise<void> {
    this.#enqueue(slice);
    const place = this.#lastPushed;
    await this.flushed();
    if (this.#lastCommitted < place) throw new RegressionError('STORE_CLOSED', 'the store takes no more rows');
  }

  /** Resolves when everything pushed so far is committed, or the queue has been stopped. */
  flushed(): Promise<void> {
    if (this.#lastCommitted === this.#lastPushed || this.#stopped.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => this.#flushWaiters.push({ slice: this.#lastPushed, resolve }));
  }

  /** Gives up what is not committed; file positions have not moved over it, so it is read again at the next start. */
  stop(): void {
    this.#stopped.abort();
    this.#wake();
  }

  #enqueue(slice: Slice): void {
    const { rowsPerBatch, patterns } = this.#options;
    if (this.#isFull || (this.#forming?.rowCount ?? 0) + slice.records.length > rowsPerBatch) this.#endForming();
    const before = this.#forming?.bytes ?? 0;
    this.#forming ??= new FormingBatch(patterns, Math.ceil(this.#lastBatchBytes * roomForMore));
    this.#forming.add(slice);
    this.#lastPushed++;
    this.#account(this.#forming.bytes - before);
    this.#send();
  }

  /** Sends what waits, if the store is free; under load a full batch goes out while another is still under way. */
  #send(): void {
    if (this.#stopped.signal.aborted || this.#isHeld) return;
    for (;;) {
      if (this.#waiting.length === 0 && (this.#underWay.length === 0 || this.#isFull)) this.#endForming();
      if (this.#underWay.length === maxGroupsUnderWay) return;
      const waiting = this.#waiting.shift();
      if (waiting === undefined) return;
      const group = { ...waiting, sinceMs: this.#options.clock.monotonicMs() };
      this.#underWay.push(group);
      void this.#commit(group);
    }
  }

  get #isFull(): boolean {
    const { rowCount = 0, bytes = 0 } = this.#forming ?? {};
    return rowCount >= this.#options.rowsPerBatch || bytes >= bytesPerBatch;
  }

  #endForming(): void {
    if (this.#forming === null) return;
    const { rowCount, bytes } = this.#forming;
    this.#waiting.push({ batch: this.#forming.end(), rowCount, bytes, lastSlice: this.#lastPushed });
    this.#lastBatchBytes = bytes;
    this.#forming = null;
  }

  async #commit(group: Group): Promise<void> {
    const { store, clock, metrics } = this.#options;
    const startedAtMs = clock.monotonicMs();
    this.#unsettled++;
    try {
      await store.append(group.batch);
      this.#unsettled--;
      metrics.commits.inc();
      metrics.recordsStored.inc(group.rowCount);
      metrics.commitSeconds.observe((clock.monotonicMs() - startedAtMs) / 1000);
      this.#countGaps(group.batch.gaps);
      this.#committed(group);
    } catch (error) {
      this.#unsettled--;
      this.#failed(error);
    }
    if (this.#isHeld && this.#unsettled === 0) await this.#retryLater();
    else this.#send();
  }

  #committed(group: Group): void {
    this.#underWay = this.#underWay.filter((other) => other !== group);
    this.#lastCommitted = group.lastSlice;
    this.#account(-group.bytes);
    if (this.#failure !== null && !this.#isHeld) {
      this.#options.logger.info('the store takes rows again');
      this.#failedAttempts = 0;
      this.#failure = null;
      this.#failureHint = undefined;
    }
    this.#wake();
  }

  #countGaps(gaps: readonly Gap[]): void {
    const { metrics } = this.#options;
    for (const { reason, startOffset, endOffset } of gaps) {
      metrics.gaps.inc({ reason });
      if (endOffset !== null) metrics.lostBytes.inc({ reason }, endOffset - startOffset);
    }
  }

  #failed(error: unknown): void {
    const { metrics, logger, onFatal } = this.#options;
    const known = error instanceof RegressionError ? error : undefined;
    metrics.storeErrors.inc({ code: known?.code ?? 'unknown' });
    if (this.#stopped.signal.aborted) return;
    const isFirst = this.#failure === null;
    this.#isHeld = true;
    if (isFirst) {
      this.#failure = messageOf(error);
      this.#failureHint = known?.hint;
    }
    if (known?.retryable) {
      if (isFirst) logger.error({ err: error, hint: known.hint }, 'the store does not take rows; inputs wait');
    } else {
      this.stop();
      onFatal(error);
    }
  }

  /** Called once every group under way has been answered: those that are left failed, the first of them first. */
  async #retryLater(): Promise<void> {
    await this.#options.clock.delay(backoffMs(this.#failedAttempts++, retryLimits), this.#stopped.signal);
    if (this.#stopped.signal.aborted) return;
    this.#isHeld = false;
    for (const group of this.#underWay) void this.#commit(group);
  }

  #account(bytes: number): void {
    this.#queuedBytes += bytes;
    this.#options.metrics.queuedBytes.set(this.#queuedBytes);
  }

  #wake(): void {
    const isStopped = this.#stopped.signal.aborted;
    const isDone = ({ slice }: { slice: number }): boolean => isStopped || slice <= this.#lastCommitted;
    for (const waiter of this.#flushWaiters.filter(isDone)) waiter.resolve();
    this.#flushWaiters = this.#flushWaiters.filter((waiter) => !isDone(waiter));
    if (isStopped || this.#queuedBytes <= this.#options.maxQueuedBytes) {
      for (const resolve of this.#roomWaiters.splice(0)) resolve();
    }
  }
}
