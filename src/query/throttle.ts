/**
 * Slows down whoever keeps failing: after a few free failures each further one doubles the time until the next attempt is looked
 * at. Bounded in memory; what is forgotten for that may try again.
 */
import type { Clock } from '../runtime/clock.ts';

const freeFailures = 5;
const firstDelayMs = 1000;
const maxDelayMs = 5 * 60_000;
/** After this long without a failure all is forgotten. */
const memoryMs = 15 * 60_000;
const maxRemembered = 10_000;

interface Failures {
  readonly count: number;
  readonly lastAtMs: number;
}

export class Throttle {
  readonly #clock: Clock;
  readonly #failures = new Map<string, Failures>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds until the next attempt of `who` is looked at; 0 when it may be now. */
  delayMs(who: string): number {
    const failures = this.#recent(who);
    if (failures === undefined || failures.count < freeFailures) return 0;
    const delay = Math.min(firstDelayMs * 2 ** (failures.count - freeFailures), maxDelayMs);
    return Math.max(failures.lastAtMs + delay - this.#clock.monotonicMs(), 0);
  }

  failed(who: string): void {
    const count = (this.#recent(who)?.count ?? 0) + 1;
    this.#failures.delete(who); // the newest stands last
    if (this.#failures.size >= maxRemembered) this.#failures.delete(this.#failures.keys().next().value ?? '');
    this.#failures.set(who, { count, lastAtMs: this.#clock.monotonicMs() });
  }

  succeeded(who: string): void {
    this.#failures.delete(who);
  }

  #recent(who: string): Failures | undefined {
    const failures = this.#failures.get(who);
    return failures !== undefined && this.#clock.monotonicMs() - failures.lastAtMs < memoryMs ? failures : undefined;
  }
}
