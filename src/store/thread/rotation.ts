/**
 * Closes the hot file and puts a new one in its place, so that a kill at any moment leaves either the old or the new state.
 *
 *   1. the next hot file is built completely beside the old one, and synced
 *   2. the old one's WAL is emptied into it and it is closed
 *   3. old -> segments/N.closed.db, directories synced
 *   4. next -> hot, directory synced
 *
 * After a crash before 3 the next file is removed, after a crash between 3 and 4 the step 4 is made up for: `recoverRotation`.
 */
import { existsSync, rmSync, statSync } from 'node:fs';
import { RegressionError } from '../../runtime/errors.ts';
import { durableRename, syncPath } from '../durable-rename.ts';
import { createDatabase, removeDatabase } from './new-database.ts';
import type { Sqlite } from './sqlite.ts';

/** What belongs to the rows of one file and stays with them. Every other table rides along into the next hot file. */
const tablesLeftBehind = new Set(['logs', 'logs_metadata']);

export const nextPathOf = (hotPath: string): string => `${hotPath}.next`;

/** Completes or undoes what a crash interrupted. Call it before the hot file is opened. */
export function recoverRotation(hotPath: string): void {
  const nextPath = nextPathOf(hotPath);
  // The old file is renamed away only once the next one is complete.
  if (existsSync(nextPath) && !existsSync(hotPath)) completeRotation(hotPath);
  removeDatabase(nextPath);
}

/** Step 4. A WAL that stands there is not the next file's, and would be replayed into it. */
export function completeRotation(hotPath: string): void {
  for (const suffix of ['-wal', '-wal.kept']) {
    if (existsSync(`${hotPath}${suffix}`)) durableRename(`${hotPath}${suffix}`, `${hotPath}.orphan${suffix}`);
  }
  durableRename(nextPathOf(hotPath), hotPath);
}

/** Step 1. `database` is the hot file, outside a transaction. */
export function buildNext(database: Sqlite, hotPath: string, nowMs: number): void {
  const nextPath = nextPathOf(hotPath);
  createDatabase(nextPath, nowMs);
  database.run('ATTACH ? AS next', [nextPath]);
  try {
    database.exec('PRAGMA next.synchronous = OFF');
    copyTables(database);
    database.run(`UPDATE next.store_state SET value = ? WHERE key = 'hot_since'`, [new Date(nowMs).toISOString()]);
  } finally {
    database.exec('DETACH next');
  }
  refuseLeftWal(nextPath);
  syncPath(nextPath);
}

/** Steps 3 and 4; the hot file is closed. When it throws, `recoverRotation` finds out how far it came. */
export function swapHotFile(hotPath: string, closedPath: string): void {
  durableRename(hotPath, closedPath);
  completeRotation(hotPath);
}

/** Generic on purpose: a table added by a later migration rides along by itself. Virtual tables bring their own shadow tables. */
function copyTables(database: Sqlite): void {
  const tables = database.all<{ name: string }>(
    `SELECT name FROM pragma_table_list WHERE schema = 'next' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`,
  );
  database.exec('PRAGMA foreign_keys = OFF'); // the tables come in any order; every row was checked where it came from
  for (const { name } of tables) {
    if (tablesLeftBehind.has(name)) continue;
    // A migration may have filled a table: what the old file says replaces it.
    database.exec(`DELETE FROM next."${name}"; INSERT INTO next."${name}" SELECT * FROM main."${name}"`);
  }
  // Last, because copying rows moves the sequences too. Ids go on where they were, also of the tables left behind.
  database.exec(
    'DELETE FROM next.sqlite_sequence; INSERT INTO next.sqlite_sequence SELECT * FROM main.sqlite_sequence',
  );
}

/**
 * After the last connection has closed a file, nothing of it may stand in its WAL any more.
 * @throws RegressionError `STORE_WRITE_FAILED`.
 */
export function refuseLeftWal(path: string): void {
  const walPath = `${path}-wal`;
  const left = statSync(walPath, { throwIfNoEntry: false })?.size ?? 0;
  if (left > 0) throw new RegressionError('STORE_WRITE_FAILED', `${walPath} could not be emptied`, { retryable: true });
  rmSync(walPath, { force: true });
}
