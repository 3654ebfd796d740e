/**
 * The ground that the benches of the query endpoint stand on: a data directory with many rows in sealed segments and a hot file, and a
 * daemon on it that takes more rows meanwhile.
 *
 * The directory is imported once; with `--data DIR` it is kept there for the next run. Each run works on a copy: hard links of what is
 * sealed, which never changes. The rows span 30 hours, and those that come in go on from there: a day's window cuts a segment.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, link, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Agent, request } from 'undici';
import type { FeedOptions } from './feed.ts';
import { measureCommand } from './measure.ts';
import { atTime, chunksOf } from './workload.ts';

export const groundFlags = {
  rows: { type: 'string', default: '1000000' },
  'per-second': { type: 'string', default: '5000' },
  data: { type: 'string' },
} as const;

export interface GroundOptions {
  readonly rows: number;
  /** Rows that come in a second; 0 for none. */
  readonly perSecond: number;
  /** Where the imported directory is kept, or is already; else it is made for this run. */
  readonly kept: string | undefined;
  /** More lines for `server:` of the configuration. */
  readonly server?: Readonly<Record<string, unknown>>;
  /** Flags of node for the daemon: a profiler. */
  readonly nodeFlags?: readonly string[];
}

export interface Ground {
  readonly url: string;
  readonly token: string;
  /** Of the daemon. */
  readonly pid: number;
  readonly dataDir: string;
  /** The directory that it is a copy of; nobody has it open. */
  readonly prepared: string;
  /** Time of the newest row, about. */
  nowMs(): number;
  /** Lines appended to the followed file so far. */
  writtenLines(): number;
  /** @throws Error for any answer but 2xx. */
  ask(path: string, more?: { readonly method?: 'GET' | 'POST' | 'PUT'; readonly json?: unknown }): Promise<string>;
  /** Ends feed and daemon, and waits for both. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const program = join(import.meta.dirname, '../bin/regression.js');
const firstMs = Date.UTC(2026, 0, 1);
const spanMs = 30 * 3_600_000;
/** Of the rows; the rest is in the hot file. */
export const sealedShare = 0.85;

export async function openGround(options: GroundOptions): Promise<Ground> {
  const { kept, rows, perSecond } = options;
  await using made = new AsyncDisposableStack();
  const directory = await mkdtemp(join(kept === undefined ? tmpdir() : dirname(kept), 'regression-bench-'));
  made.defer(() => rm(directory, { recursive: true, force: true }));
  const prepared = kept ?? join(directory, 'prepared');
  if (!existsSync(prepared)) await prepare(prepared, rows);
  const dataDir = join(directory, 'data');
  await copyOf(prepared, dataDir);

  const live = join(directory, 'live.log');
  const written = new Int32Array(new SharedArrayBuffer(4));
  await writeFile(live, '');
  const daemon = await startDaemon(directory, { dataDir, live, ...options });
  made.defer(() => ended(daemon.process));
  const startMs = firstMs + spanMs;
  const startedAtMs = performance.now();
  if (perSecond > 0) {
    const workerData: FeedOptions = { path: live, perSecond, startMs, written };
    const feed = new Worker(join(import.meta.dirname, 'feed.ts'), { workerData });
    made.defer(async () => void (await feed.terminate()));
  }
  const token = (await readFile(join(dataDir, 'admin.token'), 'utf8')).trim();
  const agent = new Agent({ headersTimeout: 120_000, bodyTimeout: 120_000 });
  made.defer(() => agent.destroy());
  const opened = made.move();
  return {
    url: daemon.url,
    token,
    pid: daemon.process.pid ?? 0,
    dataDir,
    prepared,
    nowMs: () => startMs + performance.now() - startedAtMs,
    writtenLines: () => written[0] ?? 0,
    async ask(path, { method = 'GET', json } = {}) {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const body = json === undefined ? undefined : JSON.stringify(json);
      const answer = await request(`${daemon.url}${path}`, { method, headers, body: body ?? null, dispatcher: agent });
      const text = await answer.body.text();
      if (answer.statusCode >= 300) throw new Error(`${path}: ${answer.statusCode} ${text.slice(0, 200)}`);
      return text;
    },
    stop: () => opened.disposeAsync(),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Imports into a directory that gets its name when it is complete. */
async function prepare(path: string, rows: number): Promise<void> {
  const unfinished = `${path}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  const sealed = Math.round(rows * sealedShare);
  const files = { sealed: join(unfinished, 'sealed.json'), hot: join(unfinished, 'hot.json') };
  const lines: string[] = [];
  for (const chunk of chunksOf('w1', rows)) {
    for (const line of chunk.trimEnd().split('\n')) {
      lines.push(`${atTime(line, firstMs + Math.floor((lines.length / rows) * spanMs))}\n`);
    }
  }
  await writeFile(files.sealed, lines.slice(0, sealed).join(''));
  await writeFile(files.hot, lines.slice(sealed).join(''));
  const data = join(unfinished, 'data');
  const run = (...args: string[]) => measureCommand(process.execPath, args);
  await run(program, 'import', files.sealed, '--data-dir', data);
  await run(join(import.meta.dirname, 'references/seal-all.ts'), data);
  await run(program, 'import', files.hot, '--data-dir', data);
  await rename(data, path);
  await rm(unfinished, { recursive: true });
}

async function copyOf(prepared: string, dataDir: string): Promise<void> {
  await cp(prepared, dataDir, { recursive: true, filter: (path) => !/\/segments\/|\.sock$/.test(path) });
  await mkdir(join(dataDir, 'segments'), { recursive: true });
  for (const name of await readdir(join(prepared, 'segments'))) {
    await link(join(prepared, 'segments', name), join(dataDir, 'segments', name));
  }
}

interface DaemonOptions extends GroundOptions {
  readonly dataDir: string;
  readonly live: string;
}

async function startDaemon(directory: string, { dataDir, live, server, nodeFlags = [] }: DaemonOptions) {
  const config = join(directory, 'regression.yaml');
  await writeFile(
    config,
    JSON.stringify({
      data_dir: dataDir,
      inputs: [{ type: 'file', include: [live], format: 'json', from: 'beginning' }],
      server: { listen: '127.0.0.1:0', requests_per_second: 1_000_000, query_timeout: '60s', ...server },
    }),
  );
  const child = spawn(process.execPath, [...nodeFlags, program, 'run', '--json', '--config', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: directory,
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { process: child, url: (JSON.parse(line.toString()) as { server: string }).server };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}
