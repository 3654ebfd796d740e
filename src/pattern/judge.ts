/**
 * The verdicts on one pattern of two sides: new, gone, more, less, another severity, a new value. Each names its numbers and the
 * probability of as much by chance; what chance may well have done is not said. Which patterns are compared, and how much traffic grew, is
 * found out in compare.ts.
 */
import { isAtLeast, severityRank } from '../record/severity.ts';
import type { Change, ChangeKind, CompareOptions, Side, SideCount } from './change.ts';
import { chanceOfAll, chanceOfAtLeast, chanceOfDifference, likelihoodRatio } from './statistics.ts';
import { type PatternSummary, type Variable, countFrom } from './summary.ts';

/** Chances above which nothing is said. What is an error is worth a false alarm sooner than what is not. */
const limits = {
  newError: 0.05,
  newOther: 0.01,
  gone: 0.001,
  rate: 0.01,
  severity: 0.001,
  value: 0.0005,
  unseenValue: 0.05,
};
const fewValues = 12;
const valueSupport = 20;

export interface Pair {
  readonly baseline: PatternSummary | undefined;
  readonly target: PatternSummary | undefined;
  /** The one there is; the target's where there are two. */
  readonly pattern: PatternSummary;
}

export class Judge {
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
    const limit = isAtLeast(severity, 'ERROR') ? limits.newError : limits.newOther;
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
        // Of several values that are about as common, one may well be missing in a few records: then all of it falls on one side.
        const missing = chanceOfAll(count, target.count / (baseline.count + target.count)) * (known.length + 1);
        if (count < this.#minSupport || chance > limits.value || missing > limits.unseenValue) return [];
        const because = `${variable.word} was one of ${known.length} values in ${text(baseline.count)} records (${known
          .slice(0, 4)
          .map((one) => one.value)
          .join(
            ', ',
          )}${known.length > 4 ? ', ...' : ''}); now ${value} in at least ${text(count)} of ${text(target.count)}`;
        return [
          {
            ...this.#change('new_value', pair, Math.max(chance, missing), because),
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
      exemplarId: summary?.exemplarId ?? null,
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
