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
const minCount = 10;
const minRatio = 3;
const maxChance = 0.0001;

/**
 * The hour that stands out most; null when none does.
 * @param pattern with buckets of one hour.
 * @param known first and last bucket of which anything is known.
 * @param from first bucket of the range asked for.
 */
export function burstOf(
  pattern: PatternSummary,
  known: { readonly first: number; readonly last: number },
  from: number,
): Burst | null {
  let most: Burst | null = null;
  for (const [bucket, count] of pattern.buckets) {
    if (bucket < from || count < minCount) continue;
    const { expected, days } = expectedAt(pattern, bucket, known, from);
    const chance = chanceOfDifference(expected, count, 1);
    if (count < minRatio * expected || chance > maxChance) continue;
    if (most === null || count - expected > most.count - most.expected)
      most = { bucket, count, expected, days, chance };
  }
  return most;
}

function expectedAt(
  { buckets }: PatternSummary,
  bucket: number,
  known: { readonly first: number; readonly last: number },
  from: number,
): { expected: number; days: number } {
  let days = 0;
  let total = 0;
  for (let day = bucket - hoursPerDay; day >= known.first && days < 7; day -= hoursPerDay) {
    total += buckets.get(day) ?? 0;
    days++;
  }
  // One day tells nothing of what is usual.
  if (days > 1) return { expected: total / days, days };
  const first = Math.max(from, known.first);
  const hours = known.last - first;
  let others = 0;
  for (const [other, count] of buckets) if (other >= first && other !== bucket) others += count;
  // A single hour is all there is: nothing can be said of it.
  return { expected: hours <= 0 ? Number.POSITIVE_INFINITY : others / hours, days: 0 };
}
