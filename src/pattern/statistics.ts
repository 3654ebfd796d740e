/**
 * How sure we can be that two counts differ by more than chance. No knowledge of logs in here.
 *
 * `scale` is how much more was observed on the target's side than on the baseline's: with nothing changed, a count of `a` there makes
 * one of `a * scale` here.
 */

/**
 * Probability that chance alone makes counts as far apart as these: the likelihood ratio (G) test with one degree of freedom
 * (Dunning 1993, Accurate methods for the statistics of surprise and coincidence).
 */
export function chanceOfDifference(baseline: number, target: number, scale: number): number {
  return complementaryError(Math.sqrt(likelihoodRatio(baseline, target, scale) / 2));
}

/** G = 2 * sum(observed * ln(observed / expected)); 0 where nothing was observed. */
export function likelihoodRatio(baseline: number, target: number, scale: number): number {
  const total = baseline + target;
  if (total === 0) return 0;
  const part = (observed: number, expected: number): number =>
    observed === 0 ? 0 : observed * Math.log(observed / expected);
  return Math.max(0, 2 * (part(baseline, total / (1 + scale)) + part(target, (total * scale) / (1 + scale))));
}

/** Probability that all of `count` fall on one side by chance, when that side holds `share` of everything. */
export function chanceOfAll(count: number, share: number): number {
  return share ** count;
}

/** Probability of `count` or more events where `mean` are expected (Poisson). */
export function chanceOfAtLeast(count: number, mean: number): number {
  if (count <= 0) return 1;
  let term = Math.exp(-mean);
  let below = term;
  for (let events = 1; events < count; events++) {
    term *= mean / events;
    below += term;
  }
  return Math.max(0, 1 - below);
}

/** The value below which half of the weight lies; 1 for an empty list. */
export function weightedMedian(values: readonly { readonly value: number; readonly weight: number }[]): number {
  const sorted = values.toSorted((a, b) => a.value - b.value);
  const half = sorted.reduce((sum, { weight }) => sum + weight, 0) / 2;
  let weight = 0;
  for (const entry of sorted) {
    weight += entry.weight;
    if (weight >= half) return entry.value;
  }
  return 1;
}

/** erfc for x >= 0, relative error below 1.2e-7 (Numerical Recipes, 6.2). */
function complementaryError(x: number): number {
  const t = 1 / (1 + 0.5 * x);
  // oxfmt-ignore
  const coefficients = [-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277];
  const polynomial = coefficients.reduceRight((sum, coefficient) => sum * t + coefficient, 0);
  return t * Math.exp(-x * x + polynomial);
}
