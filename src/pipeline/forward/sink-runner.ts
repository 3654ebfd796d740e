/**
 * Forwards to one sink: reads on from its position, delivers, moves the position when the upstream has said yes. The store is the queue.
 *
 * A batch is read while the one before it is under way. What was sent and not confirmed is sent again after a restart, where the sink
 * asks for it as the very same batch. How rows are brought there is in sink-delivery.ts, what is stored in sink-progress.ts, what happens
 * when too many wait in backlog.ts, and how dead letters are sent again in letter-retry.ts.
 */
import { isAtLeast } from '../../record/severity.ts';
import type { Clock } from '../../runtime/clock.ts';
import { RegressionError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Filter } from '../../search/request.ts';
import type { CommonSinkOptions } from '../../sinks/options.ts';
import type { Repetitions, Sink } from '../../sinks/sink.ts';
import type { SinkBatchRange } from '../../store/sink-state.ts';
import type { Store } from '../../store/store.ts';
import { backoffMs } from '../backoff.ts';
import type { Admission } from './admission.ts';
import { Backlog } from './backlog.ts';
import { watchBacklog } from './backlog-watch.ts';
import { LetterRetry } from './letter-retry.ts';
import { ReadAhead } from './read-ahead.ts';
import type { ReadRows, RowSource } from './row-source.ts';
import { SinkDelivery } from './sink-delivery.ts';
import { SinkProgress, storeRetryLimits } from './sink-progress.ts';
import type { SinkStatus } from './sink-status.ts';

export interface SinkRunnerOptions {
  readonly name: string;
  readonly type: string;
  readonly sink: Sink;
  readonly repetitions: Repetitions;
  readonly filter: Filter;
  readonly options: CommonSinkOptions;
  readonly rows: RowSource;
  /** Resolves when rows have come, or when the signal aborts. */
  readonly arrival: (signal: AbortSignal) => Promise<void>;
  readonly admission: Admission;
  readonly store: Pick<Store, 'state'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly random?: (() => number) | undefined;
}

/** Rows looked at in one go where none is delivered. */
const rowsPassedAtOnce = 5000;

export class SinkRunner {
  readonly #options: SinkRunnerOptions;
  readonly #delivery: SinkDelivery;
  readonly #progress: SinkProgress;
  readonly #letters: LetterRetry;
  readonly #backlog: Backlog;
  readonly #stopped = new AbortController();
  readonly #draining = new AbortController();
  /** Aborts what is under way because the backlog is past its bound. */
  #abandoning = new AbortController();
  #running: Promise<void> | null = null;
  readonly #ahead: ReadAhead;
  /** Rows up to this id have been read. */
  #takenId = 0;
  #isUnderWay = false;
  /** Timestamp of the oldest row that is not delivered; null when all are. */
  #oldest: string | null = null;

  constructor(options: SinkRunnerOptions) {
    this.#options = options;
    const { name, admission, options: common } = options;
    this.#delivery = new SinkDelivery({ ...options, timeout: common.timeout });
    this.#progress = new SinkProgress({ ...options, onStoreFailure: (error) => this.#delivery.noteError(error) });
    this.#letters = new LetterRetry({ ...options, delivery: this.#delivery, progress: this.#progress });
    this.#backlog = new Backlog(name, common, admission);
    this.#ahead = new ReadAhead({
      read: (position) => this.#read(position),
      prepare: (rows) => void (common.concurrency === 1 && options.sink.prepare?.(rows)),
    });
  }

  get name(): string {
    return this.#options.name;
  }

  /** @throws what the store throws. */
  async start(): Promise<void> {
    const { options, rows } = this.#options;
    await rows.measure(); // how many rows there are, and what one takes
    const outstanding = await this.#progress.open(() => (options.from === 'end' ? rows.lastId : rows.beginning()));
    this.#running = this.#run(outstanding);
    void this.#watchBacklog();
  }

  /**
   * Idempotent. Delivers what is there already, unless the upstream is failing, for `drainMs` at most; then gives up what is under way, to
   * be sent again after the next start.
   */
  async stop(drainMs: number): Promise<void> {
    this.#draining.abort();
    const waited = new AbortController();
    const limitMs = this.#delivery.isFailing ? 0 : drainMs;
    await Promise.race([this.#running, this.#options.clock.delay(limitMs, waited.signal)]);
    waited.abort();
    this.#stopped.abort(new Error('the daemon stops'));
    await this.#running;
    await this.#options.sink.close();
  }

  /** Dead letters are to be sent once more. */
  wake(): void {
    this.#letters.ask();
  }

  /** @param deadLetters as the store counts them: others may have removed some. */
  async status(deadLetters: number): Promise<SinkStatus> {
    const { name, type, sink, rows, clock } = this.#options;
    const { position, deliveredRows, droppedRows } = this.#progress;
    await rows.measure();
    const unsentRows = this.#backlog.gapRows(position, rows.lastId);
    const lagRows = Math.max(rows.lastId - position - unsentRows, 0);
    const oldestMs = this.#oldest === null ? null : Date.parse(this.#oldest);
    return {
      name,
      type,
      describes: sink.describe(),
      state: this.#state(lagRows),
      circuit: this.#delivery.circuit,
      position,
      lagRows,
      lagSeconds: oldestMs === null ? 0 : Math.max((clock.nowMs() - oldestMs) / 1000, 0),
      lagBytes: Math.round(lagRows * rows.bytesPerRow),
      deliveredRows,
      droppedRows: droppedRows + unsentRows,
      deadLetters,
      lastSuccessAt: this.#delivery.lastSuccessAt,
      lastError: this.#delivery.lastError,
    };
  }

  #state(lagRows: number): SinkStatus['state'] {
    if (this.#delivery.isHeld) return 'held';
    if (this.#delivery.isFailing) return 'waiting';
    return this.#isUnderWay || lagRows > 0 ? 'delivering' : 'idle';
  }

  async #run(outstanding: SinkBatchRange | null): Promise<void> {
    let again = outstanding;
    for (let failures = 0; !this.#stopped.signal.aborted;) {
      try {
        if (again !== null) await this.#repeat(again);
        again = null;
        if (this.#letters.isDue) await this.#letters.run(this.#signal);
        const isForwarded = await this.#forwardNext();
        this.#lookAtBacklog();
        if (!isForwarded) {
          if (this.#draining.signal.aborted) break;
          await this.#rest();
        }
        failures = 0;
      } catch (error) {
        this.#ahead.drop();
        if (this.#stopped.signal.aborted) break;
        if (this.#abandoning.signal.aborted) {
          again = null;
          this.#abandoning = new AbortController();
          this.#oldest = null;
          continue;
        }
        if (error instanceof RegressionError && error.code === 'STORE_CLOSED') break;
        this.#delivery.noteError(error);
        this.#options.logger.error({ err: error, sink: this.name }, 'forwarding failed; it is tried again');
        await this.#options.clock.delay(backoffMs(failures++, storeRetryLimits), this.#stopped.signal);
      }
    }
    await this.#progress.save(this.#stopped.signal).catch(() => undefined); // rows that nobody wanted are looked at once more
  }

  /** A batch that was out when the daemon ended, as it was. */
  async #repeat({ lastId, filter, lanes }: SinkBatchRange): Promise<void> {
    const read = await this.#options.rows.readRange(this.#progress.position, lastId, filter, this.#signal);
    await this.#deliverBatch(read, lanes);
  }

  /** False when there is nothing to forward. */
  async #forwardNext(): Promise<boolean> {
    const { rows, filter, options } = this.#options;
    const { position } = this.#progress;
    const gapEnd = this.#backlog.gapAt(position, rows.lastId);
    if (gapEnd !== null) {
      this.#ahead.drop();
      await this.#passGap(gapEnd);
      return true;
    }
    const read = await this.#ahead.take(position);
    if (read === null) return false;
    if (read.rows.length === 0) {
      if (read.lostIds > 0) await this.#drop(read.lastId, read.lostIds);
      else await this.#progress.passOver(read.lastId, this.#stopped.signal);
      return true;
    }
    await this.#begin(read, filter);
    // Behind a gap is read once it has been passed.
    if (this.#backlog.readableUntil(read.lastId) > read.lastId) this.#ahead.begin(read.lastId);
    await this.#deliverBatch(read, options.concurrency);
    return true;
  }

  /** Rows up to `gapEnd` go unsent, but for those of a severity that is kept. */
  async #passGap(gapEnd: number): Promise<void> {
    const { rows, filter, options } = this.#options;
    const kept = options.keep_severity;
    const maxRows = kept === undefined ? rowsPassedAtOnce : options.batch_rows;
    const limits = { maxRows, maxBytes: options.batch_bytes, untilId: gapEnd };
    const read = await rows.read(this.#progress.position, filter, limits, this.#signal);
    if (read === null) return;
    if (kept === undefined) return this.#drop(read.lastId, read.lostIds + read.rows.length);
    const sent = read.rows.filter(({ severity }) => isAtLeast(severity, kept));
    const unsent = { ...read, rows: sent, lostIds: read.lostIds + read.rows.length - sent.length };
    if (sent.length === 0) return this.#drop(read.lastId, unsent.lostIds);
    const own = filter.minSeverity;
    await this.#begin(unsent, { ...filter, minSeverity: own !== undefined && isAtLeast(own, kept) ? own : kept });
    await this.#deliverBatch(unsent, options.concurrency);
  }

  async #read(position: number): Promise<ReadRows | null> {
    const { rows, filter, options } = this.#options;
    const untilId = this.#backlog.readableUntil(position);
    const limits = { maxRows: options.batch_rows, maxBytes: options.batch_bytes, untilId };
    const read = await rows.read(position, filter, limits, this.#signal);
    this.#takenId = Math.max(this.#takenId, read?.lastId ?? position);
    return read;
  }

  async #begin({ lastId, rows }: ReadRows, filter: Filter): Promise<void> {
    const { repetitions, options } = this.#options;
    if (repetitions !== 'by batch') return;
    const range = { lastId, rows: rows.length, filter, lanes: options.concurrency };
    await this.#progress.begin(range, this.#stopped.signal);
  }

  async #deliverBatch({ rows, lastId, lostIds, endsText }: ReadRows, lanes: number): Promise<void> {
    this.#isUnderWay = true;
    this.#oldest = rows.length === 0 ? null : rows.at(0).timestamp;
    try {
      const outcome = await this.#delivery.deliver(rows, lanes, this.#signal);
      this.#oldest = null;
      await this.#progress.finish({ position: lastId, droppedRows: lostIds, ...outcome }, this.#stopped.signal);
      if (endsText && !this.#delivery.isAnyUnderWay) rows.free();
    } finally {
      this.#isUnderWay = false;
    }
  }

  async #drop(position: number, droppedRows: number): Promise<void> {
    await this.#progress.finish({ position, droppedRows, deliveredRows: 0, deadLetters: [] }, this.#stopped.signal);
  }

  /** Until there are rows, or letters to be sent again, or the daemon stops. */
  async #rest(): Promise<void> {
    const woken = new AbortController();
    this.#letters.onAsked(() => woken.abort());
    // What has come since it was looked for would wake nobody.
    if (this.#letters.isDue || this.#options.rows.lastId > this.#progress.position) return;
    await this.#options.arrival(AbortSignal.any([woken.signal, this.#draining.signal]));
  }

  async #watchBacklog(): Promise<void> {
    if (!this.#backlog.isBounded) return;
    await watchBacklog({ ...this.#options, look: () => this.#lookAtBacklog() }, this.#stopped.signal);
    this.#backlog.close();
  }

  #lookAtBacklog(): void {
    const { rows } = this.#options;
    const { position } = this.#progress;
    const { lastId, bytesPerRow } = rows;
    const takenId = Math.max(this.#takenId, position);
    // A batch that an upstream may have, its answer lost, comes again as it was.
    const isStuck = this.#delivery.isFailing && this.#options.repetitions !== 'by batch';
    if (!this.#backlog.look({ position, takenId, lastId, bytesPerRow, isStuck })) return;
    this.#takenId = position;
    this.#abandoning.abort(new Error('the backlog is past max_backlog'));
  }

  get #signal(): AbortSignal {
    return AbortSignal.any([this.#stopped.signal, this.#abandoning.signal]);
  }
}
