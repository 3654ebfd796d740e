/** The project's own wrapper of the engine, for tests that look into database files that nobody has open. */
import { join } from 'node:path';
import type { Test } from 'tap';
import { hotFileName, segmentsDirectoryName } from '../../src/store/segments.ts';
import { SegmentDirectory } from '../../src/store/thread/segment-directory.ts';
import { Sqlite } from '../../src/store/thread/sqlite.ts';

export function openSqlite(path: string): Sqlite {
  const database = new Sqlite(path);
  database.exec('PRAGMA locking_mode = EXCLUSIVE'); // before the first read: the only mode in which this engine reads a WAL
  return database;
}

/** All files of a data directory that hold rows, in the order of arrival; closed when the test ends. */
export function openDatabases(t: Test, dataDir: string): readonly Sqlite[] {
  const { segments } = new SegmentDirectory(join(dataDir, segmentsDirectoryName), Date.now());
  const databases = [...segments.map(({ path }) => path), join(dataDir, hotFileName)].map(openSqlite);
  t.teardown(() => databases.forEach((database) => database.close()));
  return databases;
}
