/**
 * Any body to any ingest route, whole, cut, spoiled or compressed: the daemon answers, never with a 5xx; what it says it has stored is what
 * is stored; good records survive their neighbours (F31, F61).
 */
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { pino } from 'pino';
import { test, type Test } from 'tap';
import { createFormat } from '../../../src/parsers/registry.ts';
import { Ingest } from '../../../src/pipeline/ingest.ts';
import { createMetrics } from '../../../src/runtime/metrics.ts';
import type { LogRow } from '../../../src/search/request.ts';
import { otlpProtobuf } from '../../../src/sinks/otlp-protobuf.ts';
import { otlpJson } from '../../../src/sinks/otlp-request.ts';
import { SqliteStore } from '../../../src/store/thread/sqlite-store.ts';
import { ManualClock } from '../../manual-clock.ts';
import { authorization, serve } from '../../query/serve.ts';

const maxBodyBytes = 100_000;

interface Answered {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  /** Rows that are there now and were not before. */
  readonly stored: number;
}

type Post = (path: string, type: string, body: Buffer, encoding?: string) => Promise<Answered>;

async function poster(t: Test): Promise<Post> {
  const store = new SqliteStore(':memory:');
  const shared = {
    clock: new ManualClock('2026-11-24T04:00:00Z'),
    metrics: createMetrics(),
    logger: pino({ level: 'silent' }),
  };
  const ingest = new Ingest({
    store,
    createFormat,
    transform: (record) => record,
    defaults: {},
    maxQueuedBytes: 100_000_000,
    rowsPerBatch: 1000,
    onFatal: (error) => void t.fail(String(error)),
    ...shared,
  });
  const append = (records: Parameters<Ingest['commit']>[0]) => ingest.commit(records);
  const unlimited = { requestsPerSecond: 1_000_000, maxAtOnce: 1000 };
  const { url } = await serve(t, {
    store,
    append,
    ingest: { ingest, maxBodyBytes },
    requestLimits: unlimited,
    ...shared,
  });
  let rows = 0;
  return async (path, type, body, encoding) => {
    const headers = {
      ...authorization,
      'content-type': type,
      ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
    };
    const response = await fetch(`${url}${path}`, { method: 'POST', headers, body });
    const text = await response.text();
    const before = rows;
    rows = (await store.stats()).lastId;
    return { status: response.status, type: response.headers.get('content-type') ?? '', text, stored: rows - before };
  };
}

const rowOf = (message: string, id: number): LogRow => ({
  id,
  timestamp: '2026-11-24T03:00:00.000000Z',
  severity: 'INFO',
  application: 'app',
  version: null,
  environment: null,
  source: 's',
  message,
  metadata: { k: 'v' },
});

/** A body of so many good records, by route. */
const routes: readonly {
  readonly path: string;
  readonly type: string;
  readonly body: (messages: readonly string[]) => Buffer;
}[] = [
  {
    path: '/api/v1/logs',
    type: 'application/x-ndjson',
    body: (messages) => Buffer.from(messages.map((message) => `${JSON.stringify({ message })}\n`).join('')),
  },
  {
    path: '/api/v1/logs',
    type: 'application/json',
    body: (messages) => Buffer.from(JSON.stringify(messages.map((message) => ({ message })))),
  },
  { path: '/v1/logs', type: 'application/json', body: (messages) => Buffer.from(otlpJson(messages.map(rowOf), 'o')) },
  {
    path: '/v1/logs',
    type: 'application/x-protobuf',
    body: (messages) => Buffer.from(otlpProtobuf(messages.map(rowOf), 'o')),
  },
  {
    path: '/loki/api/v1/push',
    type: 'application/json',
    body: (messages) =>
      Buffer.from(
        JSON.stringify({
          streams: [{ stream: { app: 'a' }, values: messages.map((message) => ['1764000000000000000', message]) }],
        }),
      ),
  },
  {
    path: '/_bulk',
    type: 'application/x-ndjson',
    body: (messages) =>
      Buffer.from(messages.map((message) => `{"index":{}}\n${JSON.stringify({ message })}\n`).join('')),
  },
];

const encodings = { gzip: gzipSync, zstd: zstdCompressSync, deflate: deflateSync, br: brotliCompressSync } as const;
const encoding = fc.constantFrom(undefined, ...(Object.keys(encodings) as (keyof typeof encodings)[]));
const route = fc.constantFrom(...routes);
const messages = fc.array(fc.string({ minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 6 });

/** What an answer says is stored; null where its protocol has no word for it. */
function saidStored({ status, text }: Answered, path: string, sent: number): number | null {
  if (path === '/_bulk')
    return status === 200
      ? (JSON.parse(text) as { items: Record<string, { status: number }>[] }).items.filter(
          (item) => Object.values(item)[0]?.status === 201,
        ).length
      : 0;
  if (path === '/api/v1/logs' || status === 400)
    return (text.startsWith('{') ? (JSON.parse(text) as { accepted?: number }).accepted : 0) ?? 0;
  return status === 204 ? sent : null;
}

function isSound(answer: Answered, path: string): boolean {
  const { status, type, text, stored } = answer;
  if (status >= 500) return false;
  if (status !== 200 && status !== 204 && type.startsWith('application/problem+json')) {
    const { code, detail, hint } = JSON.parse(text) as Record<string, unknown>;
    if (typeof code !== 'string' || typeof detail !== 'string' || typeof hint !== 'string') return false;
  }
  const said = saidStored(answer, path, stored);
  return said === null || said === stored;
}

void test('property: a body that is whole is stored whole, however it is compressed (F61)', async (t) => {
  const post = await poster(t);
  await fc.assert(
    fc.asyncProperty(route, messages, encoding, async ({ path, type, body }, texts, coding) => {
      const bytes = body(texts.map((text) => text.toWellFormed()));
      const answer = await post(path, type, coding === undefined ? bytes : encodings[coding](bytes), coding);
      return answer.status < 300 && answer.stored === texts.length && isSound(answer, path);
    }),
    { numRuns: 40 },
  );
  t.pass();
});

void test('property: a body that is cut or spoiled anywhere, before or after it is compressed, is answered and accounted for (F31, F61)', async (t) => {
  const post = await poster(t);
  const damage = fc.record({
    cut: fc.double({ min: 0, max: 1, noNaN: true }),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    byte: fc.nat(255),
    isSpoiled: fc.boolean(),
    isInside: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      route,
      messages,
      encoding,
      damage,
      async ({ path, type, body }, texts, coding, { cut, at, byte, isSpoiled, isInside }) => {
        const damaged = (bytes: Buffer): Buffer => {
          const rest = Buffer.from(bytes.subarray(0, Math.floor(bytes.length * cut)));
          if (isSpoiled && rest.length > 0) rest[Math.floor((rest.length - 1) * at)] = byte;
          return rest;
        };
        const compressed = (bytes: Buffer): Buffer => (coding === undefined ? bytes : encodings[coding](bytes));
        const whole = body(texts);
        const bytes = isInside ? compressed(damaged(whole)) : damaged(compressed(whole));
        const answer = await post(path, type, bytes, coding);
        return isSound(answer, path) && answer.stored <= texts.length;
      },
    ),
    { numRuns: 120 },
  );
  t.pass();
});

void test('property: good lines are stored and bad ones named by their places, whatever the bad ones are (F31, F61)', async (t) => {
  const post = await poster(t);
  const bad = fc.oneof(
    fc.constantFrom(
      '{',
      '[',
      '{"a":',
      'text',
      '{"message":1e400',
      '"',
      '{}',
      'null',
      '\u0000',
      '['.repeat(10_000),
      '{"severity":"x"}',
    ),
    fc.string({ minLength: 1, maxLength: 10 }).map((text) => `x${text.replaceAll(/[\r\n]/g, ' ')}`),
  );
  const lines = fc.array(fc.oneof(fc.constant(null), bad), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(lines, async (given) => {
      // A body whose first line begins as an array is an array.
      const all = [null, ...given];
      const text = all.map((line, place) => line ?? `{"message":"good ${place}"}`).join('\n');
      const { status, text: said, stored } = await post('/api/v1/logs', 'application/x-ndjson', Buffer.from(text));
      const { accepted, rejected } = JSON.parse(said) as {
        accepted: number;
        rejected: { index: number; reason: string }[];
      };
      const expected = all.flatMap((line, place) => (line === null ? [] : [place]));
      return (
        status === 200 &&
        accepted === stored &&
        stored === all.length - expected.length &&
        JSON.stringify(rejected.map(({ index }) => index)) === JSON.stringify(expected) &&
        rejected.every(({ reason }) => reason !== '')
      );
    }),
    { numRuns: 40 },
  );
  t.pass();
});

void test('a body that unpacks to more than the limit is refused by each encoding and route, and nothing is stored (F31)', async (t) => {
  const post = await poster(t);
  const bomb = Buffer.alloc(20_000_000, '[');
  for (const [coding, compress] of Object.entries(encodings)) {
    const bytes = coding === 'br' ? brotliCompressSync(bomb, { params: { 1: 1 } }) : compress(bomb);
    for (const { path, type } of routes) {
      const { status, text, stored } = await post(path, type, bytes, coding);
      t.equal(`${status} ${stored}`, '413 0', `${coding} ${path}`);
      t.match(JSON.parse(text), { code: 'BODY_TOO_LARGE', hint: /max_ingest_bytes/ });
    }
  }
});

void test('brackets and objects nested ten thousand deep, and keys by the thousand, are answered by each route (F31)', async (t) => {
  const post = await poster(t);
  const bombs = [
    '['.repeat(10_000) + ']'.repeat(10_000),
    `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
    `{${Array.from({ length: 5000 }, (_, key) => `"k${key}":1`).join(',')}}`,
    '{"__proto__":{"a":1},"message":"m","message":"n","big":12345678901234567890,"huge":1e400}',
  ];
  for (const bomb of bombs) {
    for (const { path, type } of routes) {
      for (const body of [
        bomb,
        `{"index":{}}\n${bomb}\n`,
        `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":${bomb}}]}]}]}`,
        `{"streams":[{"stream":${bomb},"values":[["1764000000000000000","x",${bomb}]]}]}`,
        `{"streams":[{"stream":{},"values":[[${bomb},"x"],["1764000000000000000","x",${bomb}]]}]}`,
      ]) {
        const answer = await post(path, type, Buffer.from(body));
        if (!isSound(answer, path))
          t.fail(`${path} ${body.slice(0, 60)}: ${answer.status} ${answer.text.slice(0, 200)}`);
      }
    }
  }
  t.equal(({} as { a?: number }).a, undefined, 'no prototype has changed');
});
