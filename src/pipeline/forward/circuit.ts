/**
 * When the upstream of a sink may be tried: at once while it answers; after a failure not before a wait has passed, and then by one
 * request alone, whoever else waits.
 */
import type { Clock } from '../../runtime/clock.ts';
import type { Delivery } from '../../sinks/sink.ts';
import { backoffMs } from '../backoff.ts';

/** `closed`: requests go through. `open`: it has failed time and again, nothing is sent. `half_open`: one request finds out. */
export type CircuitState = 'closed' | 'open' | 'half_open';

type Failure = Extract<Delivery, { kind: 'unavailable' | 'refused' }>;

/** Failures in a row that open the circuit. */
const opensAfter = 5;
const unavailableLimits = { baseMs: 200, maxMs: 60_000 };
const refusedLimits = { baseMs: 2000, maxMs: 60_000 };
const minWaitMs = 20;
/** A `Retry-After` that asks for longer is taken for this long: nobody means a month. */
export const maxRetryAfterMs = 15 * 60_000;

export interface CircuitOptions {
  readonly clock: Clock;
  readonly random?: (() => number) | undefined;
  readonly onFailure: (failure: Failure, waitMs: number) => void;
  readonly onSuccess: () => void;
}

export class Circuit {
  readonly #options: CircuitOptions;
  #failures = 0;
  #openUntilMs = -Infinity;
  #isRefused = false;
  #trial: Promise<unknown> | null = null;

  constructor(options: CircuitOptions) {
    this.#options = options;
  }

  get state(): CircuitState {
    if (this.#failures < opensAfter) return 'closed';
    return this.#trial === null ? 'open' : 'half_open';
  }

  /** The last answer was a failure. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** Somebody must change something before it goes on. */
  get isHeld(): boolean {
    return this.#isRefused;
  }

  /** Sends once it may be sent. @throws the signal's reason while it waits. */
  async attempt(send: () => Promise<Delivery>, signal: AbortSignal): Promise<Delivery> {
    const { clock } = this.#options;
    for (;;) {
      signal.throwIfAborted();
      const waitMs = this.#openUntilMs - clock.monotonicMs();
      if (waitMs > 0) await clock.delay(waitMs, signal);
      else if (this.#failures > 0 && this.#trial !== null) await this.#trial;
      else break;
    }
    const sending = send();
    const settled = sending.catch(() => undefined);
    if (this.#failures > 0) this.#trial = settled;
    try {
      const delivery = await sending;
      if (delivery.kind === 'unavailable' || delivery.kind === 'refused') this.fail(delivery);
      else if (delivery.kind === 'partly' && delivery.again.length > 0) this.fail(untaken(delivery.again.length));
      else this.#succeed();
      return delivery;
    } finally {
      if (this.#trial === settled) this.#trial = null;
    }
  }

  /** Nothing is tried for a while. */
  fail(failure: Failure): void {
    const { clock, random, onFailure } = this.#options;
    const limits = failure.kind === 'refused' ? refusedLimits : unavailableLimits;
    const jitterMs = Math.max(backoffMs(this.#failures, limits, random), minWaitMs);
    const askedMs = failure.kind === 'unavailable' ? Math.min(failure.retryAfterMs ?? 0, maxRetryAfterMs) : 0;
    const waitMs = askedMs > 0 ? askedMs + backoffMs(0, limits, random) : jitterMs;
    this.#failures++;
    this.#isRefused = failure.kind === 'refused';
    this.#openUntilMs = Math.max(this.#openUntilMs, clock.monotonicMs() + waitMs);
    onFailure(failure, waitMs);
  }

  #succeed(): void {
    this.#failures = 0;
    this.#isRefused = false;
    this.#openUntilMs = -Infinity;
    this.#options.onSuccess();
  }
}

function untaken(rows: number): Failure {
  return { kind: 'unavailable', reason: `${rows} rows of a batch were not taken` };
}
