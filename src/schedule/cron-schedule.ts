/**
 * When a cron expression is due, by the clock on the wall of a time zone. node-cron reads the expressions and says which minutes
 * match; its own timers are not used, since they go by the process's clock and forget what was due while nobody ran.
 *
 * When the clocks are put forward, what was due in the hour that is left out is due right behind it; when they are put back, it is
 * due once. Expressions for every hour simply run every hour.
 */
import cron from 'node-cron';
import { offsetAt } from '../record/timezone.ts';

const minuteMs = 60_000;
/** No zone's clock is put back by more. */
const maxBackMs = 180 * minuteMs;
/** How far ahead the next run is looked for. */
const horizonMs = 40 * 86_400_000;

export function isCronExpression(text: string): boolean {
  return text.trim().split(/\s+/).length === 5 && cron.validate(text);
}

export class CronSchedule {
  readonly #matcher: ReturnType<typeof cron.createTask>;
  readonly #minutes: ReadonlySet<number>;
  readonly #hours: ReadonlySet<number>;
  readonly #timezone: string;

  /** @param expression one that `isCronExpression` takes. */
  constructor(expression: string, timezone: string) {
    // Asked about wall clock times written as UTC, so that it never has to convert.
    this.#matcher = cron.createTask(expression, () => undefined, { timezone: 'Etc/UTC' });
    const { minute, hour } = cron.parse(expression);
    this.#minutes = new Set(minute);
    this.#hours = new Set(hour);
    this.#timezone = timezone;
  }

  /** The latest time it was due after `afterMs` and not after `untilMs`; null when there is none. */
  lastBetween(afterMs: number, untilMs: number): number | null {
    let last: number | null = null;
    for (const dueMs of this.#dueBetween(afterMs, untilMs)) last = dueMs;
    return last;
  }

  /** The next time it is due after `afterMs`; null when that is more than 40 days ahead. */
  nextAfter(afterMs: number): number | null {
    const { value } = this.#dueBetween(afterMs, afterMs + horizonMs).next();
    return value ?? null;
  }

  *#dueBetween(afterMs: number, untilMs: number): Generator<number, undefined> {
    const isHourly = this.#hours.size === 24;
    const firstMs = Math.floor(afterMs / minuteMs) * minuteMs + minuteMs;
    // The furthest that the clock on the wall has stood: more than now, in the hour that is repeated.
    let furthest = -Infinity;
    for (let ms = firstMs - minuteMs - maxBackMs; ms < firstMs; ms += minuteMs)
      furthest = Math.max(furthest, this.#wall(ms));
    for (let ms = firstMs; ms <= untilMs; ms += minuteMs) {
      const wall = this.#wall(ms);
      if (isHourly) {
        if (this.#matches(wall)) yield ms;
        continue;
      }
      let isDue = false;
      for (let passed = furthest + minuteMs; passed <= wall; passed += minuteMs) isDue ||= this.#matches(passed);
      furthest = Math.max(furthest, wall);
      if (isDue) yield ms;
    }
    return undefined;
  }

  /** @param wall what the clock on the wall shows, as if it were UTC. */
  #matches(wall: number): boolean {
    const date = new Date(wall);
    return this.#minutes.has(date.getUTCMinutes()) && this.#hours.has(date.getUTCHours()) && this.#matcher.match(date);
  }

  #wall(ms: number): number {
    return ms + offsetAt(this.#timezone, ms);
  }
}
