/**
 * Collects what loading has left behind, at once: a quarter of a thread's heap. By itself V8 does so when it needs room, which is when everything
 * else needs it too.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { memoryBudget } from './memory-budget.ts';

/** Of the calling thread, once it has loaded what it works with and where memory is scarce. It takes 0.05 to 0.2 s. */
export function settleHeap(budget = memoryBudget()): void {
  if (!budget.isScarce) return;
  setFlagsFromString('--expose-gc');
  // Threads that are started from now on have it from the beginning.
  const collect = globalThis.gc ?? (runInNewContext('gc') as NodeJS.GCFunction);
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
