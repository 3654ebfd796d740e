/**
 * Puts the segments beside the hot file for the time of one statement, so that a user's SQL sees `logs` and `logs_metadata` as one
 * table each: the segments are attached read-only and temporary views of these names stand before the tables of the hot file.
 *
 * What the statement may do with them is decided in sql-statement.ts.
 */
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Segment, hotFileName, mayMatch } from '../segments.ts';
import type { SqlFilesRead, SqlRequest } from '../protocol.ts';
import type { Sqlite } from './sqlite.ts';

/** SQLITE_MAX_ATTACHED of the engine, compiled in. */
export const maxAttached = 10;

/** Of one attached segment: ten of them, the hot file's own and what the statement sorts share the thread's memory. */
const cacheKiB = 1024;

type Range = Pick<SqlRequest, 'start' | 'end'>;

export interface SqlFiles {
  readonly attached: readonly Segment[];
  /** What the answer says of it. */
  readonly read: SqlFilesRead;
}

/** The hot file and the newest segments of the range, as many as can be attached. */
export function filesOf(segments: readonly Segment[], range: Range): SqlFiles {
  const wanted = segments.filter((segment) => mayMatch(segment, range));
  const attached = wanted
    .toSorted((a, b) => (a.maxTimestamp > b.maxTimestamp ? -1 : 1))
    .slice(0, maxAttached)
    .toSorted((a, b) => a.firstId - b.firstId);
  return {
    attached,
    read: {
      files: [...attached.map(({ path }) => basename(path)), hotFileName],
      leftOut: wanted.length - attached.length,
    },
  };
}

/**
 * Runs `work` while `files` are attached and the views stand; takes both away again, whatever happens.
 *
 * @param database the hot file's connection.
 * @param aliases a directory for the aliases of the files (see alias.ts); it does not exist yet, and is removed.
 * @param outsideTransaction runs what must not happen in the transaction that holds the state, and may write temporary views.
 */
export function withFiles<Result>(
  database: Sqlite,
  { attached }: SqlFiles,
  { range, aliases, outsideTransaction }: Surroundings,
  work: () => Result,
): Result {
  try {
    outsideTransaction(() => {
      for (const [index, { path }] of attached.entries()) {
        const alias = join(aliases, String(index + 1));
        mkdirSync(alias, { recursive: true, mode: 0o700 });
        symlinkSync(path, join(alias, 'x.db'));
        // In the locking mode of the connection's other files; read-only as they are.
        database.run('ATTACH ? AS ' + nameOf(index), [join(alias, 'x.db')]);
        database.exec(`PRAGMA ${nameOf(index)}.cache_size = -${cacheKiB}`);
      }
      const schemas = [...attached.map((_, index) => nameOf(index)), 'main'];
      database.exec(`${logsView(schemas, range)}; ${metadataView(schemas)}`);
    });
    return work();
  } finally {
    outsideTransaction(() => {
      database.exec('DROP VIEW IF EXISTS temp.logs; DROP VIEW IF EXISTS temp.logs_metadata');
      const schemas = new Set(database.all<{ name: string }>('PRAGMA database_list').map(({ name }) => name));
      for (const index of attached.keys()) if (schemas.has(nameOf(index))) database.exec(`DETACH ${nameOf(index)}`);
    });
    rmSync(aliases, { recursive: true, force: true });
  }
}

export interface Surroundings {
  readonly range: Range;
  readonly aliases: string;
  readonly outsideTransaction: (work: () => void) => void;
}

const nameOf = (index: number): string => `segment_${index + 1}`;

/** The view holds the rows of the range alone. Its bounds come from `readTime`, which writes digits and punctuation. */
function logsView(schemas: readonly string[], { start, end }: Range): string {
  const bounds = [
    ...(start === undefined ? [] : [`timestamp >= ${quoted(start)}`]),
    ...(end === undefined ? [] : [`timestamp < ${quoted(end)}`]),
  ];
  const where = bounds.length === 0 ? '' : ` WHERE ${bounds.join(' AND ')}`;
  const selects = schemas.map(
    (schema) => `SELECT id, timestamp, severity, application_id, source, message FROM ${schema}.logs${where}`,
  );
  return `CREATE TEMP VIEW logs AS ${selects.join(' UNION ALL ')}`;
}

function metadataView(schemas: readonly string[]): string {
  const selects = schemas.map(
    (schema) => `SELECT id, log_id, metadata_type, metadata_value, app_version FROM ${schema}.logs_metadata`,
  );
  return `CREATE TEMP VIEW logs_metadata AS ${selects.join(' UNION ALL ')}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
