/** A store in memory with records and their patterns. */
import { PatternMiner } from '../../src/pattern/miner.ts';
import type { LogRecord } from '../../src/record/log-record.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';

export async function minedStore(records: readonly LogRecord[]): Promise<SqliteStore> {
  const store = new SqliteStore(':memory:');
  const miner = new PatternMiner({ maxPatterns: 1000, maxPatternsPerApplication: 1000 });
  await store.append({ records, positions: [], gaps: [], patterns: miner.observe(records) });
  return store;
}
