/**
 * The query endpoint on many rows while more come in: p50 and p99 of each route, what asking costs the ingest, NDJSON export against the
 * native sqlite3 shell, and requests a second of a small query.
 *
 * `node bench/query.ts [--rows 1000000] [--per-second 5000] [--requests 60]`; needs `npm run build` and, for the export, sqlite3.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { machineText, measureCommand, percentile, tableText, usageOf } from './measure.ts';
import { chunksOf, writeWorkload } from './workload.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    'per-second': { type: 'string', default: '5000' },
    requests: { type: 'string', default: '60' },
  },
});
const rowCount = Number(values.rows);
const perSecond = Number(values['per-second']);
const requests = Number(values.requests);
const directory = await mkdtemp(join(tmpdir(), 'regression-bench-'));
const machine = machineText();
const program = join(import.meta.dirname, '../bin/regression.js');
const dataDir = join(directory, 'data');
const live = join(directory, 'live.log');

/** Lines of the workload for ever, `count` at a time. */
function* liveLines(): Generator<string> {
  for (;;) for (const chunk of chunksOf('w1', 100_000)) yield* chunk.split('\n').filter((line) => line !== '');
}
const lines = liveLines();
const takeLines = (count: number): string => Array.from({ length: count }, () => `${lines.next().value}\n`).join('');

await writeFile(live, '');
const input = join(directory, 'w1.json');
await writeWorkload('w1', rowCount, input);
await measureCommand(process.execPath, [program, 'import', input, '--data-dir', dataDir]);
const config = join(directory, 'regression.yaml');
await writeFile(
  config,
  `data_dir: ${dataDir}\ninputs: [{ type: file, include: ['${live}'], format: json, from: beginning }]\nserver: { listen: '127.0.0.1:0', requests_per_second: 100000, query_timeout: 60s }\n`,
);
const daemon = spawn(process.execPath, [program, 'run', '--json', '--config', config], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  const { server } = JSON.parse(String((await once(daemon.stdout, 'data'))[0])) as { server: string };
  const token = (await readFile(join(dataDir, 'admin.token'), 'utf8')).trim();
  const ask = async (path: string, init: RequestInit = {}): Promise<string> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await fetch(`${server}${path}`, { headers, ...init });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text.slice(0, 200)}`);
    return text;
  };
  const lastId = async (): Promise<number> =>
    (JSON.parse(await ask('/api/v1/logs?limit=1&order=desc')) as { stats: { last_id: number } }).stats.last_id;
  const newest = JSON.parse(await ask('/api/v1/logs?limit=1')) as { rows: { timestamp: string; id: number }[] };
  const end = newest.rows[0]?.timestamp ?? '';
  const start = new Date(Date.parse(end) - 86_400_000).toISOString();
  const day = `start=${start}&end=${end}`;

  /** Appends `perSecond` lines a second until it is stopped. */
  const feeding = { isOn: true };
  const feeder = (async () => {
    let dueMs = performance.now();
    while (feeding.isOn) {
      await appendFile(live, takeLines(perSecond / 10));
      dueMs += 100;
      await delay(Math.max(dueMs - performance.now(), 0));
    }
  })();

  const ingestRate = async (seconds: number, work: () => Promise<void>): Promise<number> => {
    await delay(1000);
    const [from, at] = [await lastId(), performance.now()];
    const until = at + seconds * 1000;
    do await work();
    while (performance.now() < until);
    await delay(500);
    return ((await lastId()) - from) / ((performance.now() - at) / 1000);
  };

  const routes: Readonly<Record<string, (round: number) => string>> = {
    'logs, newest 100 of a day': (round) => `/api/v1/logs?${day}&limit=${100 + round}`,
    'logs, severity:>=error': (round) => `/api/v1/logs?${day}&q=severity:>=error&limit=${100 + round}`,
    'logs, a word in the message': (round) => `/api/v1/logs?${day}&q=timeout&limit=${10 + round}`,
    'logs, one metadata value': (round) => `/api/v1/logs?${day}&q=user_id:${1000 + round}`,
    'logs, regular expression': (round) => `/api/v1/logs?${day}&q=/conn.*(reset|refused)/&limit=${10 + round}`,
    'logs/{id}': (round) => `/api/v1/logs/${1 + round * 7}`,
    'logs/{id}/context': (round) => `/api/v1/logs/${1000 + round * 7}/context`,
    'hits, a day by hours': (round) => `/api/v1/hits?${day}&step=1h&after_id=${round}`,
    'facets, 20,000 rows': (round) => `/api/v1/facets?${day}&max_rows=20000&limit=${5 + round}`,
    'field_values of one key': (round) =>
      `/api/v1/field_values?${day}&field=severity&max_rows=100000&limit=${5 + round}`,
  };
  const table: string[][] = [];
  const quiet = await ingestRate(5, () => delay(200));
  for (const [name, pathOf] of Object.entries(routes)) {
    const times: number[] = [];
    for (let round = 0; round < requests; round++) {
      const at = performance.now();
      await ask(pathOf(round));
      times.push(performance.now() - at);
    }
    times.sort((a, b) => a - b);
    table.push([name, percentile(times, 0.5).toFixed(1), percentile(times, 0.99).toFixed(1)]);
  }
  let asked = 0;
  const busy = await ingestRate(10, async () => void (await ask(`/api/v1/logs?${day}&limit=${100 + (asked++ % 400)}`)));
  const flood = await ingestRate(10, async () => {
    const paths = Array.from({ length: 1000 }, (_, index) => `/api/v1/logs?${day}&q=/x${index}y/&limit=100`);
    await Promise.all(paths.map((path) => ask(path, { signal: AbortSignal.timeout(5000) }).catch(() => '')));
  });
  feeding.isOn = false;
  await feeder;
  await delay(1500);

  const before = usageOf(daemon.pid ?? 0);
  const smallAt = performance.now();
  const smallCount = 2000;
  const inFlight = Array.from({ length: 8 }, async (_, lane) => {
    for (let index = 0; index < smallCount / 8; index++)
      await ask(`/api/v1/logs?limit=${1 + ((index * 8 + lane) % 50)}`);
  });
  await Promise.all(inFlight);
  const smallSeconds = (performance.now() - smallAt) / 1000;
  const after = usageOf(daemon.pid ?? 0);

  const exported = Math.min(rowCount, 100_000);
  const exportAt = performance.now();
  let afterId = 0;
  let exportedRows = 0;
  while (exportedRows < exported) {
    const text = await ask(`/api/v1/logs?order=arrival&format=ndjson&limit=10000&after_id=${afterId}`);
    const lastLine = text.lastIndexOf('\n{"id":');
    afterId = Number(/^\n\{"id":(\d+)/.exec(text.slice(lastLine))?.[1]);
    exportedRows += 10_000;
  }
  const exportRate = exportedRows / ((performance.now() - exportAt) / 1000);
  daemon.kill('SIGTERM');
  await once(daemon, 'exit');
  const shellRate = await shellExport(exported);

  console.log(
    `${rowCount.toLocaleString('en-US')} rows, ${perSecond} a second coming in, ${requests} requests a route; ${machine}\n`,
  );
  console.log(tableText(['route', 'p50 ms', 'p99 ms'], table));
  console.log(
    `ingest: ${quiet.toFixed(0)}/s while nobody asks, ${busy.toFixed(0)}/s while one asks all the time, ${flood.toFixed(0)}/s under a thousand requests at once (F71)`,
  );
  console.log(
    `small query (limit 1 to 50), 8 at once: ${(smallCount / smallSeconds).toFixed(0)} requests/s, ${((((after?.cpuSeconds ?? 0) - (before?.cpuSeconds ?? 0)) / smallCount) * 1e6).toFixed(0)} us CPU each`,
  );
  console.log(
    `NDJSON export with metadata: ${exportRate.toFixed(0)} logs/s through HTTP, sqlite3 -json ${shellRate === null ? 'not installed' : `${shellRate.toFixed(0)} logs/s, ratio ${(exportRate / shellRate).toFixed(2)}`}`,
  );
} finally {
  daemon.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
}

/** The same rows by the native shell; null when it is not installed. */
async function shellExport(count: number): Promise<number | null> {
  if (spawnSync('sqlite3', ['--version']).status !== 0) return null;
  const statement = `SELECT log.id, log.timestamp, log.severity, a.name AS application, a.version, a.environment, log.source, log.message,
    (SELECT json_group_object(metadata_type, metadata_value) FROM logs_metadata WHERE id BETWEEN log.id * 1024 AND log.id * 1024 + 1023) AS metadata
    FROM logs log JOIN applications a ON a.id = log.application_id ORDER BY log.id LIMIT ${count}`;
  const { wallSeconds } = await measureCommand('sqlite3', ['-json', join(dataDir, 'regression.db'), statement]);
  return count / wallSeconds;
}
