/**
 * The query endpoint on many rows while more come in: p50 and p99 of each route, one asker after the other, and what asking does to the
 * ingest. `node bench/query.ts [--rows 1000000] [--per-second 5000] [--requests 200] [--seconds 4] [--only TEXT] [--data DIR]`; needs
 * `npm run build`.
 *
 * Each route is asked `requests` times or for `seconds`, whichever is less. The window is the last 24 hours and moves with the rows, as on a
 * dashboard, so no answer is one that was given before; words and values differ from request to request too.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { machineText, percentile, tableText, usageOf } from './measure.ts';
import { type Ground, groundFlags, openGround } from './query-ground.ts';

const { values } = parseArgs({
  options: {
    ...groundFlags,
    requests: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '4' },
    only: { type: 'string', default: '' },
  },
});
const machine = machineText();
const perSecond = Number(values['per-second']);
const dayMs = 86_400_000;

type Ask = (round: number) => Promise<string>;

function routesOf(ground: Ground): Readonly<Record<string, Ask>> {
  const day = (): string => {
    const nowMs = ground.nowMs();
    return `start=${new Date(nowMs - dayMs).toISOString()}&end=${new Date(nowMs).toISOString()}`;
  };
  const get = (path: string) => ground.ask(`/api/v1/${path}`);
  const words = ['captured', 'acknowledged', 'schema', 'tenant', 'upstream', 'lock', 'worker', 'retrying'];
  const word = (round: number): string | undefined => words[round % words.length];
  const user = (round: number): string => `u-${String((round * 7919) % 200_000).padStart(6, '0')}`;
  const apps = ['billing', 'auth', 'orders', 'search', 'web'];
  const app = (round: number): string | undefined => apps[round % apps.length];
  return {
    'logs: newest 100 of a day': () => get(`logs?${day()}&limit=100`),
    'logs: the next page': async (round) => {
      const { next } = JSON.parse(await get(`logs?${day()}&limit=${1 + (round % 50)}`)) as { next: string };
      return next;
    },
    'logs: severity:>=error': () => get(`logs?${day()}&q=severity:>=error`),
    'logs: severity:>=error app:NAME': (round) => get(`logs?${day()}&q=severity:>=error app:${app(round)}`),
    'logs: a frequent word': (round) => get(`logs?${day()}&q=${word(round)}`),
    'logs: a rare text (an id)': (round) => get(`logs?${day()}&q="id=${(round * 7919).toString(16).padStart(4, '0')}"`),
    'logs: a word that is nowhere': (round) => get(`logs?${day()}&q=nowhere${'abcdefgh'[round % 8]}`),
    'logs: one metadata value': (round) => get(`logs?${day()}&q=userId:${user(round)}`),
    'logs: a regular expression': (round) => get(`logs?${day()}&q=/attempt [23] of.*${(round % 256).toString(16)}$/`),
    'logs: a metadata range': (round) => get(`logs?${day()}&q=durationMs:>${4900 + (round % 90)}`),
    'logs: 10,000 rows as NDJSON': () => get(`logs?${day()}&limit=10000&format=ndjson`),
    'logs in order of arrival, 1,000': (round) => get(`logs?order=arrival&limit=1000&after_id=${round * 1000}`),
    'logs/{id}': (round) => get(`logs/${1 + round * 3000}`),
    'logs/{id}/context': (round) => get(`logs/${1000 + round * 3000}/context?scope=application`),
    'hits: a day by hours': () => get(`hits?${day()}&step=1h`),
    'hits: severity:>=error': () => get(`hits?${day()}&q=severity:>=error`),
    'hits: severity:>=error app:NAME': (round) => get(`hits?${day()}&q=severity:>=error app:${app(round)}`),
    'hits: a frequent word': (round) => get(`hits?${day()}&q=${word(round)}`),
    'facets of 20,000 rows': () => get(`facets?${day()}&max_rows=20000`),
    'field_names of 20,000 rows': () => get(`field_names?${day()}&max_rows=20000`),
    'field_values of severity, 20,000 rows': () => get(`field_values?${day()}&field=severity&max_rows=20000`),
    'field_values of route, 20,000 rows': () => get(`field_values?${day()}&field=route&max_rows=20000`),
    patterns: () => get(`patterns?${day()}`),
    'patterns/diff, an hour against the day before': () => {
      const at = (hours: number): string => new Date(ground.nowMs() - hours * 3_600_000).toISOString();
      return get(
        `patterns/diff?baseline_start=${at(25)}&baseline_end=${at(1)}&target_start=${at(1)}&target_end=${at(0)}`,
      );
    },
    digest: () => get(`digest?${day()}`),
    'consumers: pull 500 and ack': async () => {
      const of = (path: string, json: object) =>
        ground.ask(`/api/v1/consumers/bench${path}`, { method: path === '' ? 'PUT' : 'POST', json });
      const { batch } = JSON.parse(await of('/pull', {})) as { batch: string };
      return of('/ack', { batch });
    },
    'sql: count by severity of an hour': () => {
      const start = new Date(ground.nowMs() - 3_600_000).toISOString();
      const json = { sql: 'SELECT severity, count(*) AS rows FROM logs GROUP BY 1', start };
      return ground.ask('/api/v1/sql', { method: 'POST', json });
    },
    'results: put and get': async (round) => {
      await ground.ask(`/api/v1/results/bench-${round % 20}`, { method: 'PUT', json: { round } });
      return get(`results/bench-${round % 20}`);
    },
    '/metrics': () => ground.ask('/metrics'),
  };
}

interface Ingest {
  readonly perSecond: number;
  /** Rows that were written and not yet stored, the most at any look. */
  readonly mostBehind: number;
  readonly cpuSecondsEach: number;
}

/** Watches the ingest while `work` runs. */
async function ingestDuring(ground: Ground, work: Promise<unknown>): Promise<Ingest> {
  const stored = async (): Promise<number> =>
    Number(/^regression_store_records_total (\d+)/m.exec(await ground.ask('/metrics'))?.[1]);
  const cpu = (): number => usageOf(ground.pid)?.cpuSeconds ?? Number.NaN;
  const [storedBefore, cpuBefore, startedAtMs] = [await stored(), cpu(), performance.now()];
  let isOver = false;
  const end = work.finally(() => (isOver = true));
  end.catch(() => undefined);
  let mostBehind = 0;
  let storedLast = storedBefore;
  while (!isOver) {
    await Promise.race([delay(100), end]);
    storedLast = await stored();
    mostBehind = Math.max(mostBehind, ground.writtenLines() - storedLast);
  }
  await end;
  const seconds = (performance.now() - startedAtMs) / 1000;
  return {
    perSecond: (storedLast - storedBefore) / seconds,
    mostBehind,
    cpuSecondsEach: (cpu() - cpuBefore) / seconds,
  };
}

await using ground = await openGround({ rows: Number(values.rows), perSecond, kept: values.data });
await ground.ask('/api/v1/consumers/bench', { method: 'PUT', json: { from: 'beginning' } });
await delay(3000);
const quiet = await ingestDuring(ground, delay(8000));
const table: string[][] = [];
const asking = async (): Promise<void> => {
  for (const [name, ask] of Object.entries(routesOf(ground)).filter(([name]) => name.includes(values.only))) {
    process.stderr.write(`\r\u001b[K${name}`);
    const times: number[] = [];
    const untilMs = performance.now() + Number(values.seconds) * 1000;
    for (let round = 0; round < Number(values.requests) && performance.now() < untilMs; round++) {
      const atMs = performance.now();
      await ask(round);
      times.push(performance.now() - atMs);
    }
    const [first = Number.NaN] = times;
    const sorted = times.toSorted((a, b) => a - b);
    const figures = [first, percentile(sorted, 0.5), percentile(sorted, 0.99)].map((ms) => ms.toFixed(1));
    table.push([name, String(times.length), ...figures]);
  }
  process.stderr.write('\r\u001b[K');
};
const busy = await ingestDuring(ground, asking());

console.log(
  `${Number(values.rows).toLocaleString('en-US')} rows and ${perSecond} a second coming in; one asker, without pause; ${machine}\n`,
);
console.log(tableText(['route', 'requests', 'first ms', 'p50 ms', 'p99 ms'], table));
const ingestRow = (name: string, { perSecond: rate, mostBehind, cpuSecondsEach }: Ingest): string[] => [
  name,
  rate.toFixed(0),
  String(mostBehind),
  cpuSecondsEach.toFixed(2),
];
console.log(
  tableText(
    ['', 'rows stored/s', 'most behind', 'CPU s/s of the daemon'],
    [ingestRow('nobody asks', quiet), ingestRow('one asks without pause', busy)],
  ),
);
