/**
 * The endpoint abused (F71): a thousand askers at once for a while, who scan, ask for ten thousand rows, hang up in the middle, send
 * hostile SQL and paths, and lie in wait with half a request. What becomes of memory, of the ingest and of an honest asker meanwhile.
 * `node bench/query-flood.ts [--rows 1000000] [--per-second 5000] [--askers 1000] [--seconds 30] [--data DIR]`; needs `npm run build`.
 *
 * The token's own rate is no limit here (requests_per_second is a million): what holds is the number of requests at once, and the rest.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
import { machineText, percentile, tableText, usageOf } from './measure.ts';
import { type Ground, groundFlags, openGround } from './query-ground.ts';

const { values } = parseArgs({
  options: { ...groundFlags, askers: { type: 'string', default: '1000' }, seconds: { type: 'string', default: '30' } },
});
const machine = machineText();
const askers = Number(values.askers);
const hostileSql = [
  "ATTACH '/etc/passwd' AS x",
  'PRAGMA writable_schema = 1',
  "VACUUM INTO '/tmp/stolen.db'",
  'SELECT * FROM users',
  'SELECT password FROM main.users UNION SELECT 1',
  "SELECT * FROM pragma_table_info('tokens')",
  'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n',
  'SELECT hex(zeroblob(1000000000))',
  'SELECT 1; DROP TABLE logs',
  "SELECT count(*) FROM logs a, logs b WHERE a.message LIKE '%' || b.message || '%'",
];
const hostilePaths = [
  '/api/v1/../../../../etc/passwd',
  '/%2e%2e/%2e%2e/etc/passwd',
  '/api/v1/results/..%2f..%2fadmin.token',
  '/api/v1/logs/1%20OR%201=1',
  `/api/v1/logs?q=${'('.repeat(4000)}`,
  '/api/v1/logs?limit=99999999999999999999',
  "/api/v1/logs?application=x'%20OR%20'1'='1",
  `/api/v1/${'a'.repeat(7000)}`,
  '/api/v1/logs?cursor=AAAA',
  `/api/v1/logs?q=/${encodeURIComponent('(a*)*'.repeat(200))}/`,
];

/** What one asker does, over and over; each is its own connection. */
type Abuse = (ground: Ground, round: number, agent: Agent) => Promise<string>;

async function outcomeOf(ground: Ground, path: string, agent: Agent, sql?: string): Promise<string> {
  const { statusCode, body } = await request(`${ground.url}${path}`, {
    method: sql === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${ground.token}`, 'content-type': 'application/json' },
    body: sql === undefined ? null : JSON.stringify({ sql }),
    dispatcher: agent,
  });
  await body.dump({ limit: Infinity });
  return String(statusCode);
}

const abuses: Readonly<Record<string, Abuse>> = {
  'regular expressions over all rows': (ground, round, agent) =>
    outcomeOf(ground, `/api/v1/logs?q=/x${round}y[0-9]+z/`, agent),
  'text that is nowhere': (ground, round, agent) => outcomeOf(ground, `/api/v1/logs?q="0_${round}%25_"`, agent),
  '10,000 rows at once': (ground, round, agent) => outcomeOf(ground, `/api/v1/logs?limit=${10_000 - round}`, agent),
  'hanging up in the middle': async (ground, round) => {
    const { hostname, port } = new URL(ground.url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    socket.write(
      `GET /api/v1/logs?limit=${10_000 - (round % 100)} HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${ground.token}\r\n\r\n`,
    );
    await Promise.race([once(socket, 'data').catch(() => undefined), delay(round % 400)]);
    socket.destroy();
    return 'hung up';
  },
  'asking for 10,000 rows and not reading them': async (ground, round) => {
    const { hostname, port } = new URL(ground.url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(
      `GET /api/v1/logs?limit=${10_000 - (round % 100)} HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${ground.token}\r\n\r\n`,
    );
    await delay(5000);
    socket.destroy();
    return 'left';
  },
  'hostile SQL': (ground, round, agent) =>
    outcomeOf(ground, '/api/v1/sql', agent, hostileSql[round % hostileSql.length]),
  'hostile paths': (ground, round, agent) => outcomeOf(ground, hostilePaths[round % hostilePaths.length] ?? '/', agent),
  'half a request, then silence': async (ground) => {
    const { hostname, port } = new URL(ground.url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    socket.write('POST /api/v1/sql HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n');
    await delay(3000);
    socket.destroy();
    return 'left';
  },
};

interface Phase {
  readonly storedPerSecond: number;
  readonly mostBehind: number;
  readonly peakMiB: number;
  readonly honestMs: readonly number[];
  readonly honestRefused: number;
}

/** Watches while `isOn`: the ingest, memory, and an honest asker who comes again after a refusal. */
async function watch(ground: Ground, seconds: number): Promise<Phase> {
  const stored = async (): Promise<number> =>
    Number(/^regression_store_records_total (\d+)/m.exec(await ground.ask('/metrics'))?.[1]);
  const untilMs = performance.now() + seconds * 1000;
  const honestMs: number[] = [];
  let [mostBehind, peakBytes, honestRefused] = [0, 0, 0];
  const honest = (async () => {
    while (performance.now() < untilMs) {
      const atMs = performance.now();
      try {
        await ground.ask('/api/v1/logs?limit=100');
        honestMs.push(performance.now() - atMs);
      } catch {
        honestRefused++;
      }
      await delay(200);
    }
  })();
  const [storedBefore, startedAtMs] = [await stored(), performance.now()];
  let storedNow = storedBefore;
  let readAtMs = startedAtMs;
  while (performance.now() < untilMs) {
    await delay(200);
    storedNow = await stored();
    readAtMs = performance.now();
    mostBehind = Math.max(mostBehind, ground.writtenLines() - storedNow);
    peakBytes = Math.max(peakBytes, usageOf(ground.pid)?.residentBytes ?? 0);
  }
  await honest;
  const storedPerSecond = (storedNow - storedBefore) / ((readAtMs - startedAtMs) / 1000);
  honestMs.sort((a, b) => a - b);
  return { storedPerSecond, mostBehind, peakMiB: peakBytes / 1024 / 1024, honestMs, honestRefused };
}

await using ground = await openGround({
  rows: Number(values.rows),
  perSecond: Number(values['per-second']),
  kept: values.data,
  server: { query_timeout: '10s' },
});
await delay(3000);
const seconds = Number(values.seconds);
const before = await watch(ground, Math.min(seconds, 10));

const outcomes = new Map<string, Map<string, number>>();
const flood = { isOn: true };
const agent = new Agent({ connections: askers, headersTimeout: 60_000, bodyTimeout: 60_000, pipelining: 1 });
const kinds = Object.entries(abuses);
const flooding = Array.from({ length: askers }, async (_, asker) => {
  const [name, abuse] = kinds[asker % kinds.length] as [string, Abuse];
  const counts = outcomes.get(name) ?? new Map<string, number>();
  outcomes.set(name, counts);
  for (let round = asker; flood.isOn; round++) {
    const outcome = await abuse(ground, round, agent).catch(
      (error: unknown) => (error as { code?: string }).code ?? 'failed',
    );
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    if (outcome === '429') await delay(1000); // as Retry-After says
  }
});
const during = await watch(ground, seconds);
flood.isOn = false;
await Promise.all(flooding);
await agent.destroy();
const after = await watch(ground, Math.min(seconds, 10));

console.log(
  `${Number(values.rows).toLocaleString('en-US')} rows and ${values['per-second']} a second coming in; ${askers} askers for ${seconds} s; ${machine}\n`,
);
const phaseRow = (name: string, phase: Phase): string[] => [
  name,
  phase.storedPerSecond.toFixed(0),
  String(phase.mostBehind),
  phase.peakMiB.toFixed(0),
  `${percentile(phase.honestMs, 0.5).toFixed(0)} / ${percentile(phase.honestMs, 0.99).toFixed(0)}`,
  `${phase.honestRefused} of ${phase.honestRefused + phase.honestMs.length}`,
];
console.log(
  tableText(
    ['', 'rows stored/s', 'most behind', 'peak MiB', "an honest asker's p50 / p99 ms", 'refused'],
    [phaseRow('before', before), phaseRow('during', during), phaseRow('after', after)],
  ),
);
console.log(
  tableText(
    ['abuse', 'outcomes'],
    [...outcomes].map(([name, counts]) => [name, [...counts].map(([what, times]) => `${what}: ${times}`).join(', ')]),
  ),
);
