import fc from 'fast-check';
import { test } from 'tap';
import type { Side } from '../../src/pattern/change.ts';
import { compareSides } from '../../src/pattern/compare.ts';
import { chanceOfAtLeast, chanceOfDifference, likelihoodRatio, weightedMedian } from '../../src/pattern/statistics.ts';
import type { PatternSummary } from '../../src/pattern/summary.ts';

const count = fc.integer({ min: 0, max: 100_000 });
const scale = fc.double({ min: 0.01, max: 100, noNaN: true });
const runs = { numRuns: 200 };

void test('a difference is as unlikely seen from either side', async () => {
  fc.assert(
    fc.property(count, count, scale, (a, b, times) => {
      const [one, other] = [likelihoodRatio(a, b, times), likelihoodRatio(b, a, 1 / times)];
      return Math.abs(one - other) <= 1e-6 * Math.max(1, one);
    }),
    runs,
  );
});

void test('chances are between 0 and 1, and counts that are as expected are no news', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 20 }), count, (base, times, other) => {
      const chance = chanceOfDifference(base, other, times);
      return chance >= 0 && chance <= 1.000001 && chanceOfDifference(base, base * times, times) > 0.999;
    }),
    runs,
  );
});

void test('the further from what is expected, the less likely', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 10, max: 10_000 }), fc.integer({ min: 1, max: 1000 }), (base, more) => {
      return chanceOfDifference(base, base + 2 * more, 1) <= chanceOfDifference(base, base + more, 1) + 1e-9;
    }),
    runs,
  );
});

void test('known values: Poisson tail, median by weight', async (t) => {
  t.equal(chanceOfAtLeast(0, 3), 1);
  t.ok(Math.abs(chanceOfAtLeast(1, 1) - (1 - Math.exp(-1))) < 1e-12);
  t.ok(Math.abs(chanceOfDifference(10, 20, 1) - 0.066) < 0.002, 'G = 3.398, one degree of freedom');
  t.equal(weightedMedian([]), 1);
  t.equal(weightedMedian([1, 2, 9].map((value) => ({ value, weight: value === 9 ? 5 : 1 }))), 9);
});

const counts = fc.array(fc.integer({ min: 20, max: 5000 }), { minLength: 6, maxLength: 40 });

void test('traffic that grows or falls as a whole is no change, whatever the mixture of patterns', async () => {
  fc.assert(
    fc.property(counts, fc.constantFrom(0.5, 2, 3, 10), (baseline, times) => {
      const target = baseline.map((own) => own * times);
      return compareSides(sideOf(baseline), sideOf(target)).changes.length === 0;
    }),
    runs,
  );
});

void test('the same compared with itself differs in nothing, and what one side calls more the other calls less', async () => {
  const opposite: Readonly<Record<string, string>> = { more: 'less', less: 'more', new: 'gone', gone: 'new' };
  fc.assert(
    fc.property(counts, fc.nat({ max: 5 }), fc.integer({ min: 4, max: 9 }), (baseline, place, times) => {
      const target = baseline.map((own, index) => (index === place ? own * times : own));
      const kinds = (a: readonly number[], b: readonly number[]) =>
        compareSides(sideOf(a), sideOf(b)).changes.map(({ kind, id }) => `${kind} ${id}`);
      const there = kinds(baseline, target).map((text) => text.replace(/^\w+/, (kind) => opposite[kind] ?? kind));
      return (
        kinds(baseline, baseline).length === 0 && there.length === 1 && there.join() === kinds(target, baseline).join()
      );
    }),
    runs,
  );
});

void test('below the minimum support nothing is said', async () => {
  const usual = Array.from({ length: 10 }, () => 100);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 50 }), (own, minSupport) => {
      const { changes } = compareSides(sideOf(usual), sideOf([...usual, own]), { minSupport });
      return own >= minSupport || changes.length === 0;
    }),
    runs,
  );
});

/** A side whose patterns are told by their place. */
function sideOf(list: readonly number[]): Side {
  const patterns = list.map((own, index): PatternSummary => ({
    application: 'shop',
    id: String(index).padStart(16, '0'),
    template: `pattern ${index}`,
    count: own,
    bySeverity: new Map([['INFO', own]]),
    severity: 'INFO',
    firstSeen: '2026-11-24T03:00:00.000000Z',
    firstMinute: 0,
    lastMinute: 0,
    buckets: new Map([[0, own]]),
    releases: new Map([[1, own]]),
    exemplarId: 1,
    exemplar: 'a message',
    variables: [],
  }));
  return { patterns, minutes: 60 };
}
