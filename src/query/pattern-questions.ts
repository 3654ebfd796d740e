/**
 * Asks the store for roll-ups of patterns and has them read: the spans and sides that the routes, and through them the commands and
 * tools, ask for.
 */
import { type Burst, burstOf } from '../pattern/bursts.ts';
import type { Side } from '../pattern/change.ts';
import { type Comparison, compareSides } from '../pattern/compare.ts';
import { type PatternSummary, keyOf, summarize } from '../pattern/summary.ts';
import type { Severity } from '../record/severity.ts';
import { isAtLeast, severityRank } from '../record/severity.ts';
import { timestampOfMs } from '../record/timestamp.ts';
import { RegressionError } from '../runtime/errors.ts';
import { readTime } from '../search/time.ts';
import type { PatternHistory, PatternHistoryRequest, Release } from '../store/patterns.ts';
import type { QueryLimits, Store } from '../store/store.ts';

export interface Span {
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly application?: string | undefined;
  readonly version?: string | undefined;
  readonly environment?: string | undefined;
}

/** Minutes since 1970; the end of the calendar that timestamps can name. */
const lastMinute = Math.floor(Date.parse('9999-12-31T23:59:00Z') / 60_000);
/** All that is known, in one bucket. */
export const allTime = { fromMinute: 0, toMinute: lastMinute, stepMinutes: lastMinute };
export const minutesPerHour = 60;
const minutesPerDay = 24 * minutesPerHour;
const niceSteps = [1, 5, 10, 30, 60, 360, 720, 1440, 7 * 1440, 30 * 1440];

export interface SpanOfPatterns {
  readonly patterns: readonly PatternSummary[];
  readonly releases: readonly Release[];
  /** Begin of bucket 0, its width, and the number of buckets. */
  readonly fromMinute: number;
  readonly stepMinutes: number;
  readonly buckets: number;
  readonly bursts: ReadonlyMap<PatternSummary, Burst>;
}

export class PatternQuestions {
  readonly #store: Pick<Store, 'patternHistory'>;
  readonly #nowMs: () => number;

  constructor(store: Pick<Store, 'patternHistory'>, nowMs: () => number) {
    this.#store = store;
    this.#nowMs = nowMs;
  }

  /** What was logged in a span; without times everything that is known. */
  async span(asked: Span, wantedBuckets: number, limits: QueryLimits): Promise<SpanOfPatterns> {
    const range = this.#rangeOf(asked);
    const all = await this.#history(asked, { ...range, stepMinutes: lastMinute }, limits);
    const minutes = all.cells.flatMap(({ firstMinute, lastMinute: last }) => [firstMinute, last]);
    const first = Math.max(
      range.fromMinute,
      minutes.reduce((a, b) => Math.min(a, b), range.toMinute),
    );
    const last = minutes.reduce((a, b) => Math.max(a, b), first);
    const { stepMinutes, fromMinute } = bucketsOf(first, last, wantedBuckets);
    const history = await this.#history(asked, { ...range, fromMinute, stepMinutes }, limits);
    const patterns = summarize(history);
    return {
      patterns,
      releases: history.releases,
      fromMinute,
      stepMinutes,
      buckets: Math.floor((last - fromMinute) / stepMinutes) + 1,
      bursts: await this.#bursts(asked, patterns, first, last, limits),
    };
  }

  /** Two sides, each with times, a release, or both. */
  async compare(
    sides: { readonly baseline: Span; readonly target: Span },
    options: { readonly minSupport?: number | undefined; readonly minRatio?: number | undefined },
    limits: QueryLimits,
  ): Promise<Comparison> {
    const { baseline, target } = sides;
    const isOfReleases = baseline.version !== undefined && baseline.version !== target.version;
    const start = target.start === undefined ? undefined : readTime(target.start, 'target_start', this.#nowMs());
    if (!isOfReleases && start === undefined) {
      throw new RegressionError('QUERY_INVALID', 'baseline and target are the same', {
        hint: 'Name two releases (baseline=1.4.1&target=1.4.2) or two spans of time (baseline_start, target_start).',
      });
    }
    return compareSides(await this.#side(baseline, limits), await this.#side(target, limits), {
      ...(options.minSupport === undefined ? {} : { minSupport: options.minSupport }),
      ...(options.minRatio === undefined ? {} : { minRatio: options.minRatio }),
      newValuesFrom: isOfReleases ? undefined : start,
    });
  }

  async #side(asked: Span, limits: QueryLimits): Promise<Side> {
    const history = await this.#history(asked, { ...this.#rangeOf(asked), stepMinutes: lastMinute }, limits);
    const first = history.cells.reduce((least, { firstMinute }) => Math.min(least, firstMinute), Infinity);
    const last = history.cells.reduce((most, { lastMinute: own }) => Math.max(most, own), -Infinity);
    return { patterns: summarize(history), minutes: last >= first ? last - first + 1 : 0 };
  }

  async #bursts(
    asked: Span,
    patterns: readonly PatternSummary[],
    first: number,
    last: number,
    limits: QueryLimits,
  ): Promise<Map<PatternSummary, Burst>> {
    const fromMinute = Math.max(Math.floor(first / minutesPerHour) * minutesPerHour - 7 * minutesPerDay, 0);
    const hourly = await this.#history(asked, { fromMinute, toMinute: last + 1, stepMinutes: minutesPerHour }, limits);
    return burstsIn(hourly, fromMinute, { first, last }, patterns);
  }

  #rangeOf({ start, end }: Span): { fromMinute: number; toMinute: number } {
    const minuteOf = (text: string, parameter: string): number =>
      Date.parse(readTime(text, parameter, this.#nowMs())) / 60_000;
    const fromMinute = start === undefined ? 0 : Math.floor(minuteOf(start, 'start'));
    const toMinute = end === undefined ? lastMinute : Math.ceil(minuteOf(end, 'end'));
    if (toMinute < fromMinute) {
      throw new RegressionError('QUERY_INVALID', `end: ${end} is before start ${start}`, {
        hint: 'Swap start and end.',
      });
    }
    return { fromMinute, toMinute };
  }

  #history(
    { application, version, environment }: Span,
    range: Pick<PatternHistoryRequest, 'fromMinute' | 'toMinute' | 'stepMinutes'>,
    limits: QueryLimits,
  ): Promise<PatternHistory> {
    return this.#store.patternHistory({ ...range, application, version, environment }, limits);
  }
}

/** Round steps, about as many as wanted; buckets begin at multiples of them. */
export function bucketsOf(first: number, last: number, wanted: number): { stepMinutes: number; fromMinute: number } {
  const stepMinutes = niceSteps.find((step) => (last - first + 1) / step <= wanted) ?? minutesPerDay * 365;
  return { stepMinutes, fromMinute: Math.floor(first / stepMinutes) * stepMinutes };
}

/**
 * The hour of each pattern that stands out, in minutes since 1970 whatever buckets the asker has.
 * @param hourly in buckets of an hour from `fromMinute` on.
 * @param asked first and last minute of the span asked for.
 */
export function burstsIn(
  hourly: PatternHistory,
  fromMinute: number,
  asked: { readonly first: number; readonly last: number },
  patterns: readonly PatternSummary[],
): Map<PatternSummary, Burst> {
  const hourOf = (minute: number): number => Math.floor((minute - fromMinute) / minutesPerHour);
  const known = { first: Math.max(0, hourOf(hourly.oldestMinute ?? asked.first)), last: hourOf(asked.last) };
  const byKey = new Map(patterns.map((pattern) => [keyOf(pattern), pattern]));
  const bursts = new Map<PatternSummary, Burst>();
  for (const summary of summarize(hourly)) {
    const pattern = byKey.get(keyOf(summary));
    const burst = pattern === undefined ? null : burstOf(summary, known, hourOf(asked.first));
    if (pattern !== undefined && burst !== null) {
      bursts.set(pattern, { ...burst, bucket: fromMinute + burst.bucket * minutesPerHour });
    }
  }
  return bursts;
}

export const patternOrders = ['count', 'rare', 'new', 'burst'] as const;
export type PatternOrder = (typeof patternOrders)[number];

/** @param floor patterns whose records are mostly below it are left out. */
export function ordered(span: SpanOfPatterns, order: PatternOrder, floor: Severity | undefined): PatternSummary[] {
  const wanted = span.patterns.filter(({ severity }) => floor === undefined || isAtLeast(severity, floor));
  const excess = (pattern: PatternSummary): number => {
    const burst = span.bursts.get(pattern);
    return burst === undefined ? 0 : burst.count - burst.expected;
  };
  switch (order) {
    case 'count':
      return wanted.toSorted((a, b) => b.count - a.count);
    case 'rare':
      return wanted.toSorted((a, b) => a.count - b.count || severityRank(b.severity) - severityRank(a.severity));
    case 'new':
      return wanted.toSorted((a, b) => (a.firstSeen < b.firstSeen ? 1 : a.firstSeen > b.firstSeen ? -1 : 0));
    case 'burst':
      return wanted.filter((pattern) => excess(pattern) > 0).toSorted((a, b) => excess(b) - excess(a));
    default:
      return order satisfies never;
  }
}

export function timestampOfMinute(minute: number): string {
  return timestampOfMs(minute * 60_000);
}
