/**
 * Opens the hot file for writing, in the only mode in which this engine survives a kill: EXCLUSIVE locking before the first
 * read, then WAL. (Its lock makes it take its own rollback journal for somebody else's, so that one is never rolled back.)
 */
import { existsSync, rmSync, statSync } from 'node:fs';
import { RegressionError } from '../../runtime/errors.ts';
import type { WriterOptions } from '../protocol.ts';
import { durableRename } from '../durable-rename.ts';
import { copyHot } from './hot-copy.ts';
import { migrate, newestVersion, schemaVersionOf } from './migrate.ts';
import type { Damage } from '../damage.ts';
import { damageOf, replaceDamaged, setAsideWal } from './damage.ts';
import { createDatabase } from './new-database.ts';
import { recoverRotation } from './rotation.ts';
import { Sqlite } from './sqlite.ts';
import { hasForeignReader, recoverKeptWal } from './wal-keeper.ts';

export type HotFileOptions = Pick<WriterOptions, 'path' | 'durability' | 'cacheBytes' | 'maxBytesCheckedFirst'> & {
  /** Id of the last row in any segment. */
  readonly lastSegmentId: number;
  /** Whether the file is read through for damage first: at a start, not when it is opened anew. */
  readonly checksFile: boolean;
};

export interface OpenedHotFile {
  readonly database: Sqlite;
  /** What was found wrong with the file that was there, and what became of it. */
  readonly damage: Damage | null;
  /** The file should have been read through for damage and is too long for that. */
  readonly isUnchecked: boolean;
  /**
   * Why what a crash or a failed write left in the WAL could not be put into the file: the disk is full, say. The file can be read;
   * what to trust in it is known only once it was opened anew without this. Null when all is well.
   */
  readonly unsettled: RegressionError | null;
}

/**
 * Completes or undoes a rotation that a crash interrupted, makes the file if there is none, and opens it.
 * @throws RegressionError `STORE_UNSAFE`, `STORE_CORRUPT`, `STORE_TOO_NEW`, or what sqlite.ts throws.
 */
export function openHotFile(options: HotFileOptions, nowMs: number): OpenedHotFile {
  const { path, durability, cacheBytes } = options;
  const isInMemory = path === ':memory:';
  const { damage, isUnchecked } = isInMemory ? { damage: null, isUnchecked: false } : prepareToOpen(options, nowMs);
  const database = new Sqlite(path);
  let unsettled: RegressionError | null = null;
  try {
    if (!isInMemory) database.useWal();
    database.exec(`
      PRAGMA synchronous = ${durability.toUpperCase()};
      PRAGMA wal_autocheckpoint = 0;
      PRAGMA cache_size = -${Math.floor(cacheBytes / 1024)};
      PRAGMA temp_store = MEMORY`);
    if (!isInMemory) backUpBeforeMigration(database, path);
    migrate(database);
    // The rows' references hold by construction (see append-rows.ts), and looking each up cost a fifth of the rate. Whoever
    // deletes from the other tables deletes what refers to it.
    database.exec('PRAGMA foreign_keys = OFF');
    // What a crash left in the WAL, and the migrations.
    if (!isInMemory && !hasForeignReader(path)) unsettled = checkpointFailure(database);
  } catch (error) {
    database.close();
    throw error;
  }
  return { database, damage, isUnchecked, unsettled };
}

/** For those who go back to the release before: the file as that one left it, beside it. */
function backUpBeforeMigration(database: Sqlite, path: string): void {
  const version = schemaVersionOf(database);
  if (version === 0 || version >= newestVersion()) return;
  const unfinished = `${path}.schema-${version}.unfinished`;
  copyHot(database, [], unfinished);
  durableRename(unfinished, `${path}.schema-${version}`);
}

function checkpointFailure(database: Sqlite): RegressionError | null {
  try {
    database.all('PRAGMA wal_checkpoint(TRUNCATE)');
    return null;
  } catch (error) {
    if (error instanceof RegressionError && error.retryable) return error;
    throw error;
  }
}

/** Only the holder of the data directory's lock gets here, so a lock left by a killed thread or process is stale. */
function prepareToOpen(
  { path, lastSegmentId, checksFile, maxBytesCheckedFirst }: HotFileOptions,
  nowMs: number,
): Pick<OpenedHotFile, 'damage' | 'isUnchecked'> {
  recoverRotation(path);
  recoverKeptWal(path);
  if (!existsSync(path)) {
    setAsideWal(path, `${path}.corrupt-${nowMs}`);
    createDatabase(`${path}.new`, nowMs);
    durableRename(`${path}.new`, path);
  }
  rmSync(`${path}.lock`, { recursive: true, force: true });
  const journal = `${path}-journal`;
  if (existsSync(journal) && statSync(journal).size > 0) {
    throw new RegressionError('STORE_UNSAFE', `${journal}: another program crashed while writing ${path}`, {
      hint: 'Open and close it once with the sqlite3 shell, which rolls the journal back; then start again.',
    });
  }
  if (!checksFile) return { damage: null, isUnchecked: false };
  const { reason, isUnchecked } = damageOf(path, maxBytesCheckedFirst);
  return { damage: reason === null ? null : replaceDamaged(path, reason, lastSegmentId, nowMs), isUnchecked };
}

/** Of pages in use, wherever they lie, but for the first one of each table and index and of the schema: an empty file has them too. */
export function rowBytesIn(database: Sqlite): number {
  const found = database.get<{ bytes: number }>(
    `SELECT (page_count - freelist_count - 1 - (SELECT count(*) FROM sqlite_schema WHERE rootpage > 0)) * page_size AS bytes
     FROM pragma_page_count, pragma_freelist_count, pragma_page_size`,
  );
  return Math.max(found?.bytes ?? 0, 0);
}
