/** `regression logs`: search, and follow. Asks the running daemon; without one it opens the data directory itself. */
import { once } from 'node:events';
import type { LogRow, Order, SearchRequest } from '../search/request.ts';
import { RegressionError } from '../runtime/errors.ts';
import { severities } from '../record/severity.ts';
import type { FilterParameters } from '../query/filter-parameters.ts';
import type { Command, CommonFlags, Surroundings } from './command.ts';
import { rowText } from './row-text.ts';

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
}

interface Page {
  readonly rows: readonly LogRow[];
  readonly next: string | null;
  readonly lastId: number;
}

/** What differs from page to page of one question. */
interface PageRequest {
  readonly order: Order;
  readonly limit: number;
  readonly afterId?: number | undefined;
  readonly cursor?: string | undefined;
}

/** The filters of the command line. */
interface Question {
  readonly parameters: FilterParameters;
  readonly metadata: readonly (readonly [key: string, value: string])[];
}

/** Asks the daemon, or the store, with the filters of the command line. */
interface Asker {
  page(request: PageRequest): Promise<Page>;
  close(): Promise<void>;
}

const followIntervalMs = 500;
const maxPage = 1000;

export const logs: Command<Flags> = {
  usage: 'logs [query..]',
  summary: 'Search the rows; --follow for live',
  positionals: {
    query: { type: 'string', array: true, describe: 'Words and "quoted phrases" that must all occur in the message' },
  },
  flags: {
    start: {
      type: 'string',
      describe: 'Earliest time: RFC 3339, a date, unix time, or back from now (-24h, -15m)',
      requiresArg: true,
    },
    end: { type: 'string', describe: 'Latest time, exclusive', requiresArg: true },
    severity: {
      type: 'string',
      choices: severities,
      coerce: (name: string) => name.toUpperCase(),
      describe: 'Lowest severity wanted',
      requiresArg: true,
    },
    application: { type: 'string', describe: 'Name of the application', requiresArg: true },
    appVersion: { type: 'string', describe: "The application's version", requiresArg: true },
    environment: { type: 'string', describe: "The application's environment", requiresArg: true },
    source: { type: 'string', describe: 'Where entries came from: a file path', requiresArg: true },
    meta: { type: 'string', array: true, describe: 'Metadata, key=value; all given must hold', requiresArg: true },
    limit: { type: 'number', default: 100, describe: 'Rows at most', requiresArg: true },
    order: {
      choices: ['asc', 'desc', 'arrival'],
      describe: 'Oldest first, newest first, or as they arrived; without it the newest rows, the last at the bottom',
      requiresArg: true,
    },
    follow: { type: 'boolean', alias: 'f', describe: 'Go on with what comes in' },
  },
  examples: [
    ['regression logs --severity warn --start -1h', 'what went wrong in the last hour'],
    ['regression logs "connection reset" --application shop', 'words in the message'],
    ['regression logs --meta userId=u-1 --json', 'as NDJSON, for other programs'],
    ['regression logs --follow', 'live'],
  ],
  async run(flags, surroundings) {
    if (!Number.isInteger(flags.limit) || flags.limit < 1) {
      throw new RegressionError('USAGE', `--limit: ${flags.limit} is not a number of rows`, {
        hint: 'A whole number from 1.',
      });
    }
    const question = { parameters: parametersOf(flags), metadata: pairsOf(flags) };
    const asker = await findAsker(question, flags, surroundings);
    try {
      await printRows(asker, flags, surroundings);
    } catch (error) {
      if (!surroundings.signal.aborted) throw error;
    } finally {
      await asker.close();
    }
  },
};

async function printRows(
  asker: Asker,
  flags: CommonFlags & Flags,
  { stdout, signal, env }: Surroundings,
): Promise<void> {
  const isColoured = stdout.isTTY === true && env['NO_COLOR'] === undefined;
  const print = async (rows: readonly LogRow[]): Promise<void> => {
    const text = rows.map((row) => `${flags.json ? jsonText(row) : rowText(row, isColoured)}\n`).join('');
    if (text !== '' && !stdout.write(text)) await once(stdout, 'drain');
  };
  const found = await collect(asker, { order: flags.order ?? 'desc', limit: flags.limit });
  // The newest rows are asked for, but read like a log: the last at the bottom.
  await print(flags.order === undefined ? found.rows.toReversed() : found.rows);
  if (flags.follow !== true) return;

  const { systemClock } = await import('../runtime/clock.ts');
  let afterId = found.lastId;
  while (!signal.aborted) {
    await systemClock.delay(followIntervalMs, signal);
    if (signal.aborted) return;
    const fresh = await collect(asker, { order: 'arrival', limit: Infinity, afterId });
    afterId = fresh.lastId;
    await print(fresh.rows);
  }
}

/** Page after page; `lastId` is that of the first page's state when time orders the rows, so that what follows is complete. */
async function collect(
  asker: Asker,
  request: PageRequest,
): Promise<{ readonly rows: readonly LogRow[]; readonly lastId: number }> {
  const rows: LogRow[] = [];
  let cursor: string | undefined;
  let lastId: number | undefined;
  do {
    const page = await asker.page({ ...request, limit: Math.min(request.limit - rows.length, maxPage), cursor });
    for (const row of page.rows) rows.push(row);
    cursor = page.next ?? undefined;
    lastId = request.order === 'arrival' ? page.lastId : (lastId ?? page.lastId);
  } while (cursor !== undefined && rows.length < request.limit);
  return { rows, lastId };
}

/** JSON.parse has made own properties of all keys, `__proto__` too, and JSON.stringify writes them as they are. */
function jsonText(row: LogRow): string {
  return JSON.stringify(row);
}

async function findAsker(question: Question, flags: CommonFlags, surroundings: Surroundings): Promise<Asker> {
  const { effectiveConfig } = await import('./effective-config.ts');
  const { probeDataDir } = await import('../runtime/data-dir-lock.ts');
  const { config } = await effectiveConfig(flags, surroundings);
  const holder = await probeDataDir(config.data_dir);
  if (holder === null) return askStore(config.data_dir, question);
  if (holder.server === null) {
    throw new RegressionError(
      'DATA_DIR_LOCKED',
      `\`regression ${holder.command}\` (pid ${holder.pid}) is using ${config.data_dir} and answers no questions`,
      {
        hint: 'Ask again when it is done.',
      },
    );
  }
  return askDaemon(holder.server, config.data_dir, question, surroundings.signal);
}

async function askDaemon(url: string, dataDir: string, question: Question, signal: AbortSignal): Promise<Asker> {
  const { RegressionClient } = await import('../client/client.ts');
  const { readAdminToken } = await import('../query/admin-token.ts');
  const token = await readAdminToken(dataDir);
  if (token === null) throw new RegressionError('UNAUTHORIZED', `there is no admin token in ${dataDir}`);
  const client = new RegressionClient({ url, token });
  const query = { ...question.parameters, metadata: question.metadata };
  return {
    async page({ afterId, ...request }) {
      const { rows, next, stats } = await client.logs({ ...query, ...request, after_id: afterId }, signal);
      return { rows, next, lastId: stats.last_id };
    },
    close: () => client.close(),
  };
}

async function askStore(dataDir: string, { parameters, metadata }: Question): Promise<Asker> {
  const { existsSync } = await import('node:fs');
  const path = await import('node:path');
  const { hotFileName, openStore } = await import('../store/remote-store.ts');
  const { lockDataDir } = await import('../runtime/data-dir-lock.ts');
  const { filterOf } = await import('../query/filter-parameters.ts');
  const { decodeCursor, encodeCursor } = await import('../search/cursor.ts');
  if (!existsSync(path.join(dataDir, hotFileName))) {
    throw new RegressionError('DATA_DIR_UNUSABLE', `there is no data in ${dataDir}`, {
      hint: 'Start `regression run`, or name the directory with --data-dir.',
    });
  }
  const lock = await lockDataDir(dataDir, 'logs');
  const store = await openStore({ dataDir });
  return {
    async page({ order, limit, afterId, cursor }) {
      const filter = filterOf({ ...parameters, after_id: afterId }, metadata, Date.now());
      const after = cursor === undefined ? undefined : decodeCursor(cursor, { filter, order });
      const request: SearchRequest = { filter, order, limit, after };
      const { ndjson, hasMore, last, lastId } = await store.search(request, { deadlineMs: 60_000 });
      const rows = ndjson
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as LogRow);
      return { rows, next: hasMore && last !== null ? encodeCursor(last, { filter, order }) : null, lastId };
    },
    async close() {
      await store.close();
      await lock.release();
    },
  };
}

function parametersOf({
  query = [],
  start,
  end,
  severity,
  application,
  appVersion,
  environment,
  source,
}: Flags): FilterParameters {
  // The shell has taken the quotes off a phrase: what has blanks in it was one.
  const q = query.map((word) => (/\s/.test(word) && !word.includes('"') ? `"${word}"` : word)).join(' ');
  return { start, end, severity, application, version: appVersion, environment, source, q: q === '' ? undefined : q };
}

function pairsOf({ meta = [] }: Flags): [string, string][] {
  return meta.map((pair) => {
    const equals = pair.indexOf('=');
    if (equals > 0) return [pair.slice(0, equals), pair.slice(equals + 1)];
    throw new RegressionError('USAGE', `--meta: ${pair} is not key=value`, { hint: 'E.g. --meta userId=u-1' });
  });
}
