/** `regression logs`: search, and follow. Asks the running daemon; without one it opens the data directory itself. */
import { once } from 'node:events';
import type { LogRow, SearchRequest } from '../search/request.ts';
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
  readonly order?: 'asc' | 'desc';
  readonly follow?: boolean;
}

/** One page of the rows that are asked for; the place to go on from. */
interface Page {
  readonly rows: readonly LogRow[];
  readonly next: string | null;
}

interface Asker {
  page(order: 'asc' | 'desc', limit: number, start: string | undefined, cursor: string | undefined): Promise<Page>;
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
      choices: severities.flatMap((name) => [name, name.toLowerCase()]),
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
      choices: ['asc', 'desc'],
      describe:
        'Print the oldest matching rows (asc) or the newest; always oldest first on the screen unless desc is given',
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
    const asker = await findAsker(flags, surroundings);
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
  const order = flags.order ?? 'desc';
  const found = await collect(asker, order, flags.limit, flags.start);
  // The newest rows are asked for, but read like a log: the last at the bottom.
  await print(flags.order === undefined ? found.toReversed() : found);
  if (flags.follow !== true) return;

  // Follows the order of arrival as far as timestamps tell it: entries dated before the last one shown are not repeated.
  let last = found.reduce<LogRow | undefined>(
    (newest, row) => (newest === undefined || row.timestamp > newest.timestamp ? row : newest),
    undefined,
  );
  const seen = new Set(found.map(({ id }) => id));
  const { systemClock } = await import('../runtime/clock.ts');
  while (!signal.aborted) {
    await systemClock.delay(followIntervalMs, signal);
    if (signal.aborted) return;
    const fresh = (await collect(asker, 'asc', maxPage, last?.timestamp ?? flags.start)).filter(
      ({ id }) => !seen.has(id),
    );
    for (const { id } of fresh) seen.add(id);
    last = fresh.at(-1) ?? last;
    await print(fresh);
  }
}

async function collect(
  asker: Asker,
  order: 'asc' | 'desc',
  limit: number,
  start: string | undefined,
): Promise<LogRow[]> {
  const rows: LogRow[] = [];
  let cursor: string | undefined;
  do {
    const page = await asker.page(order, Math.min(limit - rows.length, maxPage), start, cursor);
    rows.push(...page.rows);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined && rows.length < limit);
  return rows;
}

/** JSON.parse has made own properties of all keys, `__proto__` too, and JSON.stringify writes them as they are. */
function jsonText(row: LogRow): string {
  return JSON.stringify(row);
}

async function findAsker(flags: CommonFlags & Flags, { env, cwd, signal }: Surroundings): Promise<Asker> {
  const { loadConfig } = await import('../config/load.ts');
  const { probeDataDir } = await import('../runtime/data-dir-lock.ts');
  const { config } = await loadConfig({
    configPath: flags.config,
    dataDir: flags.dataDir,
    logLevel: flags.logLevel,
    env,
    cwd,
  });
  const holder = await probeDataDir(config.data_dir);
  if (holder === null) return askStore(config.data_dir, flags);
  if (holder.server === null) {
    throw new RegressionError(
      'DATA_DIR_LOCKED',
      `\`regression ${holder.command}\` (pid ${holder.pid}) is using ${config.data_dir} and answers no questions`,
      {
        hint: 'Ask again when it is done.',
      },
    );
  }
  return askDaemon(holder.server, config.data_dir, flags, signal);
}

async function askDaemon(url: string, dataDir: string, flags: Flags, signal: AbortSignal): Promise<Asker> {
  const { RegressionClient } = await import('../client/client.ts');
  const { readAdminToken } = await import('../query/admin-token.ts');
  const token = await readAdminToken(dataDir);
  if (token === null) throw new RegressionError('UNAUTHORIZED', `there is no admin token in ${dataDir}`);
  const client = new RegressionClient({ url, token });
  const query = { ...parametersOf(flags), metadata: pairsOf(flags) };
  return {
    page: (order, limit, start, cursor) => client.logs({ ...query, start, order, limit, cursor }, signal),
    close: () => client.close(),
  };
}

async function askStore(dataDir: string, flags: Flags): Promise<Asker> {
  const { existsSync } = await import('node:fs');
  const { join } = await import('node:path');
  const { hotFileName, openStore } = await import('../store/remote-store.ts');
  const { lockDataDir } = await import('../runtime/data-dir-lock.ts');
  const { filterOf } = await import('../query/filter-parameters.ts');
  const { decodeCursor, encodeCursor } = await import('../search/cursor.ts');
  if (!existsSync(join(dataDir, hotFileName))) {
    throw new RegressionError('DATA_DIR_UNUSABLE', `there is no data in ${dataDir}`, {
      hint: 'Start `regression run`, or name the directory with --data-dir.',
    });
  }
  const lock = await lockDataDir(dataDir, 'logs');
  const store = await openStore({ dataDir });
  return {
    async page(order, limit, start, cursor) {
      const filter = filterOf({ ...parametersOf(flags), start }, pairsOf(flags), Date.now());
      const after = cursor === undefined ? undefined : decodeCursor(cursor, { filter, order });
      const request: SearchRequest = { filter, order, limit, after };
      const { ndjson, hasMore, last } = await store.search(request, { deadlineMs: 60_000 });
      const rows = ndjson
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as LogRow);
      return { rows, next: hasMore && last !== null ? encodeCursor(last, { filter, order }) : null };
    },
    async close() {
      await store.close();
      await lock.release();
    },
  };
}

function parametersOf({
  query = [],
  end,
  severity,
  application,
  appVersion,
  environment,
  source,
}: Flags): Omit<FilterParameters, 'start'> {
  // The shell has taken the quotes off a phrase: what has blanks in it was one.
  const q = query.map((word) => (/\s/.test(word) && !word.includes('"') ? `"${word}"` : word)).join(' ');
  return { end, severity, application, version: appVersion, environment, source, q: q === '' ? undefined : q };
}

function pairsOf({ meta = [] }: Flags): [string, string][] {
  return meta.map((pair) => {
    const equals = pair.indexOf('=');
    if (equals > 0) return [pair.slice(0, equals), pair.slice(equals + 1)];
    throw new RegressionError('USAGE', `--meta: ${pair} is not key=value`, { hint: 'E.g. --meta userId=u-1' });
  });
}
