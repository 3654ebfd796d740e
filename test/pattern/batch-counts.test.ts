import fc from 'fast-check';
import { test } from 'tap';
import { BatchCounts } from '../../src/pattern/batch-counts.ts';
import { countFields } from '../../src/record/pattern-counts.ts';

/** Few of each, so that they come again; many in a product, so that the memory has to grow. */
const record = fc.tuple(fc.integer({ min: -3, max: 3 }), fc.nat(30), fc.nat(5), fc.nat(5));
const batch = fc.array(record, { maxLength: 4000, size: 'max' });

void test('property: counts are those of a plain map, in the order in which they were begun, batch by batch', async (t) => {
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 3 }), (batches) => {
      const counts = new BatchCounts();
      return batches.every((records) => {
        for (const [place, [minute, pattern, release, rank]] of records.entries())
          counts.add(minute, pattern, release, rank, place);
        return JSON.stringify(rowsOf(counts.take())) === JSON.stringify(countedByMap(records));
      });
    }),
    { numRuns: 20 },
  );
  t.pass();
});

function countedByMap(records: readonly (readonly number[])[]): number[][] {
  const counts = new Map<string, number[]>();
  for (const [place, key] of records.entries()) {
    const known = counts.get(key.join());
    if (known === undefined) counts.set(key.join(), [...key, 1, place]);
    else known[4] = (known[4] ?? 0) + 1;
  }
  return [...counts.values()];
}

function rowsOf(cells: Int32Array): number[][] {
  return Array.from({ length: cells.length / countFields }, (_, row) => [
    ...cells.subarray(row * countFields, (row + 1) * countFields),
  ]);
}
