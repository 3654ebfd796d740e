/** `regression logs`: search, and follow. */
import { once } from 'node:events';
import type { LogsPage, LogsQuery, RegressionClient } from '../client/client.ts';
import { type Fields, csvHeader, csvLine, fieldsJson, readFields, textLine } from '../query/row-formats.ts';
import { RegressionError } from '../runtime/errors.ts';
import type { LogRow, Order } from '../search/request.ts';
import type { Command, CommonFlags, Surroundings } from './command.ts';
import { openEndpoint } from './endpoint.ts';
import { applicationFlags, severityFlag } from './span-flags.ts';
import { wholeNumber } from './whole-number.ts';

interface Flags {
  readonly query?: readonly string[];
  readonly start?: string;
  readonly end?: string;
  readonly severity?: string;
  readonly application?: string;
  readonly appVersion?: string;
  readonly environment?: string;
  readonly source?: string;
  readonly meta?: readonly string[];
  readonly limit: number;
  readonly order?: Order;
  readonly follow?: boolean;
  readonly csv?: boolean;
  readonly fields?: string;
}

const maxPage = 1000;

export const logs: Command<Flags> = {
  usage: 'logs [query..]',
  summary: 'Search the rows; --follow for live',
  positionals: {
    query: {
      type: 'string',
      array: true,
      describe: `What to look for, e.g. 'severity:>=warn app:checkout -path:/health "connection reset" conn*'`,
    },
  },
  flags: {
    start: {
      type: 'string',
      describe: 'Earliest time: RFC 3339, a date, unix time, or back from now (-24h, -15m)',
      requiresArg: true,
    },
    end: { type: 'string', describe: 'Latest time, exclusive', requiresArg: true },
    severity: severityFlag,
    ...applicationFlags,
    source: { type: 'string', describe: 'Where entries came from: a file path', requiresArg: true },
    meta: { type: 'string', array: true, describe: 'Metadata, key=value; all given must hold', requiresArg: true },
    limit: wholeNumber('limit', { default: 100, describe: 'Rows at most' }),
    order: {
      choices: ['asc', 'desc', 'arrival'],
      describe: 'Oldest first, newest first, or as they arrived; without it the newest rows, the last at the bottom',
      requiresArg: true,
    },
    follow: { type: 'boolean', alias: 'f', describe: 'Go on with what comes in' },
    csv: { type: 'boolean', describe: 'As CSV, with a header line', conflicts: 'json' },
    fields: {
      type: 'string',
      describe: 'Only these columns and metadata keys: timestamp,message,userId',
      requiresArg: true,
    },
  },
  examples: [
    ['regression logs --severity warn --start -1h', 'what went wrong in the last hour'],
    [`regression logs 'severity:>=warn app:checkout -path:/health "connection reset"'`, 'the search language'],
    ['regression logs --meta userId=u-1 --json', 'as NDJSON, for other programs'],
    ['regression logs error --csv --fields timestamp,message,userId', 'as CSV, some fields'],
    ['regression logs --follow', 'live'],
  ],
  async run(flags, surroundings) {
    const query = queryOf(flags);
    const fields = flags.fields === undefined ? undefined : readFields(flags.fields);
    const endpoint = await openEndpoint({ command: 'logs' }, flags, surroundings);
    try {
      if (flags.follow && surroundings.outputPath !== undefined) {
        const { refuseSelfFeeding } = await import('./self-feeding.ts');
        refuseSelfFeeding(surroundings.outputPath, await endpoint.client.inputs({}, surroundings.signal));
      }
      await printRows(endpoint.client, query, fields, flags, surroundings);
    } catch (error) {
      if (!surroundings.signal.aborted) throw error;
    } finally {
      await endpoint.close();
    }
  },
};

async function printRows(
  client: RegressionClient,
  query: LogsQuery,
  fields: Fields | undefined,
  flags: CommonFlags & Flags,
  { stdout, stderr, signal, env }: Surroundings,
): Promise<void> {
  const isColoured = stdout.isTTY === true && env['NO_COLOR'] === undefined;
  const write = async (text: string): Promise<void> => {
    if (text !== '' && !stdout.write(text)) await once(stdout, 'drain');
  };
  const lineOf = (row: LogRow): string => {
    // JSON.parse has made own properties of all keys, `__proto__` too, and JSON.stringify writes them as they are.
    if (flags.json) return `${fields === undefined ? JSON.stringify(row) : fieldsJson(row, fields)}\n`;
    return flags.csv ? csvLine(row, fields) : textLine(row, fields, isColoured);
  };
  const found = await collect(client, { ...query, order: flags.order ?? 'desc' }, flags.limit, signal);
  if (flags.csv) await write(csvHeader(fields));
  // The newest rows are asked for, but read like a log: the last at the bottom.
  await write((flags.order === undefined ? found.rows.toReversed() : found.rows).map(lineOf).join(''));
  if (found.rows.length === 0) stderr.write(await misspeltHint(query.q));
  if (flags.follow !== true) return;

  for await (const { row, missed, lost } of client.follow({ ...query, after_id: found.lastId }, signal)) {
    if (row !== undefined) await write(lineOf(row));
    else if (missed !== undefined) {
      stderr.write(
        `regression: ${missed.rows} rows were missed, ids ${missed.first_id} to ${missed.last_id}: \`regression logs --order arrival\` has what is still stored\n`,
      );
    } else if (lost !== undefined) stderr.write(`regression: ${lost.reason}; trying again\n`);
  }
}

/** A name that is no column is a metadata key, which no row need have: nothing found may be a slip. */
async function misspeltHint(text = ''): Promise<string> {
  const { misspeltColumns } = await import('../search/columns.ts');
  const { parseQuery } = await import('../search/parse-query.ts');
  const query = parseQuery(text, 0, () => ({ kind: 'and', parts: [] }));
  return (query === null ? [] : misspeltColumns(query))
    .map(([key, column]) => `regression: no rows; ${key} was looked for in the metadata. Did you mean ${column}?\n`)
    .join('');
}

/** Page after page; `lastId` is that of the first page's state when time orders the rows, so that what follows is complete. */
async function collect(
  client: RegressionClient,
  query: LogsQuery & { readonly order: Order },
  limit: number,
  signal: AbortSignal,
): Promise<{ readonly rows: readonly LogRow[]; readonly lastId: number }> {
  const rows: LogRow[] = [];
  let cursor: string | undefined;
  let lastId: number | undefined;
  do {
    const page: LogsPage = await client.logs(
      { ...query, limit: Math.min(limit - rows.length, maxPage), cursor },
      signal,
    );
    for (const row of page.rows) rows.push(row);
    cursor = page.next ?? undefined;
    lastId = query.order === 'arrival' ? page.stats.last_id : (lastId ?? page.stats.last_id);
  } while (cursor !== undefined && rows.length < limit);
  return { rows, lastId };
}

function queryOf(flags: Flags): LogsQuery {
  const { query = [], start, end, severity, application, appVersion, environment, source } = flags;
  const q = query.join(' ');
  return {
    start,
    end,
    severity,
    application,
    version: appVersion,
    environment,
    source,
    q: q === '' ? undefined : q,
    metadata: pairsOf(flags),
  };
}

function pairsOf({ meta = [] }: Flags): [string, string][] {
  return meta.map((pair) => {
    const equals = pair.indexOf('=');
    if (equals > 0) return [pair.slice(0, equals), pair.slice(equals + 1)];
    throw new RegressionError('USAGE', `--meta: ${pair} is not key=value`, { hint: 'E.g. --meta userId=u-1' });
  });
}
