/** Copies database files and finds out whether one is sound and what it holds, without changing it. */
import { chmodSync, constants, copyFileSync, rmSync } from 'node:fs';
import { RegressionError, messageOf } from '../../runtime/errors.ts';
import type { IdRange } from '../../search/request.ts';
import type { CheckedFile, HashedFile } from '../file-jobs.ts';
import type { SegmentRange } from '../segments.ts';
import { closeAlias, openAlias } from './alias.ts';
import { syncPath } from '../durable-rename.ts';
import { hashFile } from './file-hash.ts';
import type { Sqlite } from './sqlite.ts';

const cacheBytes = 16 * 1024 * 1024;
const empty = {
  rows: 0,
  metadataRows: 0,
  firstId: null,
  lastId: null,
  minTimestamp: null,
  maxTimestamp: null,
  schemaVersion: 0,
} satisfies Omit<CheckedFile, 'verdict'>;

export function copyFile(from: string, to: string): HashedFile {
  rmSync(to, { force: true });
  copyFileSync(from, to, constants.COPYFILE_FICLONE);
  chmodSync(to, 0o600);
  syncPath(to);
  return hashFile(to); // of what was written, not of what was read
}

/** @throws RegressionError `STORE_CORRUPT` for a file that cannot even be opened. */
export function checkFile(path: string, isFull: boolean): CheckedFile {
  const directory = `${path}.check`;
  rmSync(directory, { recursive: true, force: true });
  const database = openAlias(path, directory, { withWal: false, cacheBytes });
  try {
    const ranges = rangesOf(database);
    const count = (table: string): number =>
      database.get<{ rows: number }>(`SELECT count(*) AS rows FROM ${table}`)?.rows ?? 0;
    return {
      verdict: verdictOf(database, isFull),
      rows: count('logs'),
      metadataRows: count('logs_metadata'),
      firstId: ranges?.firstId ?? null,
      lastId: ranges?.lastId ?? null,
      minTimestamp: ranges?.minTimestamp ?? null,
      maxTimestamp: ranges?.maxTimestamp ?? null,
      schemaVersion: database.get<{ user_version: number }>('PRAGMA user_version')?.user_version ?? 0,
    };
  } catch (error) {
    if (error instanceof RegressionError && error.code === 'STORE_CORRUPT') {
      return { ...empty, verdict: messageOf(error) };
    }
    throw error;
  } finally {
    closeAlias(database, directory);
  }
}

function verdictOf(database: Sqlite, isFull: boolean): string {
  if (!isFull) return database.all<{ quick_check: string }>('PRAGMA quick_check(1)')[0]?.quick_check ?? 'no answer';
  const found = database.all<{ integrity_check: string }>('PRAGMA integrity_check(1)')[0]?.integrity_check;
  if (found !== 'ok') return found ?? 'no answer';
  const broken = database.all<{ table: string; rowid: number }>('PRAGMA foreign_key_check');
  return broken.length === 0 ? 'ok' : `${broken.length} references to rows that are not there (${broken[0]?.table})`;
}

/** What is wrong with one table and its indexes; null when nothing is. */
export function damageOfTable(database: Sqlite, table: string): string | null {
  try {
    const [answer] = database.all<{ quick_check: string }>(`PRAGMA quick_check("${table}")`);
    return answer?.quick_check === 'ok' ? null : (answer?.quick_check ?? 'no answer');
  } catch (error) {
    if (error instanceof RegressionError && error.code === 'STORE_CORRUPT') return messageOf(error);
    throw error;
  }
}

export function tablesOf(database: Sqlite): readonly string[] {
  return database
    .all<{ name: string }>(
      `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`,
    )
    .map(({ name }) => name);
}

/** Null for a file without rows. */
export function rangesOf(database: Sqlite): SegmentRange | null {
  const first = <Value>(sql: string): Value | undefined => database.get<{ value: Value }>(sql)?.value;
  const firstId = first<number>('SELECT id AS value FROM logs ORDER BY id LIMIT 1');
  const lastId = first<number>('SELECT id AS value FROM logs ORDER BY id DESC LIMIT 1');
  const minTimestamp = first<string>('SELECT timestamp AS value FROM logs ORDER BY timestamp LIMIT 1');
  const maxTimestamp = first<string>('SELECT timestamp AS value FROM logs ORDER BY timestamp DESC LIMIT 1');
  if (firstId === undefined || lastId === undefined || minTimestamp === undefined || maxTimestamp === undefined)
    return null;
  return { firstId, lastId, minTimestamp, maxTimestamp };
}

/** Null for a file without rows. */
export function idRangeOf(database: Sqlite): IdRange | null {
  const found = database.get<{ firstId: number | null; lastId: number | null }>(
    'SELECT (SELECT min(id) FROM logs) AS firstId, (SELECT max(id) FROM logs) AS lastId',
  );
  const { firstId, lastId } = found ?? {};
  return typeof firstId === 'number' && typeof lastId === 'number' ? { firstId, lastId } : null;
}
