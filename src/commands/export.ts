/** `regression export`: rows as NDJSON or CSV, or the whole history into PostgreSQL, with proof that it is all there. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { lastIdOf } from '../client/row-lines.ts';
import { csvHeader, csvLine } from '../query/row-formats.ts';
import { RegressionError, messageOf } from '../runtime/errors.ts';
import type { LogRow } from '../search/request.ts';
import type { Command, Output, Surroundings } from './command.ts';
import { openEndpoint } from './endpoint.ts';
import { ProgressBar } from './progress-bar.ts';

interface Flags {
  readonly to?: string;
  readonly format: 'ndjson' | 'csv';
  readonly output?: string;
  readonly start?: string;
  readonly end?: string;
}

const charactersAtOnce = 3 * 1024 * 1024;

export const exportRows: Command<Flags> = {
  usage: 'export',
  summary: 'Rows as NDJSON or CSV, or the whole history into PostgreSQL',
  flags: {
    to: {
      type: 'string',
      describe:
        'postgres://user@host/database: into the four tables there, which are made; counts and checksums are compared',
      requiresArg: true,
    },
    format: {
      type: 'string',
      choices: ['ndjson', 'csv'],
      default: 'ndjson',
      describe: 'Of the rows',
      requiresArg: true,
    },
    output: { type: 'string', alias: 'o', describe: 'File to write; standard output without it', requiresArg: true },
    start: {
      type: 'string',
      describe: 'Earliest time: RFC 3339, a date, unix time, or back from now',
      requiresArg: true,
    },
    end: { type: 'string', describe: 'Latest time, exclusive', requiresArg: true },
  },
  examples: [
    ['regression export --start -24h > day.ndjson', 'the last day, in the order of arrival'],
    ['regression export --format csv --start 2026-11-01 --end 2026-12-01 -o november.csv', 'a month for a spreadsheet'],
    ['regression export --to postgres://me@db/logs', 'hot file and segments; again, it adds what is new'],
  ],
  async run({ to, format, output, start, end, ...flags }, surroundings) {
    if (to !== undefined) checkDestination(to);
    if (output !== undefined) await checkOutput(resolve(surroundings.cwd, output));
    const endpoint = await openEndpoint({ command: 'export' }, flags, surroundings);
    const { client } = endpoint;
    try {
      const { stats } = await client.logs({ limit: 1, order: 'arrival' }, surroundings.signal);
      // What comes while it runs is not part of it.
      const lines = linesUntil(stats.last_id, client.lines({ start, end, order: 'arrival' }, surroundings.signal));
      const bar = new ProgressBar(surroundings.stderr);
      const watched = withProgress(lines, stats.last_id, bar);
      if (to === undefined) await toFile(format === 'csv' ? csvOf(watched) : watched, output, surroundings);
      else {
        const { exportToPostgres } = await import('../sinks/postgres/export.ts');
        const range = { lastId: stats.last_id, ...(await timesOf({ start, end })) };
        const { origin } = await client.sinks(surroundings.signal);
        const accounts = { users: await client.users(), applications: await client.applications() };
        const proof = await exportToPostgres(to, origin, rowsOf(watched), range, accounts);
        bar.clear();
        surroundings.stdout.write(
          flags.json
            ? `${JSON.stringify(proof)}\n`
            : `${proof.logs.rows} rows and ${proof.metadata.rows} of metadata are in PostgreSQL; counts and checksums are equal (${proof.logs.checksum}, ${proof.metadata.checksum})\n`,
        );
      }
      bar.clear();
    } finally {
      await endpoint.close();
    }
  },
};

/** Where whole histories can go, by the scheme of the URL. */
const destinations: readonly string[] = ['postgres', 'postgresql'];

/** Without what may be a password. @throws RegressionError `USAGE`. */
function checkDestination(to: string): void {
  const scheme = URL.parse(to)?.protocol.slice(0, -1);
  if (scheme !== undefined && destinations.includes(scheme)) return;
  throw new RegressionError(
    'USAGE',
    scheme === undefined ? '--to: expected a URL' : `--to ${scheme}://...: nothing can be exported there`,
    {
      hint: `Known are ${destinations.map((known) => `${known}://user@host:5432/database`).join(' and ')}; elsewhere rows go as NDJSON or CSV, without --to.`,
    },
  );
}

/** @throws RegressionError `FILE_UNREADABLE`: better than when all has been written. */
async function checkOutput(path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found === null || found.isFile()) return;
  throw new RegressionError(
    'FILE_UNREADABLE',
    `cannot write ${path}: it is ${found.isDirectory() ? 'a directory' : 'no regular file'}`,
    {
      hint: 'Name a file, or leave --output out for standard output.',
    },
  );
}

/** @param pieces lines of rows in the order of their ids. */
async function* linesUntil(lastId: number, pieces: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const piece of pieces) {
    if (lastIdOf(piece) <= lastId) {
      yield piece;
      continue;
    }
    const wanted = piece.split(/(?<=\n)/).filter((line) => lastIdOf(line) <= lastId);
    if (wanted.length > 0) yield wanted.join('');
    return;
  }
}

async function* withProgress(pieces: AsyncIterable<string>, lastId: number, bar: ProgressBar): AsyncGenerator<string> {
  for await (const piece of pieces) {
    yield piece;
    const id = lastIdOf(piece);
    bar.draw(id / Math.max(lastId, 1), `row ${id.toLocaleString('en-US')} of ${lastId.toLocaleString('en-US')}`);
  }
}

/** Some thousands at once, by the length of their text. */
async function* rowsOf(pieces: AsyncIterable<string>): AsyncGenerator<readonly LogRow[]> {
  let rows: LogRow[] = [];
  let characters = 0;
  for await (const piece of pieces) {
    for (const line of piece.slice(0, -1).split('\n')) rows.push(JSON.parse(line) as LogRow);
    characters += piece.length;
    if (characters < charactersAtOnce) continue;
    yield rows;
    [rows, characters] = [[], 0];
  }
  if (rows.length > 0) yield rows;
}

async function* csvOf(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  yield csvHeader();
  for await (const rows of rowsOf(pieces)) yield rows.map((row) => csvLine(row)).join('');
}

/** As the endpoint reads them, so that PostgreSQL is asked for the very rows that were sent. */
async function timesOf({ start, end }: Pick<Flags, 'start' | 'end'>) {
  const { readTime } = await import('../search/time.ts');
  const nowMs = Date.now();
  for (const text of [start, end]) {
    if (text?.startsWith('-') === true || text === 'now') {
      throw new RegressionError('USAGE', `${text}: with --to, times are absolute`, {
        hint: 'What was sent is compared by the same times.',
      });
    }
  }
  return {
    start: start === undefined ? null : readTime(start, 'start', nowMs),
    end: end === undefined ? null : readTime(end, 'end', nowMs),
  };
}

/** A file has its name once it is whole. */
async function toFile(
  pieces: AsyncIterable<string>,
  output: string | undefined,
  { stdout, cwd }: Surroundings,
): Promise<void> {
  const path = output === undefined ? null : resolve(cwd, output);
  const unfinished = `${path}.unfinished`;
  const target: Output = path === null ? stdout : createWriteStream(unfinished, { mode: 0o600 });
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  target.once('error', (error) => {
    failure.reject(new RegressionError('FILE_UNREADABLE', `cannot write ${path ?? 'the output'}: ${messageOf(error)}`));
  });
  try {
    for await (const piece of pieces) {
      if (!target.write(piece)) await Promise.race([once(target, 'drain'), failure.promise]);
    }
    if (path === null) return;
    target.end();
    await Promise.race([once(target, 'finish'), failure.promise]);
    await rename(unfinished, path);
  } catch (error) {
    if (path !== null) await rm(unfinished, { force: true }).catch(() => undefined); // what failed first is told
    throw error;
  }
}
