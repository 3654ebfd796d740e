import fc from 'fast-check';
import { test } from 'tap';
import { migrate } from '../../../../src/store/thread/migrate.ts';
import { Sqlite } from '../../../../src/store/thread/sqlite.ts';
import { recordRemoval, removalCalls } from '../../../../src/store/thread/state/removals.ts';

const total = 12;
const times = { minTimestamp: '2026-11-01', maxTimestamp: '2026-11-02' };

interface Range {
  readonly firstId: number;
  readonly lastId: number;
}

/** Removes one of the live segments, or brings rows back, cut anew, where none of them is live. */
type Step =
  | { readonly do: 'remove'; readonly index: number }
  | { readonly do: 'restore'; readonly firstId: number; readonly length: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('remove' as const), index: fc.nat(total) }),
  fc.record({ do: fc.constant('restore' as const), firstId: fc.integer({ min: 1, max: total }), length: fc.nat(6) }),
);
/** Where the store was cut into segments first. */
const cuts = fc.uniqueArray(fc.integer({ min: 2, max: total }), { maxLength: 4 });

function cutAt(firstIds: readonly number[]): Range[] {
  const begins = [1, ...firstIds.toSorted((a, b) => a - b)];
  return begins.map((firstId, index) => ({ firstId, lastId: (begins[index + 1] ?? total + 1) - 1 }));
}

const countOf = (ranges: readonly Range[]): number =>
  ranges.reduce((sum, { firstId, lastId }) => sum + lastId - firstId + 1, 0);

void test('rows live + rows removed = rows ever stored, however what is brought back is cut (F46)', async () => {
  fc.assert(
    fc.property(cuts, fc.array(step, { maxLength: 25 }), (firstIds, steps) => {
      const database = new Sqlite(':memory:');
      migrate(database);
      const removals = removalCalls(database);
      let live = cutAt(firstIds);
      for (const next of steps) {
        if (next.do === 'remove') {
          const chosen = live[next.index % live.length];
          if (chosen === undefined) continue;
          recordRemoval(database, [{ state: 'sealed', path: '', bytes: 0, ...times, ...chosen }], 'age', 0);
          live = live.filter((range) => range !== chosen);
        } else {
          const coming = { firstId: next.firstId, lastId: Math.min(next.firstId + next.length, total) };
          if (live.some(({ firstId, lastId }) => firstId <= coming.lastId && lastId >= coming.firstId)) continue;
          removals.noteRestored([coming], '2026-11-24');
          live.push(coming);
        }
        const removed = removals.removedSegments().filter(({ restoredAt }) => restoredAt === null);
        if (countOf(live) + countOf(removed) !== total || removed.some((range) => range.rows !== countOf([range])))
          throw new Error(`${countOf(live)} live + ${countOf(removed)} removed after ${JSON.stringify(next)}`);
      }
      database.close();
    }),
    { numRuns: 100 },
  );
});
