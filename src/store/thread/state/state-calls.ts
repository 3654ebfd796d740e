/** All calls on the daemon's state, on one connection. */
import type { StateCalls } from '../../state.ts';
import type { Sqlite } from '../sqlite.ts';
import { accountCalls } from './accounts.ts';
import { consumerCalls } from './consumers.ts';
import { damageCalls } from './damages.ts';
import { generationCalls } from './generations.ts';
import { resultCalls } from './results.ts';
import { sinkCalls } from './sinks.ts';
import { removalCalls } from './removals.ts';
import { taskCalls } from './tasks.ts';

/** One call, in a transaction of its own. */
export function callState(database: Sqlite, method: keyof StateCalls, args: readonly unknown[]): unknown {
  const calls: StateCalls = {
    ...accountCalls(database),
    ...consumerCalls(database),
    ...resultCalls(database),
    ...sinkCalls(database),
    ...taskCalls(database),
    ...removalCalls(database),
    ...damageCalls(database),
    ...generationCalls(database),
  };
  const call = calls[method] as (...args: readonly unknown[]) => unknown;
  return database.transaction(() => call(...args));
}
