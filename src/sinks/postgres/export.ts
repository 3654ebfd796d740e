/**
 * Moves rows into PostgreSQL and proves that they are there: as many, and with the same sum over the digests of what stands in them,
 * on both sides. What is there already stays; running it again adds what is new.
 */
import { createHash } from 'node:crypto';
import { Client } from 'pg';
import { RegressionError, messageOf } from '../../runtime/errors.ts';
import type { LogRow } from '../../search/request.ts';
import { ApplicationIds, copyRows } from './copy-rows.ts';
import { createTables, firstIdOf } from './tables.ts';

export interface ExportRange {
  /** Rows up to this id. */
  readonly lastId: number;
  /** Fixed-width UTC microseconds; null for all. */
  readonly start: string | null;
  readonly end: string | null;
}

export interface Accounts {
  readonly users: readonly { readonly username: string; readonly role: string; readonly created_at: string }[];
  readonly applications: readonly {
    readonly name: string;
    readonly version: string | null;
    readonly environment: string | null;
    readonly owner: string | null;
  }[];
}

export interface Proof {
  readonly logs: Sum;
  readonly metadata: Sum;
}

interface Sum {
  readonly rows: number;
  /** Decimal: the sum of the first 60 bits of each row's MD5. Order does not matter. */
  readonly checksum: string;
}

const separator = '\u001f';

/** @throws RegressionError `EXPORT_FAILED` when PostgreSQL does not take the rows, or holds others than were sent. */
export async function exportToPostgres(
  url: string,
  origin: string,
  pages: AsyncIterable<readonly LogRow[]>,
  range: ExportRange,
  accounts: Accounts,
): Promise<Proof> {
  const client = new Client({ connectionString: url, application_name: 'regression export' });
  client.on('error', () => undefined); // the query under way fails with it
  let hint = 'Nothing was sent. Check host, user, database and password of --to; a password may stand in PGPASSWORD.';
  try {
    await client.connect();
    hint =
      'Nothing was sent. The user must be allowed to make the tables, or they must be there (migrations/postgres).';
    await createTables(client);
    const firstId = await firstIdOf(client, origin);
    const target = { client, firstId, applications: new ApplicationIds() };
    const sent = { logs: new RunningSum(), metadata: new RunningSum() };
    hint = 'What was sent stays; run it again to go on.';
    for await (const rows of pages) {
      await copyRows(target, rows);
      for (const row of rows) addTo(sent, row);
    }
    await moveAccounts(client, accounts);
    const proof = { logs: sent.logs.sum, metadata: sent.metadata.sum };
    const found = await sumsIn(client, firstId, range);
    if (JSON.stringify(found) === JSON.stringify(proof)) return proof;
    throw new RegressionError(
      'EXPORT_FAILED',
      `PostgreSQL holds ${JSON.stringify(found)}, sent were ${JSON.stringify(proof)}`,
      { hint: 'Has somebody changed the rows there? Export into an empty database, or compare by id.' },
    );
  } catch (error) {
    if (error instanceof RegressionError) throw error;
    throw new RegressionError('EXPORT_FAILED', `PostgreSQL: ${messageOf(error)}`, {
      cause: error,
      hint,
    });
  } finally {
    await client.end().catch(() => undefined); // it is gone already
  }
}

class RunningSum {
  #rows = 0;
  #checksum = 0n;

  add(parts: readonly (string | number)[]): void {
    this.#rows++;
    const digest = createHash('md5').update(parts.join(separator)).digest('hex');
    this.#checksum += BigInt(`0x${digest.slice(0, 15)}`);
  }

  get sum(): Sum {
    return { rows: this.#rows, checksum: String(this.#checksum) };
  }
}

function addTo(sums: { readonly logs: RunningSum; readonly metadata: RunningSum }, row: LogRow): void {
  const { id, timestamp, severity, application, version, environment, source, message, metadata } = row;
  sums.logs.add([id, timestamp, severity, application, version ?? '', environment ?? '', source, message]);
  for (const [type, value] of Object.entries(metadata)) sums.metadata.add([id, type, value, version ?? '']);
}

/** The same over what PostgreSQL holds, computed there. */
async function sumsIn(client: Client, firstId: bigint, { lastId, start, end }: ExportRange): Promise<Proof> {
  const digest = (parts: readonly string[]): string =>
    `coalesce(sum(('x' || left(md5(${parts.join(` || E'\\x1f' || `)}), 15))::bit(60)::bigint), 0)::text`;
  const time = `to_char(logs.timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
  const id = '(logs.id - $1)::text';
  const where = `WHERE logs.id > $1 AND logs.id <= $2 AND ($3::timestamptz IS NULL OR logs.timestamp >= $3)
    AND ($4::timestamptz IS NULL OR logs.timestamp < $4)`;
  const values = [String(firstId), String(firstId + BigInt(lastId)), start, end];
  const ask = async (sql: string): Promise<Sum> => {
    const { rows } = await client.query<{ rows: string; checksum: string }>(`${sql} ${where}`, values);
    return { rows: Number(rows[0]?.rows), checksum: rows[0]?.checksum ?? '' };
  };
  const logs = [
    id,
    time,
    'severity',
    'name',
    `coalesce(version, '')`,
    `coalesce(environment, '')`,
    'source',
    'message',
  ];
  const metadata = [id, 'metadata_type', 'metadata_value', `coalesce(app_version, '')`];
  return {
    logs: await ask(
      `SELECT count(*) AS rows, ${digest(logs)} AS checksum FROM logs JOIN applications ON applications.id = application_id`,
    ),
    metadata: await ask(
      `SELECT count(*) AS rows, ${digest(metadata)} AS checksum FROM logs_metadata JOIN logs ON logs.id = log_id`,
    ),
  };
}

/** Who there is and who owns what. Password hashes do not leave the store: PostgreSQL is not where anybody logs in. */
async function moveAccounts(client: Client, { users, applications }: Accounts): Promise<void> {
  for (const { username, role, created_at: createdAt } of users) {
    await client.query(
      `INSERT INTO users (username, password, role, created_at) VALUES ($1, '', $2, $3) ON CONFLICT DO NOTHING`,
      [username, role, createdAt],
    );
  }
  for (const { name, version, environment, owner } of applications) {
    await client.query(
      `INSERT INTO applications (name, version, environment, created_at) VALUES ($1, $2, $3, now()) ON CONFLICT DO NOTHING`,
      [name, version, environment],
    );
    if (owner === null) continue;
    await client.query(
      `UPDATE applications SET owner_user_id = (SELECT id FROM users WHERE username = $4)
       WHERE name = $1 AND coalesce(version, '') = coalesce($2, '') AND coalesce(environment, '') = coalesce($3, '')`,
      [name, version, environment, owner],
    );
  }
}
