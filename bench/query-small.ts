/**
 * Requests a second of small questions, by autocannon, and where the daemon's time goes: `node bench/query-small.ts [--rows 1000000]
 * [--seconds 8] [--connections 8] [--profile] [--data DIR]`; needs `npm run build` and `npm --prefix bench ci`. No rows come in.
 *
 * With `--profile` the daemon runs under V8's sampling profiler, which slows it: only the shares are shown then.
 */
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machineText, tableText, usageOf } from './measure.ts';
import { type Ground, groundFlags, openGround } from './query-ground.ts';
import { sharesOf } from './profile-shares.ts';

const { values } = parseArgs({
  options: {
    rows: groundFlags.rows,
    data: groundFlags.data,
    seconds: { type: 'string', default: '8' },
    connections: { type: 'string', default: '8' },
    profile: { type: 'boolean', default: false },
  },
});
interface Result {
  readonly requests: { readonly average: number; readonly total: number };
  /** Milliseconds. */
  readonly latency: { readonly p50: number; readonly p99: number };
  readonly non2xx: number;
  readonly errors: number;
}

const { default: autocannon } = (await import(
  new URL('node_modules/autocannon/autocannon.js', import.meta.url).href
)) as { default: (options: object) => Promise<Result> };
const machine = machineText();
const rows = Number(values.rows);

/** Each asks one path after the other, over and over. */
const questions: Readonly<Record<string, readonly string[]>> = {
  '/health/live: nothing but HTTP': ['/health/live'],
  'the same page of 10 rows: from the cache': ['/api/v1/logs?limit=10'],
  'one row by its id, each another': paths(5000, (index) => `/api/v1/logs/${1 + ((index * 7919) % rows)}`),
  '10 rows by arrival, each other ones': paths(
    5000,
    (index) => `/api/v1/logs?order=arrival&limit=10&after_id=${(index * 7919) % rows}`,
  ),
  'newest 10 errors of an application before a time, each another': paths(5000, (index) => {
    const end = new Date(Date.UTC(2026, 0, 1, 6) + index * 17_000).toISOString();
    return `/api/v1/logs?limit=10&severity=ERROR&application=billing&end=${end}`;
  }),
};

function paths(count: number, pathOf: (index: number) => string): string[] {
  return Array.from({ length: count }, (_, index) => pathOf(index));
}

async function measure(ground: Ground, name: string, asked: readonly string[]): Promise<string[]> {
  const cpuBefore = usageOf(ground.pid)?.cpuSeconds ?? Number.NaN;
  const result = await autocannon({
    url: ground.url,
    connections: Number(values.connections),
    duration: Number(values.seconds),
    headers: { authorization: `Bearer ${ground.token}` },
    requests: asked.map((path) => ({ path })),
  });
  const cpu = (usageOf(ground.pid)?.cpuSeconds ?? Number.NaN) - cpuBefore;
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${name}: ${result.non2xx} refused, ${result.errors} failed`);
  const { average } = result.requests;
  const micros = (cpu / result.requests.total) * 1e6;
  return [name, average.toFixed(0), micros.toFixed(0), String(result.latency.p50), String(result.latency.p99)];
}

await using stack = new AsyncDisposableStack();
const profiles = values.profile ? await mkdtemp(join(tmpdir(), 'regression-profile-')) : null;
if (profiles !== null) stack.defer(() => rm(profiles, { recursive: true }));
const ground = stack.use(
  await openGround({
    rows,
    perSecond: 0,
    kept: values.data,
    nodeFlags: profiles === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`],
  }),
);
const table: string[][] = [];
for (const [name, asked] of Object.entries(questions)) {
  if (profiles !== null && !name.startsWith('10 rows')) continue;
  await measure(ground, name, asked.slice(0, 100)); // warm
  table.push(await measure(ground, name, asked));
}
console.log(`${values.rows} rows, ${values.connections} connections, ${values.seconds} s each; ${machine}\n`);
console.log(tableText(['question', 'requests/s', 'CPU us each', 'p50 ms', 'p99 ms'], table));
if (profiles !== null) {
  await ground.stop();
  for (const name of await readdir(profiles)) {
    const shares = sharesOf(await readFile(join(profiles, name), 'utf8'));
    if (shares.busySeconds < 1) continue;
    console.log(`a thread that was busy for ${shares.busySeconds.toFixed(1)} s:\n`);
    console.log(
      tableText(
        ['of its time', 'in'],
        shares.parts.map(([part, share]) => [`${(share * 100).toFixed(1)} %`, part]),
      ),
    );
  }
}
