/**
 * Writes the benchmark's log files, the same bytes every time: `node bench/workload.ts KIND COUNT FILE`.
 *
 * w1: JSON lines as pino writes them, 282 bytes, six fields beside time, level, name and msg. w2a: syslog RFC 3164. w2b: RFC 5424
 * with structured data. w3: access log. w4: Java traces (16 lines an entry).
 */
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { MersenneTwister } from './mersenne-twister.ts';

const startMs = Date.UTC(2026, 0, 1);
const maxGapMs = 9;
const applications = ['api-gateway', 'billing', 'auth', 'orders', 'search', 'notifier', 'inventory', 'web'];
const routes = [
  '/v1/users/%d',
  '/v1/orders/%d/items',
  '/v1/cart/%d',
  '/health',
  '/v1/search?q=%d',
  '/v2/payments/%d/capture',
  '/v1/sessions/%d',
];
const events = [
  'request completed',
  'cache miss for key',
  'upstream responded slowly',
  'retrying database query',
  'user session refreshed',
  'payment captured',
  'failed to acquire lock on row',
  'queue message acknowledged',
];
const circumstances = [
  'after validation against schema',
  'in region eu-west-1 zone b',
  'while holding connection',
  'with partial content',
  'for tenant acme-corp',
  'from worker pool',
];
const levels = [10, 20, ...Array.from({ length: 14 }, () => 30), 40, 40, 40, 50];
const syslogSeverities: Readonly<Record<number, number>> = { 10: 7, 20: 7, 30: 6, 40: 4, 50: 3 };
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const userAgents = [
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  'curl/7.88.1',
  'kube-probe/1.29',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15',
];
const classes = [
  'com.acme.orders.OrderService',
  'com.acme.web.Filter',
  'org.hibernate.jdbc.Work',
  'com.zaxxer.hikari.pool.HikariPool',
  'java.util.concurrent.ThreadPoolExecutor',
];

export type WorkloadKind = 'w1' | 'w2a' | 'w2b' | 'w3' | 'w4';
type Draw = MersenneTwister;

const entryOf: Readonly<Record<WorkloadKind, (draw: Draw, ms: number) => string>> = {
  w1: (draw, ms) =>
    `{"time":"${new Date(ms).toISOString()}","level":${pick(draw, levels)},"name":"${pick(draw, applications)}","pid":${1000 + draw.below(64)},` +
    `"hostname":"node-${twoDigits(draw.below(32))}","msg":"${message(draw)}","userId":"u-${String(draw.below(200_000)).padStart(6, '0')}",` +
    `"route":"${route(draw)}","cpu":${(draw.random() * 100).toFixed(2)},"durationMs":${draw.below(5000)}}\n`,
  w2a: (draw, ms) =>
    `<${128 + (syslogSeverities[pick(draw, levels)] ?? 6)}>${rfc3164Time(ms)} node-${twoDigits(draw.below(32))} ${pick(draw, applications)}` +
    `[${1000 + draw.below(64)}]: ${message(draw)}\n`,
  w2b: (draw, ms) =>
    `<${128 + (syslogSeverities[pick(draw, levels)] ?? 6)}>1 ${new Date(ms).toISOString()} node-${twoDigits(draw.below(32))} ${pick(draw, applications)} ` +
    `${1000 + draw.below(64)} ID${draw.below(100)} [m@32473 userId="u-${String(draw.below(200_000)).padStart(6, '0')}" route="${route(draw)}" ` +
    `cpu="${(draw.random() * 100).toFixed(2)}" durationMs="${draw.below(5000)}"] ${message(draw)}\n`,
  w3: (draw, ms) =>
    `10.${draw.below(256)}.${draw.below(256)}.${draw.below(256)} - u${draw.below(5000)} [${accessLogTime(ms)}] "GET ${route(draw)} HTTP/1.1" ` +
    `${pick(draw, [200, 200, 200, 304, 404, 500])} ${draw.below(65_536)} "https://acme.example/${pick(draw, applications)}" ` +
    `"${pick(draw, userAgents)}" ${draw.random().toFixed(3)}\n`,
  w4: (draw, ms) => {
    const frames = (count: number): string =>
      Array.from(
        { length: count },
        () => `\tat ${pick(draw, classes)}.method${draw.below(30)}(Source.java:${draw.below(900)})\n`,
      ).join('');
    return (
      `${new Date(ms).toISOString()} ERROR [http-nio-${draw.below(64)}] ${pick(draw, classes)} - ${message(draw)}\n` +
      `java.lang.IllegalStateException: order ${draw.below(100_000)} not found\n${frames(8)}` +
      `Caused by: java.sql.SQLException: deadlock ${draw.below(1000)}\n${frames(4)}\t... 23 more\n`
    );
  },
};

/** Writes `count` entries to `path`. */
export async function writeWorkload(kind: WorkloadKind, count: number, path: string): Promise<void> {
  await pipeline(chunksOf(kind, count), createWriteStream(path));
}

/** The entries, some thousand at a time. */
export function* chunksOf(kind: WorkloadKind, count: number): Generator<string> {
  const draw = new MersenneTwister(42);
  let ms = startMs;
  let text = '';
  for (let index = 1; index <= count; index++) {
    ms += draw.below(maxGapMs);
    text += entryOf[kind](draw, ms);
    if (index % 4096 !== 0 && index < count) continue;
    yield text;
    text = '';
  }
}

/** A line of w1 with another time. */
export function atTime(line: string, ms: number): string {
  return `{"time":"${new Date(ms).toISOString()}"${line.slice(line.indexOf(',"level"'))}`;
}

function message(draw: Draw): string {
  const event = pick(draw, events);
  const id = draw
    .below(2 ** 32)
    .toString(16)
    .padStart(8, '0');
  const circumstance = pick(draw, circumstances);
  const attempt = draw.below(3) + 1;
  return `${event} id=${id} ${circumstance}; attempt ${attempt} of 3, correlation ${draw
    .below(2 ** 48)
    .toString(16)
    .padStart(12, '0')}`;
}

function route(draw: Draw): string {
  const template = pick(draw, routes);
  return template.includes('%d') ? template.replace('%d', String(draw.below(100_000))) : template;
}

function pick<Item>(draw: Draw, items: readonly Item[]): Item {
  return items[draw.below(items.length)] as Item;
}

function rfc3164Time(ms: number): string {
  const date = new Date(ms);
  return `${months[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2)} ${date.toISOString().slice(11, 19)}`;
}

function accessLogTime(ms: number): string {
  const date = new Date(ms);
  const day = `${twoDigits(date.getUTCDate())}/${months[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
  return `${day}:${date.toISOString().slice(11, 19)} +0000`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

if (import.meta.main) {
  const [kind, count, path] = process.argv.slice(2);
  if (kind === undefined || !Object.hasOwn(entryOf, kind) || !Number(count) || path === undefined) {
    console.error('usage: node bench/workload.ts w1|w2a|w2b|w3|w4 COUNT FILE');
    process.exit(2);
  }
  await writeWorkload(kind as WorkloadKind, Number(count), path);
}
