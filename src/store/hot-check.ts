/**
 * Reads a large hot file through for damage while the daemon works: a table at a time, each on a snapshot of its own, so that no
 * checkpoint waits longer than for one of them. (A small file is read through before it is opened: thread/damage.ts.)
 */
import { RegressionError } from '../runtime/errors.ts';
import type { ReaderPool } from './reader-pool.ts';

/** Of one table. A few seconds for each GiB; past this the disk has other troubles, and queries are no longer held up. */
const limits = { deadlineMs: 600_000 };

/** What is wrong with the file; null when nothing is, or when the store is closed meanwhile. */
export async function checkHotFile(readers: ReaderPool): Promise<string | null> {
  try {
    const tables = await readers.run((reader, snapshot) => reader.call('tables', [snapshot]), limits);
    for (const table of tables) {
      const found = await readers.run((reader, snapshot) => reader.call('checkTable', [snapshot, table]), limits);
      if (found !== null) return `it is damaged: ${found}`;
    }
    return null;
  } catch (error) {
    if (error instanceof RegressionError && error.code === 'STORE_CORRUPT') return `it is damaged: ${error.message}`;
    if (error instanceof RegressionError) return null; // closed, or past its deadline: the next start looks again
    throw error;
  }
}
