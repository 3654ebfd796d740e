/** Sends rows to PostgreSQL, into the four tables that they have in SQLite. How they are written is in copy-rows.ts. */
import type { Pool, PoolClient } from 'pg';
import { z } from 'zod';
import { RegressionError, messageOf, systemCodeOf } from '../../runtime/errors.ts';
import { connectionHintOf } from '../connection.ts';
import { secret, tlsOptions } from '../options.ts';
import type { Rows } from '../rows.ts';
import { type Delivery, type SinkKind, delivered } from '../sink.ts';
import { ApplicationIds, type CopyBodies, copyBodies, copyRows } from './copy-rows.ts';
import { poolConfigOf } from './pool-config.ts';
import { createTables, firstIdOf } from './tables.ts';

const options = z.strictObject({
  url: z
    .url({ protocol: /^postgres(ql)?$/, error: 'expected postgres://user@host:5432/database' })
    .describe('postgres://user@host:5432/database'),
  password: secret.optional().describe("The user's password, as `{file: PATH}` or `{env: NAME}`"),
  tls: tlsOptions,
  create_tables: z.boolean().default(false).describe('Make the four tables if they are not there'),
});

const connectTimeoutMs = 10_000;

interface Database {
  readonly pool: Pool;
  readonly applications: ApplicationIds;
  /** Null until it has been asked for. */
  firstId: bigint | null;
}

export const postgres: SinkKind<typeof options> = {
  options,
  repetitions: 'by row',
  create(given, { origin, secrets, concurrency }) {
    /** One for all deliveries at once; made anew after a failure, since the database may be another then. */
    let database: Promise<Database> | null = null;
    /** Of the database as it was last used. */
    let used: Database | null = null;
    const prepared = new WeakMap<Rows, { readonly database: Database; readonly bodies: CopyBodies }>();

    const open = async (): Promise<Database> => {
      const pg = await import('pg'); // a daemon without such a sink has no use for it
      const pool = new pg.Pool({
        ...(await poolConfigOf(given, secrets)),
        max: concurrency,
        connectionTimeoutMillis: connectTimeoutMs,
        application_name: 'regression',
      })
        .on('error', () => undefined) // an idle connection broke: the next delivery makes another
        // One in use tells by the query that fails; without a listener it would also end the process.
        .on('connect', (client) => client.on('error', () => undefined));
      return { pool, applications: new ApplicationIds(), firstId: null };
    };
    const firstIdIn = async (client: PoolClient): Promise<bigint> => {
      if (given.create_tables) await createTables(client);
      return firstIdOf(client, origin);
    };
    /** Whoever is first ends it. */
    const forget = async (old: Promise<Database> | null): Promise<void> => {
      if (old === null || database !== old) return;
      database = null;
      const opened = await old.catch(() => null); // what it failed with has been told
      await opened?.pool.end().catch(() => undefined); // its connections are broken already
    };

    return {
      describe: () => `postgres ${withoutPassword(given.url)}`,
      async deliver(rows, signal) {
        let client: PoolClient | undefined;
        const release = (isBroken: boolean): void => {
          client?.release(isBroken);
          client = undefined;
        };
        const onAbort = (): void => release(true); // ends the connection, and what runs on it
        signal.addEventListener('abort', onAbort, { once: true });
        const opening = (database ??= open());
        try {
          const opened = await opening;
          client = await opened.pool.connect();
          signal.throwIfAborted();
          const firstId = (opened.firstId ??= await firstIdIn(client));
          used = opened;
          const ready = prepared.get(rows);
          const bodies = ready?.database === opened ? ready.bodies : undefined;
          await copyRows({ client, firstId, applications: opened.applications }, rows, bodies);
          release(false);
          return delivered;
        } catch (error) {
          release(true);
          const delivery = deliveryOf(error, signal);
          if (delivery.kind !== 'rejected') await forget(opening);
          return delivery;
        } finally {
          signal.removeEventListener('abort', onAbort);
        }
      },
      prepare(rows) {
        if (used?.firstId == null) return;
        const { firstId, applications } = used;
        const bodies = copyBodies({ firstId, applications }, rows);
        if (bodies !== null) prepared.set(rows, { database: used, bodies });
      },
      close: () => forget(database),
    };
  },
};

/** Errors of `pg` itself, which have no code, that somebody must do something about. */
const withoutCode: readonly (readonly [RegExp, string])[] = [
  [/client password must be a/, "PostgreSQL asks for a password: set the sink's `password`."],
  [
    /does not support SSL/,
    "PostgreSQL speaks no TLS there: leave out the sink's `tls`, or turn `ssl` on in the server.",
  ],
];

const tableHints: Readonly<Record<string, string>> = {
  '42501':
    "The sink's user may not do that: grant it the right to make tables, or to read and write those of migrations/postgres.",
  '42P01': 'The tables are not there: `create_tables: true` makes them, or migrations/postgres.',
};

/** By the class of SQLSTATE: postgresql.org/docs/current/errcodes-appendix.html */
function deliveryOf(error: unknown, signal: AbortSignal): Delivery {
  if (signal.aborted) return { kind: 'unavailable', reason: messageOf(signal.reason) };
  if (error instanceof RegressionError) {
    return { kind: 'refused', reason: error.message, hint: error.hint ?? 'Check the configuration of the sink.' };
  }
  const code = systemCodeOf(error) ?? '';
  const found = code === '' ? withoutCode.find(([text]) => text.test(messageOf(error))) : undefined;
  if (found !== undefined) return { kind: 'refused', reason: messageOf(error), hint: found[1] };
  const reason = /^[0-9A-Z]{5}$/.test(code) ? `${code} ${messageOf(error)}` : messageOf(error);
  switch (code.slice(0, 2)) {
    case '22': // data exception
    case '23': // integrity constraint violation
      return { kind: 'rejected', reason };
    case '54': // program limit exceeded
      return { kind: 'rejected', reason, isTooLarge: true };
    case '28': // invalid authorization
    case '3D': // no such database
      return { kind: 'refused', reason, hint: "Check the sink's url and password; rows wait until they are right." };
    case '42': // access rule violation, undefined table or column
      return { kind: 'refused', reason, hint: tableHints[code] ?? 'Are the tables those of migrations/postgres?' };
    default:
      return { kind: 'unavailable', reason, hint: connectionHintOf(error) };
  }
}

function withoutPassword(text: string): string {
  const url = new URL(text);
  url.password = '';
  return url.toString();
}
