/**
 * Says what a listener drops: each reason at most once a minute, with how many there were.
 */
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';

const intervalMs = 60_000;

export class Notices {
  readonly #listener: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #reasons = new Map<string, { count: number; saidAtMs: number }>();

  /** @param listener how the operator knows it: `syslog on udp://127.0.0.1:5514`. */
  constructor(listener: string, clock: Clock, logger: Logger) {
    this.#listener = listener;
    this.#clock = clock;
    this.#logger = logger;
  }

  warn(reason: string, why: string, count: number, hint?: string): void {
    const notice = this.#reasons.get(reason) ?? { count: 0, saidAtMs: -Infinity };
    this.#reasons.set(reason, notice);
    notice.count += count;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - notice.saidAtMs < intervalMs) return;
    this.#logger.warn({ count: notice.count, ...(hint === undefined ? {} : { hint }) }, `${this.#listener}: ${why}`);
    notice.count = 0;
    notice.saidAtMs = nowMs;
  }
}
