/**
 * A consistent, read-only view of the hot file, beside its writer.
 *
 * The engine's lock is exclusive and follows the path, so a second connection to the hot file itself would be shut out. A
 * snapshot is an alias: a private directory with two symbolic links, to the file and to its WAL. Opened there it takes a lock
 * of its own, recovers the WAL into its own memory and keeps seeing that state while the writer goes on. That is right as
 * long as no checkpoint runs: the caller holds a pin of the writer (see protocol.ts) from before `open` until after `close`.
 */
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Sqlite } from './sqlite.ts';

export class Snapshot {
  readonly directory: string;
  readonly database: Sqlite;

  /** @param directory does not exist yet; it is removed by `close`, or by the store when the thread was ended. */
  constructor(hotPath: string, directory: string) {
    this.directory = directory;
    const alias = join(directory, 'x.db');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    symlinkSync(hotPath, alias);
    symlinkSync(`${hotPath}-wal`, `${alias}-wal`);
    this.database = new Sqlite(alias, { readOnly: true });
    // Before the first read: with a lock that nobody shares, the WAL's index is built in memory instead of a -shm file.
    this.database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA query_only = ON; PRAGMA cache_size = -16384');
    this.database.run('BEGIN');
    this.database.all('SELECT 1 FROM sqlite_schema LIMIT 1'); // the state is fixed by the first read
  }

  close(): void {
    try {
      this.database.close();
    } catch {
      // Closing would checkpoint; read-only, it cannot, says so, and is closed.
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}
