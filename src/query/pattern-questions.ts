/**
 * Asks the store for roll-ups of patterns and has them read: the spans and sides that the routes, and through them the commands and
 * tools, ask for.
 */
import { ApplicationHours, type Burst, burstOf } from '../pattern/bursts.ts';
import type { Side } from '../pattern/change.ts';
import { type Comparison, compareSides } from '../pattern/compare.ts';
import { type PatternSummary, keyOf, summarize } from '../pattern/summary.ts';
import type { Severity } from '../record/severity.ts';
import { isAtLeast, severityRank } from '../record/severity.ts';
import { timestampOfMs } from '../record/timestamp.ts';
import { RegressionError } from '../runtime/errors.ts';
import { readTime } from '../search/time.ts';
import {
  type PatternCell,
  type PatternHistory,
  type PatternHistoryRequest,
  type Release,
  noHistory,
} from '../store/patterns.ts';
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

interface MinuteRange {
  fromMinute: number;
  /** Exclusive. */
  toMinute: number;
}

export interface SpanOfPatterns {
  readonly patterns: readonly PatternSummary[];
  readonly releases: readonly Release[];
  /** Timestamp: what was first seen from here on is new. */
  readonly since: string;
  /** Begin of bucket 0, never before the span that was asked for; the width of buckets, their number, and the end of the span. */
  readonly fromMinute: number;
  readonly stepMinutes: number;
  readonly buckets: number;
  readonly toMinute: number;
  /** From the first to the last minute in which anything was logged; 0 without any. */
  readonly minutes: number;
  readonly bursts: ReadonlyMap<PatternSummary, Burst>;
}

export class PatternQuestions {
  readonly #store: Pick<Store, 'patternHistories' | 'patternExtent'>;
  readonly #nowMs: () => number;

  constructor(store: Pick<Store, 'patternHistories' | 'patternExtent'>, nowMs: () => number) {
    this.#store = store;
    this.#nowMs = nowMs;
  }

  /** What was logged in a span; without times everything that is known. */
  async span(asked: Span, wantedBuckets: number, limits: QueryLimits): Promise<SpanOfPatterns> {
    const range = this.#rangeOf(asked);
    // Where there is nothing the span is the minute at which it begins.
    const begin = asked.start === undefined ? Math.floor(this.#nowMs() / 60_000) : range.fromMinute;
    const extent = await this.#store.patternExtent(requestOf(asked, { ...range, stepMinutes: lastMinute }), limits);
    const { first, last } = extent ?? { first: begin, last: begin };
    const grid = bucketsOf(first, last, wantedBuckets, range.fromMinute);
    const firstHour = Math.floor(first / minutesPerHour) * minutesPerHour;
    const hours = { fromMinute: Math.max(firstHour - 7 * minutesPerDay, 0), stepMinutes: minutesPerHour };
    const requests = [
      requestOf(asked, { ...range, ...grid }),
      requestOf(asked, { ...hours, toMinute: last + 1, only: 'counts' }),
      // The span may begin within an hour: what that hour has from before is none of it.
      requestOf(asked, { ...hours, fromMinute: firstHour, toMinute: range.fromMinute, only: 'cells' }),
    ];
    const [history = noHistory, hourly = noHistory, early = noHistory] = await this.#store.patternHistories(
      requests,
      limits,
    );
    const patterns = summarize(history);
    const bucket = (firstHour - hours.fromMinute) / minutesPerHour;
    const before = new Map(early.cells.map((cell) => [cellKey({ ...cell, bucket }), cell.count]));
    const ofSpan = before.size === 0 ? hourly : { ...hourly, cells: without(hourly.cells, before) };
    return {
      patterns,
      releases: history.releases,
      since: timestampOfMinute(asked.start === undefined ? first : range.fromMinute),
      ...grid,
      toMinute: Math.min(range.toMinute, grid.fromMinute + grid.buckets * grid.stepMinutes),
      minutes: extent === null ? 0 : last - first + 1,
      bursts: burstsIn(ofSpan, hours.fromMinute, { first, last }, patterns),
    };
  }

  /** Two sides, each with times, a release, or both. @param known what the target logged, where it has been asked already. */
  async compare(
    sides: { readonly baseline: Span; readonly target: Span },
    options: { readonly minSupport?: number | undefined; readonly minRatio?: number | undefined },
    limits: QueryLimits,
    known?: Side,
  ): Promise<Comparison> {
    const { baseline, target } = sides;
    const isOfReleases = baseline.version !== undefined && baseline.version !== target.version;
    const start = target.start === undefined ? undefined : readTime(target.start, 'target_start', this.#nowMs());
    if (!isOfReleases && start === undefined) {
      throw new RegressionError('QUERY_INVALID', 'baseline and target are the same', {
        hint: 'Name two releases (baseline=1.4.1&target=1.4.2) or two spans of time (baseline_start, target_start).',
      });
    }
    const ranges = { baseline: this.#rangeOf(baseline), target: this.#rangeOf(target) };
    // Spans that meet within a minute share it, as ends are rounded up and begins down: it is the target's.
    if (ranges.baseline.toMinute - 1 === ranges.target.fromMinute) ranges.baseline.toMinute--;
    const whole = [requestOf(baseline, { ...ranges.baseline, stepMinutes: lastMinute })];
    if (known === undefined) whole.push(requestOf(target, { ...ranges.target, stepMinutes: lastMinute }));
    const [before = noHistory, now = noHistory] = await this.#store.patternHistories(whole, limits);
    return compareSides(sideOf(before), known ?? sideOf(now), {
      ...(options.minSupport === undefined ? {} : { minSupport: options.minSupport }),
      ...(options.minRatio === undefined ? {} : { minRatio: options.minRatio }),
      newValuesFrom: isOfReleases ? undefined : start,
    });
  }

  #rangeOf({ start, end }: Span): MinuteRange {
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
}

function sideOf(history: PatternHistory): Side {
  const extent = extentOf(history.cells);
  return { patterns: summarize(history), minutes: extent === null ? 0 : extent.last - extent.first + 1 };
}

type Range = Pick<PatternHistoryRequest, 'fromMinute' | 'toMinute' | 'stepMinutes' | 'only'>;

function requestOf({ application, version, environment }: Span, range: Range): PatternHistoryRequest {
  return { ...range, application, version, environment };
}

/** Minutes of the first and the last record; null where there is none. */
function extentOf(cells: readonly PatternCell[]): { readonly first: number; readonly last: number } | null {
  const first = cells.reduce((least, { firstMinute }) => Math.min(least, firstMinute), Infinity);
  const last = cells.reduce((most, cell) => Math.max(most, cell.lastMinute), -Infinity);
  return first > last ? null : { first, last };
}

function cellKey({ pattern, release, severity, bucket }: PatternCell): string {
  return `${pattern} ${release} ${severity} ${bucket}`;
}

function without(cells: readonly PatternCell[], counts: ReadonlyMap<string, number>): PatternCell[] {
  return cells
    .map((cell) => ({ ...cell, count: cell.count - (counts.get(cellKey(cell)) ?? 0) }))
    .filter(({ count }) => count > 0);
}

/**
 * Round steps, about as many as wanted. Buckets begin at multiples of them, the first one not before the span.
 * @param notBefore minute at which the span begins.
 */
export function bucketsOf(
  first: number,
  last: number,
  wanted: number,
  notBefore: number,
): { readonly stepMinutes: number; readonly fromMinute: number; readonly buckets: number } {
  const stepMinutes = niceSteps.find((step) => (last - first + 1) / step <= wanted) ?? minutesPerDay * 365;
  const fromMinute = Math.max(Math.floor(first / stepMinutes) * stepMinutes, notBefore);
  return { stepMinutes, fromMinute, buckets: Math.floor((last - fromMinute) / stepMinutes) + 1 };
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
  const byKey = new Map(patterns.map((pattern) => [keyOf(pattern), pattern]));
  const bursts = new Map<PatternSummary, Burst>();
  for (const own of Map.groupBy(summarize(hourly), ({ application }) => application).values()) {
    const hours = new ApplicationHours(own);
    for (const summary of own) {
      const pattern = byKey.get(keyOf(summary));
      const burst = pattern === undefined ? null : burstOf(summary, hours, hourOf(asked.first));
      if (pattern !== undefined && burst !== null) {
        bursts.set(pattern, { ...burst, bucket: fromMinute + burst.bucket * minutesPerHour });
      }
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
