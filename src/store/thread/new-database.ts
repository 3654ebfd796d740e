/**
 * Makes an empty database file that is complete when it gets its name: schema, WAL mode, synced.
 *
 * Turning WAL mode on writes the file's header through a rollback journal, and a kill in that moment would leave a journal that
 * this engine can never roll back. So it is done here, to a file that has no rows and no name yet.
 */
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncDirectory, syncPath } from '../durable-rename.ts';
import { migrate } from './migrate.ts';
import { Sqlite } from './sqlite.ts';

/** 'RGRS': tells our files from other programs' (https://sqlite.org/fileformat.html, section 1.3.15). */
export const applicationId = 0x52475253;

/** @throws RegressionError `STORE_UNSAFE` when the engine refuses WAL, and what sqlite.ts throws; the file is left then. */
export function createDatabase(path: string, nowMs: number): void {
  removeDatabase(path);
  const database = new Sqlite(path);
  try {
    database.exec(`PRAGMA page_size = 16384; PRAGMA application_id = ${applicationId}`);
    database.useWal();
    database.exec('PRAGMA synchronous = OFF');
    migrate(database);
    database.run(`INSERT INTO store_state (key, value) VALUES ('hot_since', ?)`, [new Date(nowMs).toISOString()]);
  } finally {
    database.close();
  }
  syncPath(path);
  syncDirectory(dirname(path));
}

/** The file with everything the engine may have put beside it. */
export function removeDatabase(path: string): void {
  for (const suffix of ['', '-journal', '-wal']) rmSync(`${path}${suffix}`, { force: true });
  rmSync(`${path}.lock`, { recursive: true, force: true });
}
