/**
 * The applications that the rows of a segment belong to. In one data directory an application has one id, in the file being written and
 * in every segment; a segment that comes from elsewhere is given the ids of where it goes.
 */
import { rmSync } from 'node:fs';
import { syncPath } from '../durable-rename.ts';
import type { SegmentApplication } from '../file-jobs.ts';
import { closeAlias, openAlias } from './alias.ts';
import { Sqlite } from './sqlite.ts';

const cacheBytes = 8 * 1024 * 1024;

/** Those that a row belongs to. */
export function applicationsIn(path: string): readonly SegmentApplication[] {
  const directory = `${path}.alias`;
  rmSync(directory, { recursive: true, force: true });
  const database = openAlias(path, directory, { withWal: false, cacheBytes });
  try {
    return database.all<SegmentApplication>(
      `SELECT id, name, version, environment FROM applications
       WHERE EXISTS (SELECT 1 FROM logs WHERE application_id = applications.id)`,
    );
  } finally {
    closeAlias(database, directory);
  }
}

/**
 * Gives the applications other ids. What a sealed file has beside rows goes, so that it is sealed anew.
 * @param applications all that have rows, with the ids they get. Nobody else has the file open.
 */
export function renumberApplications(
  path: string,
  applications: readonly (SegmentApplication & { readonly newId: number })[],
): void {
  const database = new Sqlite(path);
  try {
    // A file that is thrown away when a kill leaves it half.
    database.exec(
      'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF',
    );
    dropIndexesOfSealing(database);
    database.transaction(() => {
      const ids = JSON.stringify(Object.fromEntries(applications.map(({ id, newId }) => [id, newId])));
      database.run(`UPDATE logs SET application_id = ?1 ->> ('$."' || application_id || '"')`, [ids]);
      database.exec('DELETE FROM applications');
      for (const { newId, name, version, environment } of applications) {
        database.run(
          `INSERT INTO applications (id, name, version, environment, created_at) VALUES (?1, ?2, ?3, ?4, ?5)`,
          [newId, name, version, environment, new Date(0).toISOString()],
        );
      }
    });
  } finally {
    database.close();
  }
  syncPath(path);
}

/** They can be built again, and are, by sealing. */
export function dropIndexesOfSealing(database: Sqlite): void {
  for (const table of [
    'logs_text',
    'logs_text_terms',
    'logs_text_blocks',
    'logs_minutes',
    'logs_row_minutes',
    'sqlite_stat1',
    'sqlite_stat4',
  ])
    database.exec(`DROP TABLE IF EXISTS "${table}"`);
  database.exec('DROP INDEX IF EXISTS logs_metadata_type_value');
}
