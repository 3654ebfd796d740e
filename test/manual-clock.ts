/** A clock that stands still until the test moves it. */
import type { Clock } from '../src/runtime/clock.ts';

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

export class ManualClock implements Clock {
  #nowMs: number;
  #monotonicMs = 0;
  #sleepers: Sleeper[] = [];

  constructor(now = '2026-11-24T03:00:00Z') {
    this.#nowMs = Date.parse(now);
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  delay(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper = { atMs: this.#monotonicMs + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        resolve();
      });
    });
  }

  /** How many wait: lets a test see that something has gone to sleep. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** Moves both clocks and wakes whom it passes, in order. */
  advance(ms: number): void {
    this.#monotonicMs += ms;
    this.#nowMs += ms;
    const due = this.#sleepers.filter(({ atMs }) => atMs <= this.#monotonicMs).sort((a, b) => a.atMs - b.atMs);
    this.#sleepers = this.#sleepers.filter(({ atMs }) => atMs > this.#monotonicMs);
    for (const { wake } of due) wake();
  }

  /** The wall clock alone jumps, as NTP or a person sets it. */
  setWallClock(now: string): void {
    this.#nowMs = Date.parse(now);
  }
}
