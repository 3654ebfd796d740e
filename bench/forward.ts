/**
 * Forwarding into real servers while the daemon ingests: records/s from the first line read to the last row upstream, CPU seconds a million
 * records, peak memory; rsyslog's ompgsql into the same PostgreSQL beside it; a backlog drained; and how long a line takes to arrive.
 *
 * `node bench/forward.ts [--rows 100000] [--rounds 3] [--backlog 1000000] [--lines 200] [--only REGEX]`; 0 leaves a part out, and so does a REGEX
 * that is found neither in `backlog` or `latency` nor in a row's name. Needs `npm run build`; what is not installed is left out.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import pg from 'pg';
import { find, rsyslogModules } from '../test/clients/programs.ts';
import type { DaemonSummary } from '../src/daemon.ts';
import { clientOf } from '../test/daemon-process.ts';
import { startClickhouse } from '../test/servers/clickhouse.ts';
import { type PostgresServer, needsPostgres, startPostgres } from '../test/servers/postgres.ts';
import {
  type Usage,
  interleaved,
  machineText,
  percentile,
  spreadOf,
  spreadText,
  tableText,
  usageOf,
} from './measure.ts';
import { hasModule, incoming, rsyslog } from './rsyslog-postgres.ts';
import { writeWorkload } from './workload.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
    backlog: { type: 'string', default: '1000000' },
    lines: { type: 'string', default: '200' },
    only: { type: 'string', default: '' },
  },
});
const rows = Number(values.rows);
const isWanted = (part: string): boolean => new RegExp(values.only).test(part);
const program = join(import.meta.dirname, '../bin/regression.js');
const machine = machineText();
const teardowns: (() => unknown)[] = [];
const owner = { teardown: (work: () => unknown) => void teardowns.push(work) } as Parameters<typeof startPostgres>[0];

interface Run {
  readonly seconds: number;
  readonly usage: Usage;
}

const directory = await mkdtemp(join(tmpdir(), 'regression-bench-'));
try {
  const inputPath = join(directory, 'w1.log');
  const contenders: Record<string, () => Promise<Run>> = {};
  if (needsPostgres().skip === false) {
    const servers = lazily(startPostgresWatched);
    contenders['regression, postgres: logs and logs_metadata'] = async () => {
      const { postgres, newest } = await servers();
      await postgres.query('DROP TABLE IF EXISTS logs, logs_metadata, origins');
      const sink = `{ type: postgres, url: '${postgres.url}', create_tables: true }`;
      return regression(inputPath, sink, () => newest().catch(() => 0));
    };
    contenders['COPY of the same rows in the server, postgres: its ceiling'] = async () =>
      ceiling((await servers()).postgres);
    if (rsyslogModules() !== '' && (await hasModule('ompgsql'))) {
      contenders['rsyslog mmjsonparse, ompgsql: the same tables, rows and indexes'] = async () => {
        const { postgres, newest } = await servers();
        await postgres.query('DROP TABLE IF EXISTS logs, logs_metadata, origins');
        await postgres.query(
          await readFile(join(import.meta.dirname, '../migrations/postgres/0001-tables.sql'), 'utf8'),
        );
        await postgres.query(incoming);
        const home = await mkdtemp(join(directory, 'rsyslog-'));
        return rsyslog({ home, inputPath, rows, url: new URL(postgres.url), upstreamRows: newest });
      };
    }
  }
  if (find('clickhouse-server') !== null) {
    const server = lazily(() => startClickhouse(owner));
    contenders['regression, clickhouse'] = async () => {
      const clickhouse = await server();
      await clickhouse.query('DROP TABLE IF EXISTS logs_metadata');
      await clickhouse.query('DROP TABLE IF EXISTS logs');
      const sink = `{ type: clickhouse, url: '${clickhouse.url}', create_tables: true }`;
      return regression(inputPath, sink, async () =>
        Number(await clickhouse.query('SELECT count() FROM logs').catch(() => 0)),
      );
    };
  }
  contenders['regression, http'] = async () => {
    const receiver = await ndjsonReceiver();
    return regression(inputPath, `{ type: http, url: '${receiver.url}' }`, async () => receiver.rows()).finally(
      receiver.close,
    );
  };
  const chosen = Object.entries(contenders).filter(([name]) => isWanted(name));
  if (chosen.length > 0) console.log(await contendersText(Object.fromEntries(chosen), inputPath));
  if (isWanted('backlog') && Number(values.backlog) > 0) console.log(await backlogText(Number(values.backlog)));
  if (isWanted('latency') && Number(values.lines) > 0) console.log(await latencyText(Number(values.lines)));
} finally {
  for (const work of teardowns.toReversed()) await work();
  await rm(directory, { recursive: true, force: true });
}

/** Made when it is first asked for: what is left out starts no server. */
function lazily<Made>(make: () => Promise<Made>): () => Promise<Made> {
  let made: Promise<Made> | undefined;
  return () => (made ??= make());
}

async function startPostgresWatched() {
  const postgres = await startPostgres(owner);
  // One connection, and rows are counted when the newest is there: either contender's ids begin with 1 and rise. A connection and a
  // count fifty times a second took half a core from whom was measured.
  const watcher = new pg.Client({ connectionString: postgres.url });
  await watcher.connect();
  teardowns.push(() => watcher.end());
  const newest = async (): Promise<number> => {
    const ask = async (what: string) => (await watcher.query<{ n: number }>(`SELECT ${what}::int AS n FROM logs`)).rows;
    const [found] = await ask('coalesce(max(id), 0)');
    const isThere = found !== undefined && found.n >= rows;
    return (isThere ? await ask('count(*)') : [found])[0]?.n ?? 0;
  };
  return { postgres, newest };
}

async function contendersText(contenders: Record<string, () => Promise<Run>>, inputPath: string): Promise<string> {
  await writeWorkload('w1', rows, inputPath);
  const found = await interleaved(Number(values.rounds), contenders);
  const [base] = Object.values(found);
  const rateOf = (runs: readonly Run[]) => spreadOf(runs.map(({ seconds }) => rows / seconds));
  const table = Object.entries(found).map(([name, runs]) => [
    name,
    spreadText(rateOf(runs)),
    spreadText(spreadOf(runs.map(({ usage }) => (usage.cpuSeconds / rows) * 1e6)), 1),
    spreadText(spreadOf(runs.map(({ usage }) => usage.peakBytes / 1e6))),
    (rateOf(base ?? []).median / rateOf(runs).median).toFixed(2),
  ]);
  const head = ['program and upstream', 'records/s', 'CPU s a million', 'peak MB', 'first / its records/s'];
  return `${rows} lines of w1, ${values.rounds} rounds; ${machine}\n\n${tableText(head, table)}`;
}

/** Rows that are there already, into the same tables and indexes: what the server itself takes. Its CPU is not counted, as elsewhere. */
async function ceiling({ query }: PostgresServer): Promise<Run> {
  const [setting] = await query<{ data_directory: string }>('SHOW data_directory');
  const tables = ['logs', 'logs_metadata'].map((name) => ({ name, path: `${setting?.data_directory}/${name}.copy` }));
  for (const { name, path } of tables) await query(`COPY (SELECT * FROM ${name} ORDER BY id) TO '${path}'`);
  await query('TRUNCATE logs, logs_metadata');
  const startedAtMs = performance.now();
  for (const { name, path } of tables) await query(`COPY ${name} FROM '${path}'`);
  return {
    seconds: (performance.now() - startedAtMs) / 1000,
    usage: { cpuSeconds: 0, residentBytes: 0, peakBytes: 0 },
  };
}

/** A daemon on an empty data directory, until all rows are upstream. */
async function regression(inputPath: string, sink: string, upstreamRows: () => Promise<number>): Promise<Run> {
  const home = await mkdtemp(join(directory, 'daemon-'));
  const daemon = await startDaemon(home, `[{ type: file, include: ['${inputPath}'], format: json }]`, sink);
  try {
    while ((await upstreamRows()) < rows) await delay(20);
    const usage = usageOf(daemon.pid);
    if (usage === null) throw new Error('the daemon has ended');
    return { seconds: (performance.now() - daemon.startedAtMs) / 1000, usage };
  } finally {
    await daemon.stop();
    await rm(home, { recursive: true, force: true });
  }
}

async function startDaemon(home: string, inputs: string, sink: string) {
  const config = join(home, 'regression.yaml');
  const sinks = sink === '' ? '' : `sinks: [${sink}]\n`;
  await writeFile(config, `data_dir: ${home}/data\ninputs: ${inputs}\nserver: { listen: '127.0.0.1:0' }\n${sinks}`);
  const startedAtMs = performance.now();
  const child = spawn(process.execPath, [program, 'run', '--json', '--config', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    summary: JSON.parse(line.toString('utf8')) as DaemonSummary,
    startMs: performance.now() - startedAtMs,
    pid: child.pid ?? 0,
    startedAtMs,
    async stop() {
      const ended = once(child, 'close');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function ndjsonReceiver(onLines: (text: string) => void = () => undefined) {
  let received = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString('utf8');
      onLines(text);
      received += text.split('\n').length - 1;
      response.end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    rows: () => received,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Rows that were stored before the sink was there. */
async function backlogText(count: number): Promise<string> {
  const home = await mkdtemp(join(directory, 'backlog-'));
  const inputPath = join(home, 'w1.log');
  await writeWorkload('w1', count, inputPath);
  const importing = spawn(process.execPath, [program, 'import', '--data-dir', join(home, 'data'), inputPath], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await once(importing, 'close');
  await sealAll(home);
  const receiver = await ndjsonReceiver();
  const daemon = await startDaemon(home, '[]', `{ type: http, url: '${receiver.url}' }`);
  try {
    while (receiver.rows() < count) await delay(20);
    const seconds = (performance.now() - daemon.startedAtMs) / 1000;
    const usage = usageOf(daemon.pid);
    const peak = Math.round((usage?.peakBytes ?? 0) / 1e6);
    const started = `started in ${(daemon.startMs / 1000).toFixed(1)} s`;
    return `backlog of ${count} records over HTTP: ${started}, drained in ${seconds.toFixed(1)} s, ${Math.round(count / seconds)} records/s, ${usage?.cpuSeconds.toFixed(1)} CPU s, peak ${peak} MB\n`;
  } finally {
    await daemon.stop();
    receiver.close();
  }
}

/** What an import closed last is sealed by the next daemon; a backlog that grew while a daemon ran is sealed already. */
async function sealAll(home: string): Promise<void> {
  const daemon = await startDaemon(home, '[]', '');
  const client = await clientOf(daemon.summary);
  while ((await client.store()).unsealed_segments > 0) await delay(200);
  await client.close();
  await daemon.stop();
}

/** One line at a time; an HTTP receiver in this process notes when it comes. */
async function latencyText(count: number): Promise<string> {
  const home = await mkdtemp(join(directory, 'latency-'));
  const path = join(home, 'app.log');
  await writeFile(path, '');
  const arrivals: number[] = [];
  let wake: () => void = () => undefined;
  const receiver = await ndjsonReceiver((text) => {
    const nowMs = performance.now();
    for (const line of text.split('\n').slice(0, -1)) if (line.includes('latency line')) arrivals.push(nowMs);
    wake();
  });
  const inputs = `[{ type: file, include: ['${path}'], format: plain, multiline: { mode: off } }]`;
  const daemon = await startDaemon(home, inputs, `{ type: http, url: '${receiver.url}' }`);
  try {
    await delay(2000);
    const latencies: number[] = [];
    for (let index = 0; index < count; index++) {
      const startedAtMs = performance.now();
      await appendFile(path, `latency line ${index}\n`);
      while (arrivals.length <= index) await new Promise<void>((resolve) => (wake = resolve));
      latencies.push((arrivals[index] ?? 0) - startedAtMs);
      await delay(20);
    }
    const sorted = latencies.toSorted((a, b) => a - b);
    const text = (share: number): string => percentile(sorted, share).toFixed(1);
    return `append to arrival upstream, ${count} lines one at a time: p50 ${text(0.5)} ms, p99 ${text(0.99)} ms\n`;
  } finally {
    await daemon.stop();
    receiver.close();
  }
}
