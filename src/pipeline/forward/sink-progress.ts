/**
 * How far a sink is, in memory and in the store, and what became of its rows. An outcome is stored once the upstream has said yes, however
 * long that takes: what it has taken must not be sent again because our own disk was full.
 *
 * Where the upstream knows each row again, the next batches go out while the outcome is stored: under load the store's writer has others
 * to serve first. A few outcomes wait there and are stored as one; a crash meanwhile has their rows sent again, as one before the answer has.
 */
import type { Clock } from '../../runtime/clock.ts';
import { RegressionError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Repetitions } from '../../sinks/sink.ts';
import type { FinishedBatch, SinkBatchRange } from '../../store/sink-state.ts';
import type { Store } from '../../store/store.ts';
import { backoffMs } from '../backoff.ts';

export interface SinkProgressOptions {
  readonly name: string;
  /** Where rows are not known again one by one, nothing goes out before the outcome of what went before it is stored. */
  readonly repetitions: Repetitions;
  readonly store: Pick<Store, 'state'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly onStoreFailure: (error: unknown) => void;
}

/** Where no row is wanted the position moves in memory, and in the store once it is this far ahead or this old. */
const unsavedIds = 100_000;
const unsavedMs = 10_000;
/** Batches that are delivered and not yet stored as such. */
export const maxBatchesAhead = 8;
export const storeRetryLimits = { baseMs: 200, maxMs: 10_000 };

export class SinkProgress {
  readonly #options: SinkProgressOptions;
  #position = 0;
  #savedPosition = 0;
  #savedAtMs = 0;
  #deliveredRows = 0;
  #droppedRows = 0;
  /** Outcomes that are not yet given to the store, as one. */
  #unsaved: FinishedBatch | null = null;
  /** Those and the ones that are. */
  #batchesAhead = 0;
  /** Resolves when all are stored. */
  #storing: Promise<void> = Promise.resolve();
  #isStoring = false;

  constructor(options: SinkProgressOptions) {
    this.#options = options;
  }

  /** Rows up to this id are done with. */
  get position(): number {
    return this.#position;
  }

  get deliveredRows(): number {
    return this.#deliveredRows;
  }

  get droppedRows(): number {
    return this.#droppedRows;
  }

  /** @param begin the position of a sink that is new: what went before it was known is not its loss. @returns the batch that was out when the daemon ended. */
  async open(begin: () => number | Promise<number>): Promise<SinkBatchRange | null> {
    const { name, store, clock } = this.#options;
    const isKnown = (await store.state.sinks()).some((sink) => sink.name === name);
    const state = await store.state.openSink(name, isKnown ? 0 : await begin());
    this.#position = this.#savedPosition = state.position;
    this.#savedAtMs = clock.monotonicMs();
    this.#deliveredRows = state.deliveredRows;
    this.#droppedRows = state.droppedRows;
    return state.batch;
  }

  /** Remembers which batch goes out; it begins behind the position as it is stored. */
  async begin(range: SinkBatchRange, signal: AbortSignal): Promise<void> {
    await this.save(signal);
    await this.#options.store.state.beginBatch(this.#options.name, range);
  }

  /**
   * Resolves when the next batch may go out.
   * @throws RegressionError `STORE_CLOSED`; the signal's reason when the store does not take it until then. Of this outcome or the one before.
   */
  async finish(finished: FinishedBatch, signal: AbortSignal): Promise<void> {
    const { name, repetitions, logger, metrics } = this.#options;
    const { position, deliveredRows, droppedRows, deadLetters } = finished;
    this.#unsaved = this.#unsaved === null ? finished : sumOf(this.#unsaved, finished);
    this.#batchesAhead++;
    if (!this.#isStoring) {
      this.#isStoring = true;
      this.#storing = this.#storeAll(signal);
      this.#storing.catch(() => undefined); // whoever awaits it is told
    }
    // What is lost or refused is said when it is stored.
    const isAwaited = repetitions !== 'by row' || droppedRows > 0 || deadLetters.length > 0;
    if (isAwaited || this.#batchesAhead > maxBatchesAhead) await this.#storing;
    this.#position = position;
    this.#deliveredRows += deliveredRows;
    this.#droppedRows += droppedRows;
    metrics.sinkRows.inc({ sink: name }, deliveredRows);
    metrics.sinkDropped.inc({ sink: name }, droppedRows);
    metrics.sinkRefused.inc({ sink: name }, deadLetters.length);
    if (droppedRows > 0) logger.error({ sink: name, rows: droppedRows }, 'rows went unsent');
    const [letter] = deadLetters;
    if (letter === undefined) return;
    logger.error(
      { sink: name, rows: deadLetters.length, reason: letter.reason, hint: 'regression deadletters list' },
      'an upstream refused rows; they are kept as dead letters',
    );
  }

  /** The flag stays after a failure: then whoever awaits is told of it, and nothing more is stored. */
  async #storeAll(signal: AbortSignal): Promise<void> {
    for (let next = this.#unsaved; next !== null; next = this.#unsaved) {
      const batches = this.#batchesAhead;
      this.#unsaved = null;
      await this.#store(next, signal);
      this.#batchesAhead -= batches;
    }
    this.#isStoring = false;
  }

  async #store(finished: FinishedBatch, signal: AbortSignal): Promise<void> {
    const { name, store, clock, logger, onStoreFailure } = this.#options;
    for (let failures = 0; ; failures++) {
      try {
        await store.state.finishBatch(name, finished);
        this.#savedPosition = finished.position;
        this.#savedAtMs = clock.monotonicMs();
        return;
      } catch (error) {
        if (error instanceof RegressionError && error.code === 'STORE_CLOSED') throw error;
        if (signal.aborted) throw error;
        onStoreFailure(error);
        logger.error({ err: error, sink: name }, 'how far a sink is could not be stored; it is tried again');
        await clock.delay(backoffMs(failures, storeRetryLimits), signal);
      }
    }
  }

  /** Rows that nobody wants cost no transaction each. */
  async passOver(position: number, signal: AbortSignal): Promise<void> {
    this.#position = position;
    const isDue =
      position - this.#savedPosition >= unsavedIds || this.#options.clock.monotonicMs() - this.#savedAtMs >= unsavedMs;
    if (isDue) await this.save(signal);
  }

  async save(signal: AbortSignal): Promise<void> {
    await this.#storing;
    if (this.#savedPosition === this.#position) return;
    await this.finish({ position: this.#position, deliveredRows: 0, droppedRows: 0, deadLetters: [] }, signal);
  }

  /** Dead letters that were delivered after all. */
  addDelivered(rows: number): void {
    this.#deliveredRows += rows;
  }
}

function sumOf(before: FinishedBatch, after: FinishedBatch): FinishedBatch {
  return {
    position: after.position,
    deliveredRows: before.deliveredRows + after.deliveredRows,
    droppedRows: before.droppedRows + after.droppedRows,
    deadLetters: [...before.deadLetters, ...after.deadLetters],
  };
}
