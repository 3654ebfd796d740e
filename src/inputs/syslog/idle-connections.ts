/**
 * Closes connections that have sent nothing for too long. One whose bytes wait for the store is not idle: it is we who do not read.
 */
import type { Clock } from '../../runtime/clock.ts';

export interface Closable {
  destroy(): void;
}

interface Activity {
  /** Monotonic; when bytes came last, or when the store last took what it had sent. */
  lastAtMs: number;
  /** What it sent has not been taken yet. */
  isWaiting: boolean;
}

export class IdleConnections {
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #onIdle: (connection: Closable) => void;
  readonly #activities = new Map<Closable, Activity>();

  constructor(clock: Clock, idleMs: number, onIdle: (connection: Closable) => void) {
    this.#clock = clock;
    this.#idleMs = idleMs;
    this.#onIdle = onIdle;
  }

  add(connection: Closable): void {
    this.#activities.set(connection, { lastAtMs: this.#clock.monotonicMs(), isWaiting: false });
  }

  remove(connection: Closable): void {
    this.#activities.delete(connection);
  }

  /** Bytes have come; they wait until `taken`. */
  came(connection: Closable): void {
    const activity = this.#activities.get(connection);
    if (activity !== undefined) activity.isWaiting = true;
  }

  taken(connection: Closable): void {
    const activity = this.#activities.get(connection);
    if (activity === undefined) return;
    activity.isWaiting = false;
    activity.lastAtMs = this.#clock.monotonicMs();
  }

  /** Runs until `stopping` aborts. */
  async watch(stopping: AbortSignal): Promise<void> {
    while (!stopping.aborted) {
      await this.#clock.delay(this.#nextInMs(), stopping);
      if (stopping.aborted) return;
      const idleSinceMs = this.#clock.monotonicMs() - this.#idleMs;
      for (const [connection, { lastAtMs, isWaiting }] of this.#activities) {
        if (isWaiting || lastAtMs > idleSinceMs) continue;
        this.#activities.delete(connection);
        this.#onIdle(connection);
        connection.destroy();
      }
    }
  }

  /** No connection can be idle sooner: those that wait now, and those that are to come, are active later than now. */
  #nextInMs(): number {
    const nowMs = this.#clock.monotonicMs();
    let oldestMs = nowMs;
    for (const { lastAtMs, isWaiting } of this.#activities.values()) {
      if (!isWaiting && lastAtMs < oldestMs) oldestMs = lastAtMs;
    }
    return Math.max(oldestMs + this.#idleMs - nowMs, 1);
  }
}
