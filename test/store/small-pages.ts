/** A file of small pages, so that an index of few rows has three levels of them. */
import { join } from 'node:path';
import type { Test } from 'tap';
import type { Sqlite } from '../../src/store/thread/sqlite.ts';
import { memoryDir } from '../temp-dir.ts';
import { openSqlite } from './open-sqlite.ts';

/** 3,000 rows with an index of times: many of one time, out of the order of ids. */
export async function smallPages(t: Test): Promise<{ readonly path: string; readonly database: Sqlite }> {
  const path = join(await memoryDir(t), 'small-pages.db');
  const database = openSqlite(path);
  t.teardown(() => database.close());
  database.exec('PRAGMA page_size = 512');
  database.exec('CREATE TABLE logs (id INTEGER PRIMARY KEY, timestamp TEXT NOT NULL)');
  database.exec('CREATE INDEX logs_timestamp ON logs (timestamp)');
  database.run(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
     INSERT INTO logs SELECT i, printf('2026-11-24T03:%02d:00.000000Z', i * 7919 % 60) FROM n`,
  );
  return { path, database };
}
