import { test } from 'tap';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PatternMiner } from '../../src/pattern/miner.ts';
import { aRecord } from '../records.ts';

const count = 200;
const traceBytes = 500_000;

void test('what is kept of a pattern and its values keeps no message in memory', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const miner = new PatternMiner({ maxPatterns: 10_000, maxPatternsPerApplication: 10_000 });
  const word = (index: number): string =>
    `${String(index).replaceAll(/\d/g, (digit) => 'abcdefghij'.charAt(Number(digit)))}extraordinarily`;
  collect();
  const before = process.memoryUsage().heapUsed;

  for (let index = 0; index < count; index++) {
    const trace = `\n\tat ${'x'.repeat(traceBytes)}${index}`;
    miner.observe([
      aRecord({ message: `${word(index)} went wrong${trace}` }),
      aRecord({ message: `state=${word(index % 12)} now${trace}` }),
    ]);
  }
  collect();

  const kept = process.memoryUsage().heapUsed - before;
  t.ok(miner.size >= count, `${miner.size} patterns`);
  t.ok(kept < (count * traceBytes) / 10, `${Math.round(kept / 1e6)} MB are kept of ${(2 * count * traceBytes) / 1e6}`);
});
