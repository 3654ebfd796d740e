/**
 * What changed between two sides: two releases, or two spans of time. New, gone, more or less often, another severity, a new value.
 *
 * Traffic that grows or falls is no change: counts are compared after scaling by how much the patterns of the application moved together
 * (a median, so that one pattern's flood does not make the others look rarer). Every verdict names its numbers and the probability that
 * chance alone would show as much.
 */
import { severityRank } from '../record/severity.ts';
import type { Change, ChangeKind, CompareOptions, Side } from './change.ts';
import { Judge, type Pair } from './judge.ts';
import { weightedMedian } from './statistics.ts';
import { type PatternSummary, compareText, keyOf } from './summary.ts';

export interface Comparison {
  readonly changes: readonly Change[];
  /** Patterns looked at. */
  readonly patterns: number;
  readonly baselineCount: number;
  readonly targetCount: number;
  /** Of all applications: records of the target to one of the baseline, as the patterns moved together. */
  readonly scales: readonly { readonly application: string; readonly scale: number }[];
}

export function compareSides(baseline: Side, target: Side, options: CompareOptions = {}): Comparison {
  const pairs = pairsOf(baseline.patterns, target.patterns);
  const applications = Map.groupBy(pairs, ({ pattern }) => pattern.application);
  const scales: { application: string; scale: number }[] = [];
  const changes: Change[] = [];
  for (const [application, own] of [...applications].sort(([a], [b]) => compareText(a, b))) {
    const scale = scaleOf(own);
    scales.push({ application, scale });
    const totals = {
      baseline: sumOf(own.map((pair) => pair.baseline)),
      target: sumOf(own.map((pair) => pair.target)),
    };
    // With nothing on one side there is nothing to compare with: an application that begins or ends is one fact, not a hundred.
    if (totals.baseline === 0 || totals.target === 0) continue;
    const judge = new Judge(baseline, target, totals, scale, pairs.length, options);
    for (const pair of own) changes.push(...judge.changesOf(pair));
  }
  changes.sort(byImportance);
  return {
    changes,
    patterns: pairs.length,
    baselineCount: sumOf(baseline.patterns),
    targetCount: sumOf(target.patterns),
    scales,
  };
}

/** Errors first, then what is new, then what is least likely chance. */
function byImportance(a: Change, b: Change): number {
  const rank = ({ severity, kind }: Change): number =>
    kind === 'gone' || kind === 'less' ? 0 : Math.max(severityRank(severity) - 2, 0);
  return (
    rank(b) - rank(a) ||
    kindRank(a) - kindRank(b) ||
    b.score - a.score ||
    compareText(keyOf(a), keyOf(b)) ||
    compareText(a.variable?.value ?? '', b.variable?.value ?? '')
  );
}

const kindOrder: readonly ChangeKind[] = [
  'new',
  'severity_raised',
  'more',
  'new_value',
  'gone',
  'less',
  'severity_lowered',
];

function kindRank({ kind }: Change): number {
  return kindOrder.indexOf(kind);
}

function pairsOf(baseline: readonly PatternSummary[], target: readonly PatternSummary[]): Pair[] {
  const before = new Map(baseline.map((pattern) => [keyOf(pattern), pattern]));
  const pairs: Pair[] = target.map((pattern) => ({ baseline: before.get(keyOf(pattern)), target: pattern, pattern }));
  const seen = new Set(target.map(keyOf));
  for (const pattern of baseline) {
    if (!seen.has(keyOf(pattern))) pairs.push({ baseline: pattern, target: undefined, pattern });
  }
  return pairs;
}

function sumOf(patterns: readonly (PatternSummary | undefined)[]): number {
  return patterns.reduce((sum, pattern) => sum + (pattern?.count ?? 0), 0);
}

/** How much more the target has, as the median over its patterns; by the totals where too few patterns are on both sides. */
function scaleOf(pairs: readonly Pair[]): number {
  const ratios = pairs.flatMap(({ baseline, target }) =>
    baseline !== undefined && target !== undefined && baseline.count + target.count >= 20
      ? [{ value: target.count / baseline.count, weight: Math.sqrt(Math.min(baseline.count, target.count)) }]
      : [],
  );
  if (ratios.length >= 5) return weightedMedian(ratios);
  const [baseline, target] = [sumOf(pairs.map((pair) => pair.baseline)), sumOf(pairs.map((pair) => pair.target))];
  return baseline === 0 || target === 0 ? 1 : target / baseline;
}
