/**
 * Forwards to one sink: reads on from its position, delivers, moves the position when the upstream has said yes. The store is the queue.
 *
 * A batch is read while the one before it is under way. What was sent and not confirmed is sent again after a restart, where the sink
 * asks for it as the very same batch.
 */
import type { Clock } from '../../runtime/clock.ts';
import { RegressionError, messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Filter, LogRow } from '../../search/request.ts';
import type { CommonSinkOptions } from '../../sinks/options.ts';
import type { Delivery, Sink } from '../../sinks/sink.ts';
import type { FinishedBatch, SinkBatchRange } from '../../store/sink-state.ts';
import type { Store } from '../../store/store.ts';
import { backoffMs } from '../backoff.ts';
import { Circuit } from './circuit.ts';
import { type LaneOutcome, deliverAll, lanesOf } from './lane.ts';
import type { ReadRows, RowSource } from './row-source.ts';
import type { SinkStatus } from './sink-status.ts';

export interface SinkRunnerOptions {
  readonly name: string;
  readonly type: string;
  readonly sink: Sink;
  readonly repeatsBatches: boolean;
  readonly filter: Filter;
  readonly options: Pick<
    CommonSinkOptions,
    'from' | 'batch_rows' | 'batch_bytes' | 'concurrency' | 'timeout' | 'max_backlog'
  >;
  readonly rows: RowSource;
  /** Resolves when rows have come, or when the signal aborts. */
  readonly arrival: (signal: AbortSignal) => Promise<void>;
  readonly store: Pick<Store, 'state' | 'stats'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly random?: (() => number) | undefined;
}

/** Rows refused in a row by a status, not one taken between them: then it is hardly the rows. */
const maxRefusedInARow = 1000;
/** Where no row is wanted the position moves in memory, and in the store once it is this far ahead or this old. */
const unsavedIds = 100_000;
const unsavedMs = 10_000;
const backlogCheckMs = 5000;
const logIntervalMs = 60_000;
const dueLetters = 500;
const storeRetryLimits = { baseMs: 200, maxMs: 10_000 };

interface LastError {
  readonly message: string;
  readonly hint: string | undefined;
  readonly at: string;
}

export class SinkRunner {
  readonly #options: SinkRunnerOptions;
  readonly #circuit: Circuit;
  readonly #stopped = new AbortController();
  readonly #draining = new AbortController();
  /** Aborts what is under way because the backlog is past its bound. */
  #abandoning = new AbortController();
  #running: Promise<void> | null = null;
  #position = 0;
  #savedPosition = 0;
  #savedAtMs = 0;
  #ahead: Promise<ReadRows | null> | null = null;
  #refusedInARow = 0;
  #loggedAtMs = -Infinity;
  #isUnderWay = false;
  /** Timestamp of the oldest row that is not delivered; null when all are. */
  #oldest: string | null = null;
  #bytesPerRow = 0;
  #counts = { delivered: 0, dropped: 0 };
  #lastSuccessAt: string | null = null;
  #lastError: LastError | null = null;
  #wakeForLetters: () => void = () => undefined;
  #hasDueLetters = true;

  constructor(options: SinkRunnerOptions) {
    this.#options = options;
    const { clock, random, name, logger, metrics } = options;
    this.#circuit = new Circuit({
      clock,
      random,
      onFailure: ({ reason, kind, ...more }, waitMs) => {
        this.#lastError = { message: reason, hint: more.hint, at: new Date(clock.nowMs()).toISOString() };
        metrics.sinkFailures.inc({ sink: name, kind });
        if (clock.monotonicMs() - this.#loggedAtMs < logIntervalMs) return;
        this.#loggedAtMs = clock.monotonicMs();
        const told = { sink: name, reason, again_in_ms: Math.round(waitMs), hint: more.hint };
        if (kind === 'refused') logger.error(told, 'a sink is refused; its rows wait');
        else logger.warn(told, 'a sink does not take rows; they wait');
      },
      onSuccess: () => {
        if (this.#loggedAtMs > -Infinity) logger.info({ sink: name }, 'a sink takes rows again');
        this.#loggedAtMs = -Infinity;
      },
    });
  }

  get name(): string {
    return this.#options.name;
  }

  /** @throws what the store throws. */
  async start(): Promise<void> {
    const { name, options, store, clock } = this.#options;
    const begin = options.from === 'end' ? (await store.stats()).lastId : 0;
    const state = await store.state.openSink(name, begin);
    this.#position = this.#savedPosition = state.position;
    this.#savedAtMs = clock.monotonicMs();
    this.#counts = { delivered: state.deliveredRows, dropped: state.droppedRows };
    this.#running = this.#run(state.batch);
    void this.#watchBacklog();
  }

  /**
   * Idempotent. Delivers what is there already, unless the upstream is failing, for `drainMs` at most; then gives up what is under way, to
   * be sent again after the next start.
   */
  async stop(drainMs: number): Promise<void> {
    this.#draining.abort();
    const waited = new AbortController();
    const limitMs = this.#circuit.isFailing ? 0 : drainMs;
    await Promise.race([this.#running, this.#options.clock.delay(limitMs, waited.signal)]);
    waited.abort();
    this.#stopped.abort(new Error('the daemon stops'));
    await this.#running;
    await this.#options.sink.close();
  }

  /** Dead letters are to be sent once more. */
  wake(): void {
    this.#hasDueLetters = true;
    this.#wakeForLetters();
  }

  /** @param deadLetters as the store counts them: others may have removed some. */
  async status(deadLetters: number): Promise<SinkStatus> {
    const { name, type, sink, rows, clock } = this.#options;
    const lagRows = Math.max(rows.lastId - this.#position, 0);
    const oldestMs = this.#oldest === null ? null : Date.parse(this.#oldest);
    return {
      name,
      type,
      describes: sink.describe(),
      state: this.#state(lagRows),
      circuit: this.#circuit.state,
      position: this.#position,
      lagRows,
      lagSeconds: oldestMs === null ? 0 : Math.max((clock.nowMs() - oldestMs) / 1000, 0),
      lagBytes: Math.round(lagRows * (await this.#measuredBytesPerRow())),
      deliveredRows: this.#counts.delivered,
      droppedRows: this.#counts.dropped,
      deadLetters,
      lastSuccessAt: this.#lastSuccessAt,
      lastError: this.#lastError,
    };
  }

  #state(lagRows: number): SinkStatus['state'] {
    if (this.#circuit.isHeld) return 'held';
    if (this.#circuit.isFailing) return 'waiting';
    return this.#isUnderWay || lagRows > 0 ? 'delivering' : 'idle';
  }

  async #run(outstanding: SinkBatchRange | null): Promise<void> {
    let again = outstanding;
    for (let failures = 0; !this.#stopped.signal.aborted;) {
      try {
        if (again !== null) await this.#repeat(again);
        again = null;
        if (this.#hasDueLetters) await this.#retryLetters();
        if (!(await this.#forwardNext())) {
          if (this.#draining.signal.aborted) break;
          await this.#rest();
        }
        failures = 0;
      } catch (error) {
        this.#ahead = null;
        if (this.#stopped.signal.aborted) break;
        if (this.#abandoning.signal.aborted) {
          again = null;
          await this.#dropOldest().catch(() => undefined); // told by the next look at the backlog
          continue;
        }
        const isClosed = error instanceof RegressionError && error.code === 'STORE_CLOSED';
        if (isClosed) break;
        this.#lastError = this.#errorOf(error);
        this.#options.logger.error({ err: error, sink: this.name }, 'forwarding failed; it is tried again');
        await this.#options.clock.delay(backoffMs(failures++, storeRetryLimits), this.#stopped.signal);
      }
    }
    await this.#savePosition().catch(() => undefined); // rows that nobody wanted are looked at once more
  }

  /** A batch that was out when the daemon ended, as it was. */
  async #repeat({ lastId, filter, lanes }: SinkBatchRange): Promise<void> {
    const read = await this.#options.rows.readRange(this.#position, lastId, filter, this.#signal);
    await this.#deliverBatch(read, lanes);
  }

  /** False when there is nothing to forward. */
  async #forwardNext(): Promise<boolean> {
    const { repeatsBatches, store, filter, options } = this.#options;
    const read = await (this.#ahead ?? this.#read(this.#position));
    this.#ahead = null;
    if (read === null) return false;
    if (read.rows.length === 0) {
      await this.#passOver(read);
      return true;
    }
    if (repeatsBatches) {
      const range = { lastId: read.lastId, rows: read.rows.length, filter, lanes: options.concurrency };
      // The batch begins behind the position as it is stored.
      if (this.#savedPosition !== this.#position) await this.#savePosition();
      await store.state.beginBatch(this.name, range);
    }
    this.#ahead = this.#read(read.lastId);
    this.#ahead.catch(() => undefined); // whoever awaits it is told
    await this.#deliverBatch(read, options.concurrency);
    return true;
  }

  #read(position: number): Promise<ReadRows | null> {
    const { rows, filter, options } = this.#options;
    const limits = { maxRows: options.batch_rows, maxBytes: options.batch_bytes };
    return rows.read(position, filter, limits, this.#signal);
  }

  async #deliverBatch(read: ReadRows, lanes: number): Promise<void> {
    this.#isUnderWay = true;
    this.#oldest = read.rows[0]?.timestamp ?? null;
    try {
      const outcome = await this.#deliver(read.rows, lanes);
      this.#oldest = null;
      this.#lastSuccessAt = new Date(this.#options.clock.nowMs()).toISOString();
      await this.#finish({
        position: read.lastId,
        droppedRows: read.lostIds,
        deliveredRows: outcome.deliveredRows,
        deadLetters: outcome.deadLetters,
      });
    } finally {
      this.#isUnderWay = false;
    }
  }

  async #deliver(rows: readonly LogRow[], lanes: number): Promise<LaneOutcome> {
    const signal = this.#signal;
    const options = {
      send: (part: readonly LogRow[]) => this.#send(part, signal),
      mayBeRefused: (reason: string) => this.#mayBeRefused(reason),
      onUnnamed: (count: number, reason: string) => this.#noteUnnamed(count, reason),
    };
    for (;;) {
      const outcomes = await Promise.all(lanesOf(rows, lanes).map((lane) => deliverAll(lane, options)));
      const done = outcomes.filter((outcome) => outcome !== null);
      if (done.length < outcomes.length) continue;
      return {
        deliveredRows: done.reduce((sum, { deliveredRows }) => sum + deliveredRows, 0),
        deadLetters: done.flatMap(({ deadLetters }) => deadLetters),
      };
    }
  }

  async #send(part: readonly LogRow[], signal: AbortSignal): Promise<Delivery> {
    const { sink, options, metrics, clock } = this.#options;
    const startedAtMs = clock.monotonicMs();
    const delivery = await this.#circuit.attempt(async () => {
      try {
        const cutShort = AbortSignal.any([signal, AbortSignal.timeout(options.timeout)]);
        // A sink that does not hear the signal holds up nobody.
        return await Promise.race([sink.deliver(part, cutShort), aborted(cutShort)]);
      } catch (error) {
        const hint = error instanceof RegressionError ? error.hint : undefined;
        return { kind: 'unavailable', reason: messageOf(error), hint };
      }
    }, signal);
    signal.throwIfAborted();
    metrics.sinkSeconds.observe({ sink: this.name }, (clock.monotonicMs() - startedAtMs) / 1000);
    if (delivery.kind === 'delivered' || delivery.kind === 'partly') this.#refusedInARow = 0;
    return delivery;
  }

  #mayBeRefused(reason: string): boolean {
    if (++this.#refusedInARow <= maxRefusedInARow) return true;
    const hint = 'It refuses row after row: is it the sink that is set wrong? They wait.';
    this.#circuit.fail({ kind: 'refused', reason, hint });
    return false;
  }

  #noteUnnamed(count: number, reason: string): void {
    const { metrics, logger, clock } = this.#options;
    const hint = 'It does not say which; they are in the store.';
    const message = `${count} records of a batch were refused: ${reason}`;
    this.#lastError = { message, hint, at: new Date(clock.nowMs()).toISOString() };
    metrics.sinkRefused.inc({ sink: this.name }, count);
    logger.error({ sink: this.name, rows: count, reason, hint }, 'an upstream refused rows');
  }

  /** Rows that nobody wants cost no transaction each. */
  async #passOver({ lastId, lostIds }: ReadRows): Promise<void> {
    const { clock } = this.#options;
    if (lostIds > 0) return this.#finish({ position: lastId, deliveredRows: 0, droppedRows: lostIds, deadLetters: [] });
    this.#position = lastId;
    const isDue = lastId - this.#savedPosition >= unsavedIds || clock.monotonicMs() - this.#savedAtMs >= unsavedMs;
    return isDue ? this.#savePosition() : undefined;
  }

  #savePosition(): Promise<void> {
    if (this.#savedPosition === this.#position) return Promise.resolve();
    return this.#finish({ position: this.#position, deliveredRows: 0, droppedRows: 0, deadLetters: [] });
  }

  /** What an upstream has taken must not be sent again because our own disk was full: this is repeated until it is stored. */
  async #finish(finished: FinishedBatch): Promise<void> {
    const { store, clock, logger, metrics } = this.#options;
    for (let failures = 0; ; failures++) {
      try {
        await store.state.finishBatch(this.name, finished);
        break;
      } catch (error) {
        if (error instanceof RegressionError && error.code === 'STORE_CLOSED') throw error;
        if (this.#stopped.signal.aborted) throw error;
        this.#lastError = this.#errorOf(error);
        logger.error({ err: error, sink: this.name }, 'how far a sink is could not be stored; it is tried again');
        await clock.delay(backoffMs(failures, storeRetryLimits), this.#stopped.signal);
      }
    }
    const { position, deliveredRows, droppedRows, deadLetters } = finished;
    this.#position = this.#savedPosition = position;
    this.#savedAtMs = clock.monotonicMs();
    this.#counts.delivered += deliveredRows;
    this.#counts.dropped += droppedRows;
    const labels = { sink: this.name };
    metrics.sinkRows.inc(labels, deliveredRows);
    metrics.sinkDropped.inc(labels, droppedRows);
    metrics.sinkRefused.inc(labels, deadLetters.length);
    if (droppedRows > 0) logger.error({ sink: this.name, rows: droppedRows }, 'rows went unsent');
    if (deadLetters.length > 0) {
      logger.error(
        {
          sink: this.name,
          rows: deadLetters.length,
          reason: deadLetters[0]?.reason,
          hint: 'regression deadletters list',
        },
        'an upstream refused rows; they are kept as dead letters',
      );
    }
  }

  async #retryLetters(): Promise<void> {
    const { store } = this.#options;
    for (;;) {
      this.#hasDueLetters = false;
      const letters = await store.state.dueDeadLetters(this.name, dueLetters);
      if (letters.length === 0) return;
      const rows = letters.map(({ row }) => JSON.parse(row) as LogRow);
      const { deadLetters } = await this.#deliver(rows, 1);
      const reasons = new Map(deadLetters.map(({ logId, reason }) => [logId, reason]));
      const refused = letters.flatMap(({ id, logId }) => {
        const reason = reasons.get(logId);
        return reason === undefined ? [] : [{ id, reason }];
      });
      const ids = letters.map(({ id }) => id).filter((id) => !refused.some((letter) => letter.id === id));
      await store.state.settleDeadLetters(this.name, ids, refused);
      this.#counts.delivered += ids.length;
    }
  }

  /** Until there are rows, or letters to be sent again, or the daemon stops. */
  async #rest(): Promise<void> {
    const woken = new AbortController();
    this.#wakeForLetters = () => woken.abort();
    // What has come since it was looked for would wake nobody.
    if (this.#hasDueLetters || this.#options.rows.lastId > this.#position) return;
    await this.#options.arrival(AbortSignal.any([woken.signal, this.#draining.signal]));
  }

  async #watchBacklog(): Promise<void> {
    const { options, clock, rows, logger } = this.#options;
    const { max_backlog: maxBytes } = options;
    if (maxBytes === undefined) return;
    while (!this.#stopped.signal.aborted) {
      await clock.delay(backlogCheckMs, this.#stopped.signal);
      try {
        const bytes = (rows.lastId - this.#position) * (await this.#measuredBytesPerRow());
        if (bytes > maxBytes) this.#abandoning.abort(new Error('the backlog is past max_backlog'));
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        logger.warn({ err: error, sink: this.name }, 'how much waits for a sink could not be measured');
      }
    }
  }

  async #dropOldest(): Promise<void> {
    const { options, rows } = this.#options;
    this.#abandoning = new AbortController();
    const maxRows = Math.floor((options.max_backlog ?? 0) / (await this.#measuredBytesPerRow()));
    const position = rows.lastId - maxRows;
    if (position <= this.#position) return;
    this.#oldest = null;
    await this.#finish({ position, droppedRows: position - this.#position, deliveredRows: 0, deadLetters: [] });
  }

  /** In the store, with all its indexes, on average. */
  async #measuredBytesPerRow(): Promise<number> {
    const { store, rows } = this.#options;
    const { databaseBytes, walBytes, segmentBytes, lastId } = await store.stats();
    const count = lastId - rows.firstId + 1;
    if (count > 0) this.#bytesPerRow = (databaseBytes + walBytes + segmentBytes) / count;
    return Math.max(this.#bytesPerRow, 1);
  }

  get #signal(): AbortSignal {
    return AbortSignal.any([this.#stopped.signal, this.#abandoning.signal]);
  }

  #errorOf(error: unknown): LastError {
    const hint = error instanceof RegressionError ? error.hint : undefined;
    return { message: messageOf(error), hint, at: new Date(this.#options.clock.nowMs()).toISOString() };
  }
}

/** Rejects with the signal's reason. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    if (signal.aborted) reject(signal.reason as Error);
  });
}
