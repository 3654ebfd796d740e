/**
 * Copies what can still be read of a damaged hot file into a new one. The damaged file is only read.
 *
 * Rows keep their ids: logs and their metadata are read by ranges of ids, and a range that cannot be read is halved until the
 * unreadable rows stand alone.
 */
import { existsSync, rmSync } from 'node:fs';
import { closeAlias, openAlias } from './alias.ts';
import { tablesOf } from './file-checks.ts';
import { Sqlite, type SqlValue } from './sqlite.ts';

export interface Salvaged {
  readonly salvagedRows: number;
  /** Id of the last row the file held; null when it does not say. */
  readonly lastId: number | null;
}

const idsPerRead = 1000;
const metadataIdsPerLog = 1024;

export function salvageInto(damagedPath: string, newPath: string, lastSegmentId: number): Salvaged {
  const directory = `${damagedPath}.salvage`;
  rmSync(directory, { recursive: true, force: true });
  const target = new Sqlite(newPath);
  let source: Sqlite | null = null;
  try {
    target.useWal();
    target.exec('PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF');
    source = openDamaged(damagedPath, directory);
    return source === null ? { salvagedRows: 0, lastId: null } : copyAll(source, target, lastSegmentId);
  } finally {
    if (source !== null) closeAlias(source, directory);
    rmSync(directory, { recursive: true, force: true });
    target.close();
  }
}

/** Null when nothing at all can be read. */
function openDamaged(path: string, directory: string): Sqlite | null {
  const withWal = existsSync(`${path}-wal`);
  return attempt(() => openAlias(path, directory, { withWal, cacheBytes: 16 * 1024 * 1024, isDamaged: true }));
}

function copyAll(source: Sqlite, target: Sqlite, lastSegmentId: number): Salvaged {
  for (const table of tablesOf(target)) {
    if (table !== 'logs' && table !== 'logs_metadata') target.transaction(() => copyWhole(source, target, table));
  }
  const lastId = lastIdIn(source);
  const copiesFrom = lastSegmentId + 1;
  let salvagedRows = 0;
  for (let from = copiesFrom; lastId !== null && from <= lastId; from += idsPerRead) {
    const to = Math.min(from + idsPerRead - 1, lastId);
    salvagedRows += target.transaction(() => {
      const copied = copyRange(source, target, 'logs', from, to, 1);
      copyRange(source, target, 'logs_metadata', from, to, metadataIdsPerLog);
      return copied;
    });
  }
  target.transaction(() => {
    // Rows whose application could not be read are found all the same, and no id is given out again.
    target.run(
      `INSERT INTO applications (id, name, created_at)
       SELECT DISTINCT application_id, 'unknown-' || application_id, '' FROM logs
       WHERE application_id NOT IN (SELECT id FROM applications)`,
    );
    target.run(`DELETE FROM logs_metadata WHERE (id >> 10) NOT IN (SELECT id FROM logs)`);
    target.run(`DELETE FROM sqlite_sequence WHERE name = 'logs'`);
    target.run(`INSERT INTO sqlite_sequence (name, seq) VALUES ('logs', ?)`, [lastId ?? lastSegmentId]);
  });
  return { salvagedRows, lastId };
}

/** From the sequence, else from the last row that can be reached. */
function lastIdIn(source: Sqlite): number | null {
  return (
    attempt(() => source.get<{ id: number }>(`SELECT seq AS id FROM sqlite_sequence WHERE name = 'logs'`)?.id ?? 0) ??
    attempt(() => source.get<{ id: number }>('SELECT max(id) AS id FROM logs NOT INDEXED')?.id ?? 0)
  );
}

/** A small table, all or as far as it can be read. */
function copyWhole(source: Sqlite, target: Sqlite, table: string): void {
  const rows = attempt(() => source.all<Record<string, SqlValue>>(`SELECT * FROM "${table}"`));
  // The new file's own answer (a time, an id) is replaced by what the old one says.
  for (const row of rows ?? []) insert(target, table, row);
}

/** Logs `from`..`to`, or what belongs to them; returns how many rows. Each id of a log stands for `factor` ids of the table. */
function copyRange(source: Sqlite, target: Sqlite, table: string, from: number, to: number, factor: number): number {
  const rows = attempt(() =>
    source.all<Record<string, SqlValue>>(`SELECT * FROM "${table}" NOT INDEXED WHERE id BETWEEN ? AND ?`, [
      from * factor,
      to * factor + factor - 1,
    ]),
  );
  if (rows !== null) {
    for (const row of rows) insert(target, table, row);
    return rows.length;
  }
  if (from === to) return 0;
  const middle = Math.floor((from + to) / 2);
  return (
    copyRange(source, target, table, from, middle, factor) + copyRange(source, target, table, middle + 1, to, factor)
  );
}

/** A row that a flipped bit has put outside the rules of its table is as good as unreadable. */
function insert(target: Sqlite, table: string, row: Record<string, SqlValue>): void {
  const columns = Object.keys(row);
  target.run(
    `INSERT OR REPLACE INTO "${table}" (${columns.map((name) => `"${name}"`).join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    Object.values(row),
  );
}

function attempt<Result>(read: () => Result): Result | null {
  try {
    return read();
  } catch {
    return null; // what cannot be read is what is lost; the caller counts it
  }
}
