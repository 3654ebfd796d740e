/**
 * Brings rows to one sink through its circuit, in lanes, until each is delivered or known to be refused, and remembers what the upstream
 * said last. Which rows, and what is stored of it, is the runner's.
 */
import type { Clock } from '../../runtime/clock.ts';
import { hintOf, messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Rows } from '../../sinks/rows.ts';
import type { Delivery, Sink } from '../../sinks/sink.ts';
import { Circuit, type CircuitState } from './circuit.ts';
import { type LaneOutcome, deliverAll, lanesOf } from './lane.ts';
import type { LastError } from './sink-status.ts';

export interface SinkDeliveryOptions {
  readonly name: string;
  readonly sink: Sink;
  /** Milliseconds; a request that takes longer is given up and repeated. */
  readonly timeout: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly random?: (() => number) | undefined;
}

/** Rows refused in a row by a status, not one taken between them: then it is hardly the rows. */
const maxRefusedInARow = 1000;
const logIntervalMs = 60_000;

export class SinkDelivery {
  readonly #options: SinkDeliveryOptions;
  readonly #circuit: Circuit;
  #refusedInARow = 0;
  #callsUnderWay = 0;
  #loggedAtMs = -Infinity;
  #lastError: LastError | null = null;
  #lastSuccessAt: string | null = null;

  constructor(options: SinkDeliveryOptions) {
    this.#options = options;
    const { clock, random, name, logger, metrics } = options;
    this.#circuit = new Circuit({
      clock,
      random,
      onFailure: ({ reason, kind, ...more }, waitMs) => {
        this.#note(reason, more.hint);
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

  get circuit(): CircuitState {
    return this.#circuit.state;
  }

  get isFailing(): boolean {
    return this.#circuit.isFailing;
  }

  get isHeld(): boolean {
    return this.#circuit.isHeld;
  }

  /** The sink may be reading rows, if only those of a call that was given up. */
  get isAnyUnderWay(): boolean {
    return this.#callsUnderWay > 0;
  }

  get lastError(): LastError | null {
    return this.#lastError;
  }

  get lastSuccessAt(): string | null {
    return this.#lastSuccessAt;
  }

  /** What went wrong beside the upstream. */
  noteError(error: unknown): void {
    this.#note(messageOf(error), hintOf(error));
  }

  /** @throws the signal's reason. */
  async deliver(rows: Rows, lanes: number, signal: AbortSignal): Promise<LaneOutcome> {
    const options = {
      send: (part: Rows) => this.#send(part, signal),
      mayBeRefused: (reason: string) => this.#mayBeRefused(reason),
      onUnnamed: (count: number, reason: string) => this.#noteUnnamed(count, reason),
    };
    for (;;) {
      const outcomes = await Promise.all(lanesOf(rows, lanes).map((lane) => deliverAll(lane, options)));
      const done = outcomes.filter((outcome) => outcome !== null);
      if (done.length < outcomes.length) continue;
      this.#lastSuccessAt = new Date(this.#options.clock.nowMs()).toISOString();
      return {
        deliveredRows: done.reduce((sum, { deliveredRows }) => sum + deliveredRows, 0),
        deadLetters: done.flatMap(({ deadLetters }) => deadLetters),
      };
    }
  }

  async #send(part: Rows, signal: AbortSignal): Promise<Delivery> {
    const { name, timeout, metrics, clock } = this.#options;
    const startedAtMs = clock.monotonicMs();
    const delivery = await this.#circuit.attempt(async () => {
      const answered = new AbortController();
      try {
        const cutShort = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
        // A sink that does not hear the signal holds up nobody.
        return await Promise.race([this.#call(part, cutShort), aborted(cutShort, answered.signal)]);
      } catch (error) {
        return { kind: 'unavailable', reason: messageOf(error), hint: hintOf(error) };
      } finally {
        answered.abort();
      }
    }, signal);
    signal.throwIfAborted();
    metrics.sinkSeconds.observe({ sink: name }, (clock.monotonicMs() - startedAtMs) / 1000);
    if (delivery.kind === 'delivered' || delivery.kind === 'partly') this.#refusedInARow = 0;
    return delivery;
  }

  async #call(part: Rows, signal: AbortSignal): Promise<Delivery> {
    this.#callsUnderWay++;
    try {
      return await this.#options.sink.deliver(part, signal);
    } finally {
      this.#callsUnderWay--;
    }
  }

  #mayBeRefused(reason: string): boolean {
    if (++this.#refusedInARow <= maxRefusedInARow) return true;
    const hint = 'It refuses row after row: is it the sink that is set wrong? They wait.';
    this.#circuit.fail({ kind: 'refused', reason, hint });
    return false;
  }

  #noteUnnamed(count: number, reason: string): void {
    const { name, metrics, logger } = this.#options;
    const hint = 'It does not say which; they are in the store.';
    this.#note(`${count} records of a batch were refused: ${reason}`, hint);
    metrics.sinkRefused.inc({ sink: name }, count);
    logger.error({ sink: name, rows: count, reason, hint }, 'an upstream refused rows');
  }

  #note(message: string, hint: string | undefined): void {
    this.#lastError = { message, hint, at: new Date(this.#options.clock.nowMs()).toISOString() };
  }
}

/** Rejects with the signal's reason. @param answered nobody waits any more: a signal with a listener lives until its time is over. */
function aborted(signal: AbortSignal, answered: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true, signal: answered });
    if (signal.aborted) reject(signal.reason as Error);
  });
}
