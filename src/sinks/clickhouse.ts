/**
 * Sends rows to ClickHouse over HTTP, JSONEachRow. One insert is one block: ReplicatedMergeTree drops a block that comes again, and the
 * table that `create_tables` makes (ReplacingMergeTree) keeps one of equal ids.
 *
 * Metadata travels with its row as two arrays, so that a batch is one insert; the view `logs_metadata` shows it as the rows that it is
 * in SQLite.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { RegressionError } from '../runtime/errors.ts';
import type { LogRow } from '../search/request.ts';
import { bodyOf } from './body.ts';
import { HttpUpstream, shown } from './http-upstream.ts';
import { httpOptions } from './options.ts';
import type { Rows } from './rows.ts';
import { type Delivery, type SinkKind, delivered } from './sink.ts';

const identifier = z.string().regex(/^[A-Za-z_]\w*$/, { error: 'expected a name of letters, digits and `_`' });

const options = z.strictObject({
  ...httpOptions,
  url: httpOptions.url.describe('HTTP interface of a server, e.g. http://clickhouse:8123'),
  database: identifier.default('default').describe('Database of the tables'),
  table: identifier.default('logs').describe('Table that rows are inserted into'),
  create_tables: z.boolean().default(false).describe('Make the table and its view if they are not there'),
  settings: z
    .record(z.string().regex(/^\w+$/), z.string())
    .default({})
    .describe('ClickHouse settings of each insert, e.g. `{insert_quorum: auto}`'),
});

const migration = new URL('../../migrations/clickhouse/0001-tables.sql', import.meta.url);

export const clickhouse: SinkKind<typeof options> = {
  options,
  repetitions: 'by batch',
  create(given, context) {
    const upstream = new HttpUpstream(given, context);
    const { database, table, settings } = given;
    let areTablesMade = !given.create_tables;
    const urlOf = (query: string): URL => {
      const url = new URL(given.url);
      for (const [name, value] of Object.entries({ ...settings, database, query })) url.searchParams.set(name, value);
      return url;
    };
    const insert = urlOf(`INSERT INTO ${table} FORMAT JSONEachRow`);
    const send = async (url: URL, body: string | Uint8Array, signal: AbortSignal): Promise<Delivery> => {
      const sent = await upstream.send({ url, body, contentType: 'application/x-ndjson', signal });
      if (sent.kind !== 'answer') return judged(sent);
      const { text } = sent.answer;
      if (text.trim() === '') return delivered; // the answer of an insert has nothing in it
      // What went wrong behind the head of the answer.
      if (text.startsWith('Code: ')) return judged({ kind: 'unavailable', reason: shown(text) });
      const reason = `not the answer of an insert: ${shown(text)}`;
      return { kind: 'refused', reason, hint: "Does the sink's url lead to ClickHouse?" };
    };
    return {
      describe: () => `clickhouse ${given.url} ${database}.${table}`,
      async deliver(rows, signal) {
        if (!areTablesMade) {
          for (const statement of await statementsFor(table)) {
            const made = await send(urlOf(statement), '', signal);
            if (made.kind !== 'delivered') return made.kind === 'rejected' ? refusedAs(made.reason) : made;
          }
          areTablesMade = true;
        }
        const sent = await send(insert, bodyOf(linesOf(rows, context.origin), rows.bytes), signal);
        if (sent.kind === 'refused') areTablesMade = !given.create_tables; // somebody may have dropped them
        return sent;
      },
      close: () => upstream.close(),
    };
  },
};

function* linesOf(rows: Rows, origin: string): Generator<string> {
  for (const row of rows) yield lineOf(row, origin);
}

function lineOf(row: LogRow, origin: string): string {
  const { id, timestamp, severity, application, version, environment, source, message, metadata } = row;
  return `${JSON.stringify({
    id,
    timestamp,
    severity,
    application,
    version: version ?? '',
    environment: environment ?? '',
    source,
    message,
    'metadata.type': Object.keys(metadata),
    'metadata.value': Object.values(metadata),
    origin,
  })}\n`;
}

/** Exception codes (src/Common/ErrorCodes.cpp) that concern the table or who we are, whatever HTTP status they come with. */
const configurationCodes = new Set([16, 36, 47, 48, 60, 62, 115, 164, 192, 193, 194, 291, 497, 516]);
const UNKNOWN_DATABASE = 81;
/** Codes that concern what stands in the rows. */
const contentCodes = new Set([6, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 131, 321, 349, 469]);

/** Old releases answer everything with 500: the code in the text says what it is. */
function judged(sent: Delivery): Delivery {
  if (!('reason' in sent)) return sent;
  const code = Number(/\bCode: (\d+)/.exec(sent.reason)?.[1] ?? Number.NaN);
  if (code === UNKNOWN_DATABASE) return refusedAs(sent.reason, 'The database is not there: CREATE DATABASE makes it.');
  if (configurationCodes.has(code)) return refusedAs(sent.reason);
  if (contentCodes.has(code)) return { kind: 'rejected', reason: sent.reason };
  return sent;
}

const tableHint = "Check the sink's database, table and auth; `create_tables: true` makes the table.";

function refusedAs(reason: string, hint = tableHint): Delivery {
  return { kind: 'refused', reason, hint };
}

async function statementsFor(table: string): Promise<readonly string[]> {
  const text = await readFile(migration, 'utf8').catch((error: unknown) => {
    throw new RegressionError('CONFIG_INVALID', 'migrations/clickhouse is not installed', { cause: error });
  });
  return text
    .replaceAll(/^--.*$/gm, '')
    .replaceAll('{table}', table)
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}
