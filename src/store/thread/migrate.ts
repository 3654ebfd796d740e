/**
 * Brings a database file to the newest schema: numbered files of migrations/sqlite, forward only, each in a transaction of
 * its own that also raises `PRAGMA user_version`.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { RegressionError } from '../../runtime/errors.ts';
import type { Sqlite } from './sqlite.ts';

const directory = new URL('../../../migrations/sqlite/', import.meta.url);

export interface Migration {
  readonly version: number;
  readonly sql: string;
}

let migrationsRead: readonly Migration[] | undefined;

/**
 * `0001-tables.sql`, `0002-...`: versions rise from 1; a number may be left out. Read once: a rotation makes a file of this release's
 * schema, even after a package upgrade has exchanged the files under the running daemon.
 */
export function readMigrations(): readonly Migration[] {
  return (migrationsRead ??= read());
}

function read(): readonly Migration[] {
  const names = readdirSync(directory)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  let previous = 0;
  return names.map((name) => {
    const version = Number.parseInt(name, 10);
    if (!(version > previous)) throw new Error(`migrations/sqlite/${name}: expected a number above ${previous}`);
    previous = version;
    return { version, sql: readFileSync(new URL(name, directory), 'utf8') };
  });
}

/** @throws RegressionError `STORE_TOO_NEW` when a newer release wrote the file, which is left untouched. */
export function migrate(database: Sqlite, migrations: readonly Migration[] = readMigrations()): void {
  const current = schemaVersionOf(database);
  const newest = migrations.at(-1)?.version ?? 0;
  if (current > newest) throw tooNew(database.path, current);
  for (const { version, sql } of migrations) {
    if (version <= current) continue;
    database.transaction(() => {
      database.exec(sql);
      database.exec(`PRAGMA user_version = ${version}`);
    });
  }
}

/** 0 for a file without a schema. */
export function schemaVersionOf(database: Sqlite): number {
  return database.get<{ user_version: number }>('PRAGMA user_version')?.user_version ?? 0;
}

export function newestVersion(): number {
  return readMigrations().at(-1)?.version ?? 0;
}

export function tooNew(path: string, version: number): RegressionError {
  const newest = newestVersion();
  return new RegressionError('STORE_TOO_NEW', `${path} has schema ${version}, this release knows up to ${newest}`, {
    hint: 'Run the newer release again, or restore a backup made by this one.',
  });
}
