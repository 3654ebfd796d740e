/** Sending entries over HTTP: a real server, a real store, and stores that stall or fail. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { pino } from 'pino';
import { test, type Test } from 'tap';
import { createFormat } from '../../src/parsers/registry.ts';
import { Ingest } from '../../src/pipeline/ingest.ts';
import { LiveFeed } from '../../src/query/live-feed.ts';
import { QueryServer } from '../../src/query/server.ts';
import type { Batch } from '../../src/record/batch.ts';
import { RegressionError } from '../../src/runtime/errors.ts';
import { createMetrics } from '../../src/runtime/metrics.ts';
import type { LogRow } from '../../src/search/request.ts';
import type { Store } from '../../src/store/store.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { ManualClock } from '../manual-clock.ts';

const token = 'rgr_test';

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  readonly json: any;
}

interface Sent {
  readonly url: string;
  readonly post: (path: string, body: string | Buffer, headers?: Record<string, string>) => Promise<Answer>;
  readonly rows: () => Promise<LogRow[]>;
  readonly clock: ManualClock;
}

async function serve(
  t: Test,
  wrap: (store: Store) => Partial<Store> = () => ({}),
  maxBodyBytes = 1_000_000,
): Promise<Sent> {
  const sqlite = new SqliteStore(':memory:');
  const wrapped = wrap(sqlite);
  const store = new Proxy<Store>(sqlite, {
    get(target, name) {
      const value = (wrapped[name as keyof Store] ?? target[name as keyof Store]) as (...args: unknown[]) => unknown;
      return wrapped[name as keyof Store] === undefined ? value.bind(target) : value;
    },
  });
  const clock = new ManualClock('2026-11-24T04:00:00Z');
  const metrics = createMetrics();
  const logger = pino({ level: 'silent' });
  const ingest = new Ingest({
    store,
    createFormat,
    transform: (record) => record,
    defaults: { name: 'unnamed', version: '0', environment: 'test' },
    clock,
    metrics,
    logger,
    maxQueuedBytes: 1000,
    rowsPerBatch: 100,
    onFatal: () => undefined,
  });
  const server = new QueryServer({
    store: sqlite,
    feed: new LiveFeed(),
    append: (records) => ingest.commit(records),
    clock,
    metrics,
    logger,
    queryTimeoutMs: 5000,
    health: () => [],
    listen: '127.0.0.1:0',
    allowRemote: false,
    allowedHosts: [],
    token,
    version: '0.0.0',
    ingest: { ingest, maxBodyBytes },
  });
  t.teardown(async () => {
    await server.stop();
    const stopping = ingest.stop();
    clock.advance(60_000);
    await stopping;
    await sqlite.close();
  });
  await server.start();
  return {
    url: server.url ?? '',
    clock,
    async post(path, body, headers = {}) {
      const response = await fetch(`${server.url}${path}`, {
        method: 'POST',
        body,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      });
      const bytes = Buffer.from(await response.arrayBuffer());
      const isJson = response.headers.get('content-type')?.includes('json') === true;
      return {
        status: response.status,
        headers: response.headers,
        bytes,
        json: isJson ? JSON.parse(bytes.toString()) : undefined,
      };
    },
    async rows() {
      const { ndjson } = await sqlite.search({ filter: {}, order: 'arrival', limit: 1000 });
      return ndjson
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as LogRow);
    },
  };
}

const lines = (...messages: string[]): string => messages.map((message) => `${JSON.stringify({ message })}\n`).join('');
const messagesOf = async ({ rows }: Sent): Promise<string[]> => (await rows()).map(({ message }) => message);

void test('entries sent are rows by the time they are answered, completed by the configuration', async (t) => {
  const sent = await serve(t);
  const { status, json } = await sent.post(
    '/api/v1/logs',
    '{"message":"a","severity":"ERROR","metadata":{"userId":"u-1"}}\n{"message":"b","application":"shop","source":"/x.log"}',
  );

  t.equal(status, 200);
  t.strictSame(json, { accepted: 2, rejected_count: 0, rejected: [] });
  t.match(await sent.rows(), [
    {
      application: 'unnamed',
      version: '0',
      environment: 'test',
      severity: 'ERROR',
      source: 'http:/api/v1/logs',
      metadata: { userId: 'u-1' },
    },
    {
      application: 'shop',
      source: '/x.log',
      timestamp: '2026-11-24T04:00:00.000000Z',
      metadata: { timestamp_origin: 'observed' },
    },
  ]);
});

void test('bodies come plain, gzip or zstd, with any content type; another encoding is refused', async (t) => {
  const sent = await serve(t);
  const encoding = (name: string) => ({ 'content-encoding': name });
  t.equal((await sent.post('/api/v1/logs', gzipSync(lines('a')), encoding('gzip'))).status, 200);
  t.equal((await sent.post('/api/v1/logs', zstdCompressSync(Buffer.from(lines('b'))), encoding('zstd'))).status, 200);
  t.equal((await sent.post('/api/v1/logs', lines('c'), { 'content-type': 'application/x-ndjson' })).status, 200);
  t.match((await sent.post('/api/v1/logs', 'x', encoding('compress'))).json, { status: 415, code: 'ENCODING_UNKNOWN' });
  t.match((await sent.post('/api/v1/logs', 'not gzip', encoding('gzip'))).json, {
    status: 400,
    code: 'BODY_UNREADABLE',
  });

  t.strictSame(await messagesOf(sent), ['a', 'b', 'c']);
});

void test('bad entries are named by index and reason, good ones stored; none good is a 400', async (t) => {
  const sent = await serve(t);
  const some = await sent.post('/api/v1/logs', `${lines('a')}nonsense\n${lines('b')}`);
  const none = await sent.post('/api/v1/logs', 'nonsense\n');

  t.equal(some.status, 200);
  t.match(some.json, { accepted: 2, rejected_count: 1, rejected: [{ index: 1, reason: /JSON/ }] });
  t.match(none.json, { status: 400, code: 'ENTRIES_REJECTED', rejected: [{ index: 0 }] });
  t.strictSame(await messagesOf(sent), ['a', 'b']);
});

void test('a body too large is a 413, also one that grows when it is decompressed', async (t) => {
  const sent = await serve(t, undefined, 10_000);
  const large = lines('x'.repeat(20_000));

  t.match((await sent.post('/api/v1/logs', large)).json, {
    status: 413,
    code: 'BODY_TOO_LARGE',
    hint: /max_ingest_bytes/,
  });
  t.match((await sent.post('/api/v1/logs', gzipSync(large), { 'content-encoding': 'gzip' })).json, {
    status: 413,
    code: 'BODY_TOO_LARGE',
  });
  t.strictSame(await sent.rows(), []);
});

void test('without a token nothing is taken', async (t) => {
  const sent = await serve(t);
  for (const path of ['/api/v1/logs', '/v1/logs', '/loki/api/v1/push', '/_bulk', '/x/_bulk']) {
    t.equal((await sent.post(path, lines('a'), { authorization: 'Bearer wrong' })).status, 401, path);
  }
  t.strictSame(await sent.rows(), []);
});

void test('a datasource sends for the applications it owns; entries of others are named, a stranger is a 403', async (t) => {
  const sent = await serve(t);
  await sent.post('/api/v1/users', JSON.stringify({ username: 'dan', role: 'datasource', password: 'the password' }));
  const { json } = await sent.post('/api/v1/tokens', JSON.stringify({ username: 'dan' }));
  const dan = { authorization: `Bearer ${json.token}` };
  const entry = (application: string): string => `${JSON.stringify({ message: `of ${application}`, application })}\n`;
  t.match((await sent.post('/api/v1/logs', entry('shop'), dan)).json, {
    status: 403,
    detail: /dan does not own .*shop/,
  });
  await sent.post('/api/v1/logs', entry('shop'));
  await sent.post('/api/v1/applications', JSON.stringify({ name: 'shop', owner: 'dan' }));
  const some = await sent.post('/api/v1/logs', entry('api') + entry('shop'), dan);

  t.match(some.json, { accepted: 1, rejected: [{ index: 0, reason: /dan does not own .*api/ }] });
  t.strictSame(
    (await sent.rows()).filter(({ application }) => application === 'shop').map(({ message }) => message),
    ['of shop', 'of shop'],
  );
});

void test('a repeated Idempotency-Key stores nothing twice and is answered alike; another body under it is a 422', async (t) => {
  const sent = await serve(t);
  const key = { 'idempotency-key': '4711' };
  const body = `${lines('a')}nonsense`;
  const first = await sent.post('/api/v1/logs', body, key);
  const second = await sent.post('/api/v1/logs', gzipSync(body), { ...key, 'content-encoding': 'gzip' });
  const other = await sent.post('/api/v1/logs', lines('b'), key);
  await sent.post('/api/v1/logs', lines('c'), { 'idempotency-key': '4712' });

  t.strictSame(second.json, first.json);
  t.equal(first.headers.get('idempotency-replayed'), null);
  t.equal(second.headers.get('idempotency-replayed'), 'true');
  t.match(other.json, { status: 422, code: 'IDEMPOTENCY_KEY_REUSED' });
  t.strictSame(await messagesOf(sent), ['a', 'c']);
});

/** Appends wait until the test lets them go. */
function stalling(): { wrap: (store: Store) => Partial<Store>; release: () => void; batches: Batch[] } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const batches: Batch[] = [];
  return {
    batches,
    release: resolve,
    wrap: (store) => ({
      async append(batch: Batch) {
        batches.push(batch);
        await promise;
        return store.append(batch);
      },
    }),
  };
}

void test('a repetition while the first is under way waits for it, and stores nothing', async (t) => {
  const { wrap, release, batches } = stalling();
  const sent = await serve(t, wrap);
  const key = { 'idempotency-key': 'k' };
  const both = [sent.post('/api/v1/logs', lines('a'), key), sent.post('/api/v1/logs', lines('a'), key)];
  while (batches.length === 0) await new Promise(setImmediate);
  release();
  const answers = await Promise.all(both);

  t.strictSame(
    answers.map(({ status }) => status),
    [200, 200],
  );
  t.equal(answers.filter(({ headers }) => headers.get('idempotency-replayed') === 'true').length, 1);
  t.strictSame(await messagesOf(sent), ['a']);
});

void test('no answer before the rows are on disk; a store behind is a 429 with Retry-After, and takes rows again (F64)', async (t) => {
  const { wrap, release, batches } = stalling();
  const sent = await serve(t, wrap);
  let isAnswered = false;
  const first = sent.post('/api/v1/logs', lines('x'.repeat(2000))).finally(() => (isAnswered = true));
  while (batches.length === 0) await new Promise(setImmediate);
  const behind = await sent.post('/api/v1/logs', lines('b'));
  t.equal(behind.status, 429);
  t.equal(behind.headers.get('retry-after'), '1');
  t.match(behind.json, { code: 'STORE_BEHIND', hint: /Retry-After/ });
  t.equal((await sent.post('/v1/logs', '{}')).status, 429);
  t.notOk(isAnswered, 'the first still waits for the disk');
  release();

  t.equal((await first).status, 200);
  t.equal((await sent.post('/api/v1/logs', lines('c'))).status, 200);
});

void test('a store that does not confirm in time is a 503; the key makes the repetition safe', async (t) => {
  const { wrap, release, batches } = stalling();
  const sent = await serve(t, wrap);
  const key = { 'idempotency-key': 'k' };
  const first = sent.post('/api/v1/logs', lines('a'), key);
  while (batches.length === 0) await new Promise(setImmediate);
  sent.clock.advance(20_000);
  t.match((await first).json, { status: 503, code: 'COMMIT_LATE' });
  release();
  const again = await sent.post('/api/v1/logs', lines('a'), key);

  t.equal(again.status, 200);
  t.equal(again.headers.get('idempotency-replayed'), 'true');
  t.strictSame(await messagesOf(sent), ['a']);
});

void test('a store that fails is a 503 with Retry-After until it takes rows again (F38)', async (t) => {
  let isFull = true;
  const sent = await serve(t, (store) => ({
    async append(batch: Batch) {
      if (isFull) throw new RegressionError('STORE_FULL', 'the disk is full', { retryable: true });
      return store.append(batch);
    },
  }));
  const first = sent.post('/api/v1/logs', lines('a'));
  while (sent.clock.sleeping < 2) await new Promise(setImmediate); // the commit's deadline and the retry
  const second = await sent.post('/api/v1/logs', lines('b'));
  t.equal(second.status, 503);
  t.match(second.json, { code: 'STORE_FAILING', detail: /disk is full/ });
  t.equal(second.headers.get('retry-after'), '5');
  isFull = false;
  sent.clock.advance(2000);

  t.equal((await first).status, 200);
  t.strictSame(await messagesOf(sent), ['a']);
});

void test('OTLP: JSON is answered in JSON with what was rejected, protobuf in protobuf, anything else is a 415', async (t) => {
  const sent = await serve(t);
  const logRecords = [{ body: { stringValue: 'a' } }, { timeUnixNano: 'x' }];
  const body = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
  const partial = await sent.post('/v1/logs', body);
  const protobuf = { 'content-type': 'application/x-protobuf' };
  const broken = await sent.post('/v1/logs', Buffer.from([0xff]), protobuf);

  t.match(partial.json, { partialSuccess: { rejectedLogRecords: '1', errorMessage: /^not stored: 1: timeUnixNano/ } });
  t.strictSame((await sent.post('/v1/logs', '{}')).json, {});
  t.match((await sent.post('/v1/logs', '[]')).json, { code: 3, message: /ExportLogsServiceRequest/ });
  t.equal(
    (await sent.post('/v1/logs', Buffer.alloc(0), protobuf)).headers.get('content-type'),
    'application/x-protobuf',
  );
  t.equal(broken.status, 400);
  t.equal(broken.bytes[0], 0x08, 'a google.rpc.Status');
  t.match((await sent.post('/v1/logs', 'x', { 'content-type': 'text/plain' })).json, { status: 415, hint: /protobuf/ });
  t.strictSame(await messagesOf(sent), ['a']);
});

void test('Loki: 204 when all is stored, 400 naming what was not, 415 for snappy protobuf', async (t) => {
  const sent = await serve(t);
  const push = (...values: unknown[]): string => JSON.stringify({ streams: [{ stream: { app: 'shop' }, values }] });
  const good = await sent.post('/loki/api/v1/push', push(['1764000000000000000', 'a']));
  const bad = await sent.post('/loki/api/v1/push', push(['1764000000000000000', 'b'], ['soon', 'c']));
  const snappy = await sent.post('/loki/api/v1/push', Buffer.from([1, 2, 3]), {
    'content-type': 'application/x-protobuf',
  });

  t.equal(good.status, 204);
  t.equal(good.bytes.length, 0);
  t.match(bad.json, { status: 400, code: 'ENTRIES_REJECTED', accepted: 1, rejected: [{ index: 1 }] });
  t.match(snappy.json, { status: 415, detail: /snappy/, hint: /JSON/ });
  t.strictSame(await messagesOf(sent), ['a', 'b']);
});

void test('bulk: an answer for each action, in the shapes of Elasticsearch', async (t) => {
  const sent = await serve(t);
  const body = ['{"create":{"_id":"1"}}', '{"message":"a"}', '{"delete":{"_id":"1"}}', ''].join('\n');
  const { json, headers } = await sent.post('/logs-app/_bulk', body, { 'content-type': 'application/x-ndjson' });

  t.match(json, {
    errors: true,
    items: [
      { create: { _index: 'logs-app', _id: '1', result: 'created', status: 201 } },
      {
        delete: {
          _index: 'logs-app',
          _id: '1',
          status: 400,
          error: { type: 'document_parsing_exception', reason: /delete/ },
        },
      },
    ],
  });
  t.equal(typeof json.took, 'number');
  t.equal(headers.get('x-elastic-product'), 'Elasticsearch');
  t.match((await sent.post('/_bulk', 'x\n')).json, { status: 400, error: { type: 'illegal_argument_exception' } });
  t.strictSame(await messagesOf(sent), ['a']);
});

void test('bulk: a repeated _id is a 409 for create within a body; a body of documents with ids stores nothing when it comes again', async (t) => {
  const sent = await serve(t);
  const item = (action: string, id: string | undefined, message: string): string =>
    `${JSON.stringify({ [action]: { _id: id } })}\n${JSON.stringify({ message })}\n`;
  const body = item('create', '1', 'a') + item('create', '1', 'b') + item('index', '1', 'c');
  const first = await sent.post('/logs/_bulk', body);
  const again = await sent.post('/logs/_bulk', body);
  await sent.post('/others/_bulk', body);
  for (let time = 0; time < 2; time++) await sent.post('/logs/_bulk', item('create', undefined, 'without id'));

  t.match(first.json.items, [
    { create: { status: 201, result: 'created' } },
    { create: { _id: '1', status: 409, error: { type: 'version_conflict_engine_exception' } } },
    { index: { status: 201 } },
  ]);
  t.strictSame({ ...again.json, took: 0 }, { ...first.json, took: 0 });
  t.equal(again.headers.get('idempotency-replayed'), 'true');
  t.strictSame(await messagesOf(sent), ['a', 'c', 'a', 'c', 'without id', 'without id']);
});

void test('the routes are described in the OpenAPI document', async (t) => {
  const { url } = await serve(t);
  const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: Record<string, object> };

  t.match(paths, {
    '/api/v1/logs': { get: {}, post: { operationId: 'sendLogs' } },
    '/v1/logs': { post: {} },
    '/loki/api/v1/push': { post: {} },
    '/_bulk': { post: {} },
  });
});

void test('a Content-Type that is empty is refused with what to send', async (t) => {
  const sent = await serve(t);

  t.match((await sent.post('/loki/api/v1/push', '{}', { 'content-type': '' })).json, {
    status: 415,
    code: 'MEDIA_TYPE_UNKNOWN',
    hint: /application\/json/,
  });
});
