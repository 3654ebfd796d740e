/**
 * Hours in which a pattern came far more often than it should: against the same hour of earlier days where they are known, else against
 * its own other hours.
 */
import { chanceOfDifference } from './statistics.ts';
import type { PatternSummary } from './summary.ts';

export interface Burst {
  /** Bucket of the hour. */
  readonly bucket: number;
  readonly count: number;
  readonly expected: number;
  /** Against what: so many earlier days, or 0 for its own other hours. */
  readonly days: number;
  readonly chance: number;
}

const hoursPerDay = 24;
const mostDays = 7;
const minCount = 10;
const minRatio = 3;
const maxChance = 0.0001;
/** An earlier day counts when it has at least this share of the records, and of the hours with any, of the day that is judged. */
const leastRecords = 1 / 50;
const leastHours = 1 / 4;

/**
 * In which hours an application logged. An hour is known when it did, and a day when it did about as much as on the day that is judged:
 * one line with a wrong clock, years back, makes nothing known of the years between.
 */
export class ApplicationHours {
  /** Records by bucket of one hour, in the order of time. */
  readonly #counts: ReadonlyMap<number, number>;

  /** @param patterns all of the application, with buckets of one hour. */
  constructor(patterns: readonly PatternSummary[]) {
    const counts = new Map<number, number>();
    for (const { buckets } of patterns) {
      for (const [bucket, count] of buckets) counts.set(bucket, (counts.get(bucket) ?? 0) + count);
    }
    this.#counts = new Map([...counts].sort(([a], [b]) => a - b));
  }

  /** Hours from `first` on in which anything was logged. */
  countFrom(first: number): number {
    let hours = 0;
    for (const bucket of this.#counts.keys()) if (bucket >= first) hours++;
    return hours;
  }

  /** Whether the day around `hour`, one of the days before `judged`, is known well enough to say what is usual for `pattern`. */
  isKnown(hour: number, judged: number, { buckets }: PatternSummary): boolean {
    if (!this.#isAmidst(hour)) return false;
    const [then, now] = [this.#dayAround(hour, buckets), this.#dayAround(judged, buckets)];
    // A burst is no measure of what else was logged, unless nothing was.
    const isAlone = now.records === now.own;
    const recordsOf = ({ records, own }: typeof now): number => (isAlone ? records : records - own);
    return then.hours >= Math.max(now.hours * leastHours, 1) && recordsOf(then) >= recordsOf(now) * leastRecords;
  }

  /** Logged in it, or both before and after it: the night before the first record was not a quiet one. */
  #isAmidst(hour: number): boolean {
    const isIn = (first: number, last: number): boolean => {
      for (let bucket = first; bucket <= last; bucket++) if (this.#counts.has(bucket)) return true;
      return false;
    };
    return isIn(hour - hoursPerDay / 2, hour) && isIn(hour, hour + hoursPerDay / 2);
  }

  #dayAround(hour: number, ownCounts: ReadonlyMap<number, number>): { records: number; own: number; hours: number } {
    const day = { records: 0, own: 0, hours: 0 };
    for (let bucket = hour - hoursPerDay / 2; bucket < hour + hoursPerDay / 2; bucket++) {
      const count = this.#counts.get(bucket) ?? 0;
      day.records += count;
      day.own += ownCounts.get(bucket) ?? 0;
      if (count > 0) day.hours++;
    }
    return day;
  }
}

/**
 * The hour that stands out most; null when none does.
 * @param pattern with buckets of one hour.
 * @param hours of its application.
 * @param from first bucket of the range asked for.
 */
export function burstOf(pattern: PatternSummary, hours: ApplicationHours, from: number): Burst | null {
  let most: Burst | null = null;
  for (const [bucket, count] of pattern.buckets) {
    if (bucket < from || count < minCount) continue;
    const { expected, days } = expectedAt(pattern, bucket, hours, from);
    const chance = chanceOfDifference(expected, count, 1);
    if (count < minRatio * expected || chance > maxChance) continue;
    if (most === null || count - expected > most.count - most.expected)
      most = { bucket, count, expected, days, chance };
  }
  return most;
}

function expectedAt(
  pattern: PatternSummary,
  bucket: number,
  hours: ApplicationHours,
  from: number,
): { expected: number; days: number } {
  let days = 0;
  let total = 0;
  for (let back = 1; back <= mostDays; back++) {
    const hour = bucket - back * hoursPerDay;
    if (!hours.isKnown(hour, bucket, pattern)) continue;
    total += pattern.buckets.get(hour) ?? 0;
    days++;
  }
  // One day tells nothing of what is usual.
  if (days > 1) return { expected: total / days, days };
  let others = 0;
  for (const [other, count] of pattern.buckets) if (other >= from && other !== bucket) others += count;
  const otherHours = hours.countFrom(from) - 1;
  // A single hour is all there is: nothing can be said of it.
  return { expected: otherHours <= 0 ? Number.POSITIVE_INFINITY : others / otherHours, days: 0 };
}
