/**
 * What changed between two sides: two releases, or two spans of time. New, gone, more or less often, another severity, a new value.
 *
 * Traffic that grows or falls is no change: counts are compared after scaling by how much the patterns of the application moved together
 * (a median, so that one pattern's flood does not make the others look rarer). Every verdict names its numbers and the probability that
 * chance alone would show as much.
 */
import { type Severity, severityRank } from '../record/severity.ts';
import { chanceOfAll, chanceOfAtLeast, chanceOfDifference, likelihoodRatio, weightedMedian } from './statistics.ts';
import { type PatternSummary, type Variable, compareText, countFrom, keyOf } from './summary.ts';

export type ChangeKind = 'new' | 'gone' | 'more' | 'less' | 'severity_raised' | 'severity_lowered' | 'new_value';

export interface Side {
  readonly patterns: readonly PatternSummary[];
  /** Minutes in which the side logged anything, from its first to its last record. */
  readonly minutes: number;
}

export interface Change {
  readonly kind: ChangeKind;
  readonly application: string;
  readonly id: string;
  readonly template: string;
  readonly severity: Severity;
  readonly baseline: SideCount;
  readonly target: SideCount;
  /** How many times the rate it would have had with nothing changed; null where there is none to compare with. */
  readonly ratio: number | null;
  /** Likelihood ratio, by which changes of one severity are ranked. */
  readonly score: number;
  /** Probability of as much by chance. */
  readonly chance: number;
  /** The verdict with its numbers, for people. */
  readonly because: string;
  readonly exemplar: string;
  readonly exemplarId: number;
  /** Of `new_value`. */
  readonly variable: { readonly place: number; readonly word: string; readonly value: string } | null;
}

export interface SideCount {
  readonly count: number;
  readonly perMinute: number;
  /** Of all records of the application on this side, 0 to 1. */
  readonly share: number;
}

export interface CompareOptions {
  /** Fewer records of a pattern than this, on the side that has more, are no change. */
  readonly minSupport?: number;
  /** Rates that differ by less than this factor are no change. */
  readonly minRatio?: number;
  /** Values first seen from this timestamp on are new: for spans of one release. Absent: values the baseline never had are. */
  readonly newValuesFrom?: string | undefined;
}

export interface Comparison {
  readonly changes: readonly Change[];
  /** Patterns looked at. */
  readonly patterns: number;
  readonly baselineCount: number;
  readonly targetCount: number;
  /** Of all applications: records of the target to one of the baseline, as the patterns moved together. */
  readonly scales: readonly { readonly application: string; readonly scale: number }[];
}

/** Chances above which nothing is said. What is an error is worth a false alarm sooner than what is not. */
const limits = { newError: 0.05, newOther: 0.01, gone: 0.001, rate: 0.01, severity: 0.001, value: 0.0005 };
const fewValues = 12;
const valueSupport = 20;

interface Pair {
  readonly baseline: PatternSummary | undefined;
  readonly target: PatternSummary | undefined;
  /** The one there is; the target's where there are two. */
  readonly pattern: PatternSummary;
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

class Judge {
  readonly #baseline: Side;
  readonly #target: Side;
  readonly #totals: { readonly baseline: number; readonly target: number };
  readonly #scale: number;
  /** Questions asked at once: the more, the rarer must each answer be. */
  readonly #questions: number;
  readonly #minSupport: number;
  readonly #minRatio: number;
  readonly #newValuesFrom: string | undefined;

  constructor(
    baseline: Side,
    target: Side,
    totals: { readonly baseline: number; readonly target: number },
    scale: number,
    questions: number,
    { minSupport = 3, minRatio = 2, newValuesFrom }: CompareOptions,
  ) {
    this.#baseline = baseline;
    this.#target = target;
    this.#totals = totals;
    this.#scale = scale;
    this.#questions = Math.max(questions, 1);
    this.#minSupport = minSupport;
    this.#minRatio = minRatio;
    this.#newValuesFrom = newValuesFrom;
  }

  changesOf(pair: Pair): Change[] {
    const { baseline, target } = pair;
    if (baseline === undefined) return this.#new(pair);
    if (target === undefined) return this.#gone(pair);
    return [
      ...this.#severity(pair, baseline, target),
      ...this.#rate(pair, baseline, target),
      ...target.variables.flatMap((variable) => this.#values(pair, baseline, target, variable)),
    ];
  }

  #new(pair: Pair): Change[] {
    const { count, severity } = pair.pattern;
    const chance = chanceOfAll(count, this.#scale / (1 + this.#scale));
    const limit = severityRank(severity) >= severityRank('ERROR') ? limits.newError : limits.newOther;
    if (count < this.#minSupport || chance > limit) return [];
    const expected = count / this.#scale;
    return [
      this.#change(
        'new',
        pair,
        chance,
        `never in ${text(this.#totals.baseline)} baseline records, where ${text(expected)} would be expected; ${text(count)} times in ${text(this.#totals.target)} target records`,
      ),
    ];
  }

  #gone(pair: Pair): Change[] {
    const { count } = pair.pattern;
    const chance = chanceOfAll(count, 1 / (1 + this.#scale));
    if (count < this.#minSupport || chance > limits.gone) return [];
    const expected = count * this.#scale;
    return [
      this.#change(
        'gone',
        pair,
        chance,
        `${text(count)} times in ${text(this.#totals.baseline)} baseline records; never in ${text(this.#totals.target)} target records, where ${text(expected)} would be expected`,
      ),
    ];
  }

  #rate(pair: Pair, baseline: PatternSummary, target: PatternSummary): Change[] {
    const chance = chanceOfDifference(baseline.count, target.count, this.#scale);
    const ratio = target.count / (baseline.count * this.#scale);
    const isLarge = ratio >= this.#minRatio || ratio <= 1 / this.#minRatio;
    if (!isLarge || Math.max(baseline.count, target.count) < 10 || chance > limits.rate / this.#questions) return [];
    const because = `${text(baseline.count)} times before, so ${text(baseline.count * this.#scale)} expected at ${text(this.#scale)} times the traffic; ${text(target.count)} found`;
    return [this.#change(ratio > 1 ? 'more' : 'less', pair, chance, because)];
  }

  /** The share at or above the severity that most of the other side's records have. */
  #severity(pair: Pair, baseline: PatternSummary, target: PatternSummary): Change[] {
    const isRaised = severityRank(target.severity) > severityRank(baseline.severity);
    if (target.severity === baseline.severity) return [];
    const floor = isRaised ? target.severity : baseline.severity;
    const [before, now] = [countFrom(baseline, floor), countFrom(target, floor)];
    const chance = chanceOfDifference(before, now, target.count / baseline.count);
    if (Math.min(baseline.count, target.count) < this.#minSupport || chance > limits.severity) return [];
    const because = `${baseline.severity} before, ${target.severity} now: ${text(before)} of ${text(baseline.count)} were ${floor} or worse, ${text(now)} of ${text(target.count)} are`;
    return [this.#change(isRaised ? 'severity_raised' : 'severity_lowered', pair, chance, because)];
  }

  #values(pair: Pair, baseline: PatternSummary, target: PatternSummary, variable: Variable): Change[] {
    const before = baseline.variables.find(({ place }) => place === variable.place);
    if (before === undefined || before.isMany || variable.isMany || baseline.count < valueSupport) return [];
    const from = this.#newValuesFrom;
    const known = before.values.filter(({ firstSeen }) => from === undefined || firstSeen < from);
    if (known.length === 0 || known.length > fewValues) return [];
    const knownValues = new Set(known.map(({ value }) => value));
    // Good and Turing: what was seen once says how much has not been seen at all.
    const onceSeen = known.filter(({ count }) => count === 1).length;
    const mean = ((onceSeen + 1) / (baseline.count + 1)) * target.count;
    return variable.values
      .filter(({ value, firstSeen }) => !knownValues.has(value) && (from === undefined || firstSeen >= from))
      .flatMap(({ value, count }) => {
        const chance = chanceOfAtLeast(count, mean);
        if (count < this.#minSupport || chance > limits.value) return [];
        const because = `${variable.word} was one of ${known.length} values in ${text(baseline.count)} records (${known
          .slice(0, 4)
          .map((one) => one.value)
          .join(
            ', ',
          )}${known.length > 4 ? ', ...' : ''}); now ${value} in at least ${text(count)} of ${text(target.count)}`;
        return [
          {
            ...this.#change('new_value', pair, chance, because),
            variable: { place: variable.place, word: variable.word, value },
          },
        ];
      });
  }

  #change(kind: ChangeKind, { baseline, target, pattern }: Pair, chance: number, because: string): Change {
    const { application, id, template, severity, exemplar, exemplarId } = pattern;
    const side = (summary: PatternSummary | undefined, { minutes }: Side, total: number): SideCount => ({
      count: summary?.count ?? 0,
      perMinute: rounded((summary?.count ?? 0) / Math.max(minutes, 1)),
      share: rounded((summary?.count ?? 0) / Math.max(total, 1)),
    });
    const [before, now] = [baseline?.count ?? 0, target?.count ?? 0];
    return {
      kind,
      application,
      id,
      template,
      severity,
      baseline: side(baseline, this.#baseline, this.#totals.baseline),
      target: side(target, this.#target, this.#totals.target),
      ratio: before === 0 ? null : rounded(now / (before * this.#scale)),
      score: rounded(likelihoodRatio(before, now, this.#scale)),
      chance: Number(chance.toPrecision(2)),
      because: `${because} (chance ${chanceText(chance)})`,
      exemplar,
      exemplarId,
      variable: null,
    };
  }
}

function chanceText(chance: number): string {
  return chance < 0.0001 ? '< 0.0001' : chance.toPrecision(1);
}

function text(count: number): string {
  return rounded(count).toLocaleString('en-US', { maximumFractionDigits: count < 10 ? 2 : 0 });
}

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
