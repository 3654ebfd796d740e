/**
 * Opens a database file for reading beside others that have it open.
 *
 * The engine's lock is a directory beside the file, named after the path it was opened by, and exclusive at every level. So each
 * reader opens the file by a path of its own: a private directory with a symbolic link to the file, and to its WAL if it has one.
 */
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Sqlite } from './sqlite.ts';

export interface AliasOptions {
  /** Also link the WAL beside the file. */
  readonly withWal: boolean;
  readonly cacheBytes: number;
  /** Read on where the engine would else refuse the whole file: for salvage. */
  readonly isDamaged?: boolean;
}

/** @param directory does not exist yet; `closeAlias` removes it, or whoever ends the thread. */
export function openAlias(path: string, directory: string, options: AliasOptions): Sqlite {
  const { withWal, cacheBytes, isDamaged = false } = options;
  const alias = join(directory, 'x.db');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  symlinkSync(path, alias);
  if (withWal) symlinkSync(`${path}-wal`, `${alias}-wal`);
  const database = new Sqlite(alias, { readOnly: true });
  // Before the first read: with a lock that nobody shares, the WAL's index is built in memory instead of a -shm file.
  database.exec(`
    PRAGMA writable_schema = ${isDamaged ? 'ON' : 'OFF'};
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA query_only = ON;
    PRAGMA cache_size = -${Math.floor(cacheBytes / 1024)}`);
  return database;
}

export function closeAlias(database: Sqlite, directory: string): void {
  try {
    database.close();
  } catch {
    // Closing would checkpoint; read-only, it cannot, says so, and is closed.
  }
  rmSync(directory, { recursive: true, force: true });
}
