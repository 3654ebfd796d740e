import { test } from 'tap';
import { atMost, memoryBudget } from '../../src/runtime/memory-budget.ts';

const MiB = 1024 * 1024;

void test('without a limit, and from 512 MiB on, each part has its own bound', async (t) => {
  // What Node answers without a control group's limit: nothing, or more than any machine has.
  for (const granted of [0, 2 ** 63, 2 ** 64, 512 * MiB, 4096 * MiB]) {
    const { isSmall, parts, readers } = memoryBudget(granted);
    t.notOk(isSmall);
    t.strictSame({ parts, readers }, { parts: {}, readers: {} });
  }
  t.equal(memoryBudget(2 ** 63).limitBytes, null);
  t.equal(memoryBudget(512 * MiB).limitBytes, 512 * MiB);
});

void test('of little memory each part gets a share, more of more, and together they leave room', async (t) => {
  let before = 0;
  for (const granted of [64, 128, 192, 256, 384, 511]) {
    const { isSmall, parts, readers } = memoryBudget(granted * MiB);
    t.ok(isSmall);
    t.equal(readers.maxThreads, 1);
    const { cacheBytes = 0, queueBytes = 0, receivedBytes = 0, postedBytes = 0, recentBytes = 0 } = parts;
    const { checkpointBytes = 0 } = parts;
    const received = receivedBytes + postedBytes + queueBytes + recentBytes;
    const together = received + cacheBytes + checkpointBytes + (readers.cacheBytes ?? 0);
    t.ok(together >= before, `${granted} MiB`);
    // A daemon that does nothing takes 96 MiB; a little more than half of what is beyond that is for what comes.
    t.ok(together <= Math.max(((granted - 96) * 9) / 16, 9) * MiB, `${granted} MiB: ${together}`);
    before = together;
  }
});

void test('an option stands where it is less than what is granted', async (t) => {
  t.equal(atMost(5, undefined), 5);
  t.equal(atMost(5, 3), 3);
  t.equal(atMost(3, 5), 3);
});

void test('below 192 MiB memory goes before speed, and threads take turns', (t) => {
  for (const [granted, isScarce] of [
    [128, true],
    [191, true],
    [192, false],
    [512, false],
  ] as const) {
    const budget = memoryBudget(granted * MiB);
    t.equal(budget.isScarce, isScarce);
    t.equal(budget.readers.mostAtOnce === 1, isScarce);
  }
  t.end();
});
