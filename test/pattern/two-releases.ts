/**
 * Two releases of one application as log records: templates of real programs (the parsers' fixtures and their like), traffic that grows
 * by half, shuffled, with 40 changes injected. A seed brings all of it back.
 */
import type { LogRecord } from '../../src/record/log-record.ts';
import type { Severity } from '../../src/record/severity.ts';
import { Random } from '../random.ts';

export interface Workload {
  readonly baseline: readonly LogRecord[];
  readonly target: readonly LogRecord[];
  /** What was changed: part of the template or value, and how. */
  readonly injected: readonly Injected[];
}

export interface Injected {
  readonly kind: 'new' | 'gone' | 'more' | 'severity_raised' | 'new_value';
  /** Letters that occur in the template of this change and of no other. */
  readonly name: string;
}

interface Message {
  readonly name: string;
  readonly weight: number;
  readonly severity: Severity;
  readonly text: (random: Random) => string;
}

const verbs = [
  'accepted',
  'closed',
  'retried',
  'flushed',
  'evicted',
  'renewed',
  'resolved',
  'throttled',
  'committed',
  'mounted',
];
const things = [
  'connection',
  'session',
  'lease',
  'cache',
  'queue',
  'segment',
  'index',
  'upload',
  'payment',
  'invoice',
  'webhook',
  'replica',
];
const regions = ['eu-west', 'us-east', 'ap-south'];
const startMs = Date.parse('2026-11-23T00:00:00Z');

/** @param rows of the baseline; the target has half as many again. */
export function twoReleases(seed: number, rows: number): Workload {
  const random = new Random(seed);
  const usual = things.flatMap((thing) => verbs.map((verb) => usualMessage(thing, verb, random)));
  const [vanished = [], tripled = [], raised = [], valued = [], stable = []] = parted(
    shuffled(usual, random),
    [8, 8, 8, 8],
  );
  const severe = (name: string, severity: Severity, weight: number): Message => ({
    name,
    weight,
    severity,
    text: (own) => `unexpected ${name} in worker ${own.integer(1, 64)}: code ${own.integer(100, 999)}`,
  });
  const added = [
    ...['deadlock', 'overflow', 'underrun', 'corruption'].map((name) => severe(name, 'ERROR', 2)),
    ...['backpressure', 'clockskew', 'starvation', 'fragmentation'].map((name) => severe(name, 'WARN', 2)),
  ];
  const before = [...stable, ...vanished, ...tripled, ...raised, ...valued];
  const after = [
    ...stable,
    ...tripled.map((message) => ({ ...message, weight: message.weight * 3 })),
    ...raised.map((message) => ({ ...message, severity: 'ERROR' as const })),
    ...valued.map((message) => ({ ...message, text: (own: Random) => withNewRegion(message.text(own), own) })),
    ...added,
  ];
  const injected: Injected[] = [
    ...vanished.map(({ name }) => ({ kind: 'gone' as const, name })),
    ...tripled.map(({ name }) => ({ kind: 'more' as const, name })),
    ...raised.map(({ name }) => ({ kind: 'severity_raised' as const, name })),
    ...valued.map(({ name }) => ({ kind: 'new_value' as const, name })),
    ...added.map(({ name }) => ({ kind: 'new' as const, name })),
  ];
  return {
    baseline: recordsOf(before, rows, '1.4.1', startMs, random),
    target: recordsOf(after, Math.round(rows * 1.5), '1.4.2', startMs + 86_400_000, random),
    injected,
  };
}

function usualMessage(thing: string, verb: string, random: Random): Message {
  const name = `${thing} ${verb}`;
  const severity: Severity = random.chance(0.1) ? 'WARN' : 'INFO';
  const shapes: Message['text'][] = [
    (own) =>
      `${name} for peer 10.0.${own.integer(0, 9)}.${own.integer(1, 250)} in ${own.integer(1, 900)} ms region=${pick(regions, own)}`,
    (own) => `${name} id=${own.integer(1, 1e9).toString(16)} attempt ${own.integer(1, 3)} region=${pick(regions, own)}`,
    (own) =>
      `${name} by /srv/app/${own.integer(1, 99)}/main.log (${own.integer(1, 4096)} bytes) region=${pick(regions, own)}`,
  ];
  // Heavy and light ones, as everywhere.
  const weight = 1 + 20 * random.next() ** 3;
  return { name, weight, severity, text: pick(shapes, random) };
}

function withNewRegion(text: string, random: Random): string {
  return random.chance(0.3) ? text.replace(/region=\S+/, 'region=sa-north') : text;
}

function recordsOf(
  messages: readonly Message[],
  rows: number,
  version: string,
  fromMs: number,
  random: Random,
): LogRecord[] {
  const total = messages.reduce((sum, { weight }) => sum + weight, 0);
  const application = { name: 'shop', version, environment: 'production' };
  const records = messages.flatMap(({ weight, severity, text }) =>
    Array.from({ length: Math.round((weight / total) * rows) }, () => ({ severity, message: text(random) })),
  );
  return shuffled(records, random).map(({ severity, message }, index) => {
    const atMs = fromMs + Math.floor((index / rows) * 86_000_000);
    const timestamp = new Date(atMs).toISOString().replace('Z', '000Z');
    return { timestamp, severity, application, source: '/var/log/shop.log', message, metadata: [] };
  });
}

function pick<Item>(items: readonly Item[], random: Random): Item {
  return items[random.integer(0, items.length - 1)] as Item;
}

function parted<Item>(items: readonly Item[], sizes: readonly number[]): Item[][] {
  let at = 0;
  const parts = sizes.map((size) => items.slice(at, (at += size)));
  return [...parts, items.slice(at)];
}

export function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = random.integer(0, last);
    [result[last], result[other]] = [result[other] as Item, result[last] as Item];
  }
  return result;
}
