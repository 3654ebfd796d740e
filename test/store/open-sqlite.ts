/** The project's own wrapper of the engine, for tests that look into a database file that nobody has open. */
import { Sqlite } from '../../src/store/thread/sqlite.ts';

export function openSqlite(path: string): Sqlite {
  const database = new Sqlite(path);
  database.exec('PRAGMA locking_mode = EXCLUSIVE'); // before the first read: the only mode in which this engine reads a WAL
  return database;
}
