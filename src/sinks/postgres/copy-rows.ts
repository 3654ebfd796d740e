/**
 * Writes rows into the four tables by COPY, in one transaction. Ids are the store's own behind `firstId`, so a row that comes again meets
 * itself: COPY then fails as a whole, and the same rows are merged by way of temporary tables, which is slower and needed only after a
 * crash.
 *
 * postgresql.org/docs/current/sql-copy.html, "Text Format".
 */
import type { ClientBase } from 'pg';
import type { LogRow } from '../../search/request.ts';
import { Body } from '../body.ts';
import { copyIn } from './copy-in.ts';

/** Of a log's metadata, as in SQLite: `log_id * 1024 + place`. */
const metadataPerLog = 1024;
const UNIQUE_VIOLATION = '23505';
/** Of either table in a batch; what is missing is made room for. */
const expectedBytes = 512 * 1024;

const logsColumns = '(id, timestamp, severity, application_id, source, message)';
const metadataColumns = '(id, log_id, metadata_type, metadata_value, app_version)';

const insertion = `COPY logs ${logsColumns} FROM STDIN; COPY logs_metadata ${metadataColumns} FROM STDIN`;
const merging = `
  CREATE TEMPORARY TABLE IF NOT EXISTS incoming_logs (LIKE logs) ON COMMIT DELETE ROWS;
  CREATE TEMPORARY TABLE IF NOT EXISTS incoming_metadata (LIKE logs_metadata) ON COMMIT DELETE ROWS;
  COPY incoming_logs ${logsColumns} FROM STDIN;
  COPY incoming_metadata ${metadataColumns} FROM STDIN;
  INSERT INTO logs SELECT * FROM incoming_logs ON CONFLICT DO NOTHING;
  INSERT INTO logs_metadata SELECT * FROM incoming_metadata ON CONFLICT DO NOTHING`;

export interface Target {
  readonly client: ClientBase;
  /** Added to every id: the store's range. */
  readonly firstId: bigint;
  readonly applications: ApplicationIds;
}

/** The rows of the two tables in the text format of COPY. */
export type CopyBodies = readonly [logs: Uint8Array, metadata: Uint8Array];

/**
 * @param bodies the rows as `copyBodies` gives them, if that has been done.
 * @throws DatabaseError of pg; nothing of the rows is stored then.
 */
export async function copyRows(target: Target, rows: Iterable<LogRow>, bodies?: CopyBodies): Promise<void> {
  const { client } = target;
  const written = bodies ?? (await bodiesOf(target, rows));
  try {
    await copyIn(client, insertion, written);
  } catch (error) {
    if ((error as { code?: unknown }).code !== UNIQUE_VIOLATION) throw error;
    await copyIn(client, merging, written);
  }
}

/** Null when the database has to be asked for an application first. */
export function copyBodies(target: Omit<Target, 'client'>, rows: Iterable<LogRow>): CopyBodies | null {
  const { firstId, applications } = target;
  let isKnown = true;
  const bodies = write(rows, firstId, (row) => {
    const id = applications.idOf(row);
    isKnown &&= id !== undefined;
    return id ?? '';
  });
  return isKnown ? bodies : null;
}

/** Applications are nearly always known: where one is not, they are asked for, and all is written anew. */
async function bodiesOf(target: Target, rows: Iterable<LogRow>): Promise<CopyBodies> {
  for (;;) {
    const bodies = copyBodies(target, rows);
    if (bodies !== null) return bodies;
    await target.applications.resolve(target.client, rows);
  }
}

function write(rows: Iterable<LogRow>, firstId: bigint, applicationId: (row: LogRow) => string): CopyBodies {
  const logs = new Body(expectedBytes);
  const metadata = new Body(expectedBytes);
  const isPlain = firstId === 0n; // then ids are exact as numbers, those of metadata too: 2^40 * 1024 is less than 2^53
  for (const row of rows) {
    const id = isPlain ? row.id : BigInt(row.id) + firstId;
    logs.add(
      `${id}\t${row.timestamp}\t${row.severity}\t${applicationId(row)}\t${escaped(row.source)}\t${escaped(row.message)}\n`,
    );
    const version = row.version === null ? '\\N' : escaped(row.version);
    let metadataId = typeof id === 'number' ? id * metadataPerLog : id * BigInt(metadataPerLog);
    let pairs = '';
    for (const key in row.metadata) {
      const value = row.metadata[key] ?? '';
      pairs += `${metadataId++}\t${id}\t${escaped(key)}\t${escaped(value)}\t${version}\n`;
    }
    metadata.add(pairs);
  }
  return [logs.bytes, metadata.bytes];
}

const special = /[\\\t\n\r]/;
const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

function escaped(text: string): string {
  return special.test(text) ? text.replaceAll(/[\\\t\n\r]/g, (character) => escapes[character] ?? '') : text;
}

/** Ids of applications in the database, made where they are new. */
export class ApplicationIds {
  readonly #known = new Map<string, string>();

  /** Undefined for one that has not been asked for. */
  idOf(row: LogRow): string | undefined {
    return this.#known.get(keyOf(row));
  }

  /**
   * All of the rows' that are new, in one statement. What another makes in this very moment is found the next time.
   * @throws DatabaseError of pg.
   */
  async resolve(client: ClientBase, rows: Iterable<LogRow>): Promise<void> {
    const asked = new Map<string, LogRow>();
    for (const row of rows) if (this.idOf(row) === undefined) asked.set(keyOf(row), row);
    const wanted = [...asked.values()];
    const found = await client.query<Pick<LogRow, 'version' | 'environment'> & { id: string; name: string }>(
      `WITH asked AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) AS asked (name, version, environment)),
         made AS (
           INSERT INTO applications (name, version, environment, created_at) SELECT *, now() FROM asked
           ON CONFLICT DO NOTHING RETURNING id, name, version, environment
         )
       SELECT * FROM made UNION ALL
       SELECT applications.id, asked.* FROM applications JOIN asked ON applications.name = asked.name
         AND coalesce(applications.version, '') = coalesce(asked.version, '')
         AND coalesce(applications.environment, '') = coalesce(asked.environment, '')`,
      [
        wanted.map(({ application }) => application),
        wanted.map(({ version }) => version),
        wanted.map(({ environment }) => environment),
      ],
    );
    if (found.rows.length === 0) throw new Error('the applications are being made by another'); // and are there next time
    for (const { id, name, version, environment } of found.rows) {
      this.#known.set(keyOf({ application: name, version, environment }), id);
    }
  }
}

function keyOf({ application, version, environment }: Pick<LogRow, 'application' | 'version' | 'environment'>): string {
  return `${application}\n${version ?? ''}\n${environment ?? ''}`;
}
