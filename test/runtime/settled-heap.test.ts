import { test } from 'tap';
import { memoryBudget } from '../../src/runtime/memory-budget.ts';
import { settleHeap } from '../../src/runtime/settled-heap.ts';

const MiB = 1024 * 1024;

void test('what nobody needs any more is collected at once where memory is scarce, and only there', (t) => {
  const left = new WeakRef({ made: 'while loading' });

  // In the turn of the loop in which a reference was made it holds; so the next.
  setImmediate(() => {
    settleHeap(memoryBudget(512 * MiB));
    t.ok(left.deref());
    setImmediate(() => {
      settleHeap(memoryBudget(128 * MiB));
      t.notOk(left.deref());
      t.end();
    });
  });
});
