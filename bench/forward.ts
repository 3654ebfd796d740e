/**
 * Forwarding into real servers while the daemon ingests: records/s from the first line read to the last row upstream, CPU seconds a million
 * records, peak memory; rsyslog's ompgsql into the same PostgreSQL beside it; a backlog drained; and how long a line takes to arrive.
 *
 * `node bench/forward.ts [--rows 100000] [--rounds 3] [--backlog 1000000]`. Needs `npm run build`; what is not installed is left out.
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
import { find, rsyslogModules } from '../test/clients/programs.ts';
import type { DaemonSummary } from '../src/daemon.ts';
import { clientOf } from '../test/daemon-process.ts';
import { startClickhouse } from '../test/servers/clickhouse.ts';
import { needsPostgres, startPostgres } from '../test/servers/postgres.ts';
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
import { writeWorkload } from './workload.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
    backlog: { type: 'string', default: '1000000' },
    lines: { type: 'string', default: '200' },
  },
});
const rows = Number(values.rows);
const program = join(import.meta.dirname, '../bin/regression.js');
const machine = machineText();
const teardowns: (() => unknown)[] = [];
const owner = { teardown: (work: () => unknown) => void teardowns.push(work) } as Parameters<typeof startPostgres>[0];

interface Run {
  readonly seconds: number;
  readonly usage: Usage;
}

/** ompgsql sends one statement a line: a trigger makes of it the rows that ours are. */
const incoming = `
  DROP TABLE IF EXISTS incoming; DROP SEQUENCE IF EXISTS log_ids;
  CREATE SEQUENCE log_ids;
  CREATE TABLE incoming (time timestamptz, level int, name text, message text, line jsonb);
  CREATE OR REPLACE FUNCTION take() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE log bigint := nextval('log_ids'); application bigint;
  BEGIN
    SELECT id INTO application FROM applications WHERE applications.name = NEW.name AND version IS NULL;
    IF application IS NULL THEN
      INSERT INTO applications (name, created_at) VALUES (NEW.name, now()) RETURNING id INTO application;
    END IF;
    INSERT INTO logs VALUES (log, NEW.time, (ARRAY['TRACE','DEBUG','INFO','WARN','ERROR','FATAL'])[NEW.level / 10], application, 'w1', NEW.message);
    INSERT INTO logs_metadata SELECT log * 1024 + row_number() OVER (), log, key, value, NULL
      FROM jsonb_each_text(NEW.line - '{time,level,name,msg}'::text[]);
    RETURN NULL;
  END $$;
  CREATE TRIGGER take BEFORE INSERT ON incoming FOR EACH ROW EXECUTE FUNCTION take();`;

const directory = await mkdtemp(join(tmpdir(), 'regression-bench-'));
try {
  const inputPath = join(directory, 'w1.log');
  await writeWorkload('w1', rows, inputPath);
  const contenders: Record<string, () => Promise<Run>> = {};
  if (needsPostgres().skip === false) {
    const postgres = await startPostgres(owner);
    const count = async (table: string): Promise<number> =>
      (await postgres.query<{ rows: number }>(`SELECT count(*)::int AS rows FROM ${table}`))[0]?.rows ?? 0;
    contenders['regression, postgres: logs and logs_metadata'] = async () => {
      await postgres.query('DROP TABLE IF EXISTS logs, logs_metadata, origins');
      const sink = `{ type: postgres, url: '${postgres.url}', create_tables: true }`;
      return regression(inputPath, sink, () => count('logs').catch(() => 0));
    };
    if (rsyslogModules() !== '' && (await hasModule('ompgsql'))) {
      contenders['rsyslog mmjsonparse, ompgsql: the same tables, rows and indexes'] = async () => {
        await postgres.query('DROP TABLE IF EXISTS logs, logs_metadata, origins');
        await postgres.query(
          await readFile(join(import.meta.dirname, '../migrations/postgres/0001-tables.sql'), 'utf8'),
        );
        await postgres.query(incoming);
        return rsyslog(inputPath, new URL(postgres.url), () => count('logs'));
      };
    }
  }
  if (find('clickhouse-server') !== null) {
    const clickhouse = await startClickhouse(owner);
    contenders['regression, clickhouse'] = async () => {
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
  console.log(`${rows} lines of w1, ${values.rounds} rounds; ${machine}\n`);
  console.log(
    tableText(['program and upstream', 'records/s', 'CPU s a million', 'peak MB', 'first / its records/s'], table),
  );
  if (Number(values.backlog) > 0) console.log(await backlogText(Number(values.backlog)));
  console.log(await latencyText(Number(values.lines)));
} finally {
  for (const work of teardowns.toReversed()) await work();
  await rm(directory, { recursive: true, force: true });
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

async function hasModule(name: string): Promise<boolean> {
  return readFile(join(rsyslogModules(), `${name}.so`)).then(
    () => true,
    () => false,
  );
}

/** imfile, mmjsonparse and ompgsql, batched as its documentation advises. */
async function rsyslog(inputPath: string, { port, username }: URL, upstreamRows: () => Promise<number>): Promise<Run> {
  const home = await mkdtemp(join(directory, 'rsyslog-'));
  const config = join(home, 'rsyslog.conf');
  const modules = rsyslogModules();
  await writeFile(
    config,
    `global(workDirectory="${home}" maxMessageSize="64k")
module(load="${modules}/imfile" mode="inotify")
module(load="${modules}/mmjsonparse")
module(load="${modules}/ompgsql")
template(name="insert" type="list" option.stdsql="on") {
  constant(value="INSERT INTO incoming VALUES ('") property(name="$!time")
  constant(value="', ") property(name="$!level")
  constant(value=", '") property(name="$!name")
  constant(value="', '") property(name="$!msg")
  constant(value="', '") property(name="$!all-json") constant(value="')")
}
input(type="imfile" file="${inputPath}" tag="w1" ruleset="forward")
ruleset(name="forward") {
  action(type="mmjsonparse" cookie="")
  action(type="ompgsql" server="127.0.0.1" port="${port}" user="${username}" pass="" db="postgres" template="insert"
    queue.type="LinkedList" queue.size="200000" queue.dequeueBatchSize="5000" queue.workerThreads="1" action.resumeRetryCount="-1")
}
`,
  );
  const startedAtMs = performance.now();
  const child = spawn(find('rsyslogd') ?? 'rsyslogd', ['-n', '-f', config, '-i', join(home, 'pid')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, RSYSLOG_MODDIR: modules },
  });
  try {
    while ((await upstreamRows()) < rows) {
      if (child.exitCode !== null) throw new Error(`rsyslogd ended with ${child.exitCode}`);
      await delay(20);
    }
    const usage = usageOf(child.pid ?? 0);
    if (usage === null) throw new Error('rsyslogd has ended');
    return { seconds: (performance.now() - startedAtMs) / 1000, usage };
  } finally {
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    await ended;
  }
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
