/** Sends rows to PostgreSQL, into the four tables that they have in SQLite. How they are written is in copy-rows.ts. */
import { Pool, type PoolClient } from 'pg';
import { z } from 'zod';
import { RegressionError, messageOf, systemCodeOf } from '../../runtime/errors.ts';
import { connectionHintOf } from '../connection.ts';
import { secret, tlsOptions } from '../options.ts';
import { type Delivery, type SinkKind, delivered } from '../sink.ts';

import { ApplicationIds, copyRows } from './copy-rows.ts';
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

export const postgres: SinkKind<typeof options> = {
  options,
  repeatsBatches: false,
  create(given, { origin, secrets, concurrency }) {
    const applications = new ApplicationIds();
    let pool: Pool | null = null;
    let firstId: bigint | null = null;

    const connect = async (): Promise<PoolClient> => {
      pool ??= new Pool({
        ...(await poolConfigOf(given, secrets)),
        max: concurrency,
        connectionTimeoutMillis: connectTimeoutMs,
        application_name: 'regression',
      })
        .on('error', () => undefined) // an idle connection broke: the next delivery makes another
        // One in use tells by the query that fails; without a listener it would also end the process.
        .on('connect', (client) => client.on('error', () => undefined));
      return pool.connect();
    };
    const forget = async (): Promise<void> => {
      const old = pool;
      pool = null;
      firstId = null;
      applications.forget();
      await old?.end().catch(() => undefined); // its connections are broken already
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
        try {
          client = await connect();
          signal.throwIfAborted();
          if (firstId === null) {
            if (given.create_tables) await createTables(client);
            firstId = await firstIdOf(client, origin);
          }
          await copyRows({ client, firstId, applications }, rows);
          release(false);
          return delivered;
        } catch (error) {
          release(true);
          const delivery = deliveryOf(error, signal);
          if (delivery.kind !== 'rejected') await forget();
          return delivery;
        } finally {
          signal.removeEventListener('abort', onAbort);
        }
      },
      close: forget,
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
      return {
        kind: 'refused',
        reason,
        hint: 'Check the tables and who may write them; `create_tables: true` makes them.',
      };
    default:
      return { kind: 'unavailable', reason, hint: connectionHintOf(error) };
  }
}

function withoutPassword(text: string): string {
  const url = new URL(text);
  url.password = '';
  return url.toString();
}
