/** `POST /sql`, `/results`, and the cache of answers, over real sockets. */
import { test } from 'tap';
import { LiveFeed } from '../../src/query/live-feed.ts';
import { QueryCache, cacheLimits } from '../../src/query/query-cache.ts';
import type { SearchRequest } from '../../src/search/request.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { ManualClock } from '../manual-clock.ts';
import { encodedRows } from '../../src/store/batch-encoding.ts';
import { someRecords } from '../records.ts';
import { authorization, serve, storeOf } from './serve.ts';

void test('sql answers columns and rows, refuses what is more than reading, and both are audited', async (t) => {
  const { send, client, get } = await serve(t, { store: await storeOf(someRecords(5)) });
  const answer = await client.sql('SELECT id, message FROM logs ORDER BY id DESC', { max_rows: 2 });
  const refused = await send('POST', '/api/v1/sql', { sql: "ATTACH '/tmp/x' AS x" });
  const secret = await send('POST', '/api/v1/sql', { sql: 'SELECT * FROM users' });

  t.match(answer, {
    columns: ['id', 'message'],
    rows: [
      [5, 'row 4'],
      [4, 'row 3'],
    ],
    limit: 'rows',
    files: ['regression.db'],
    complete: true,
    left_out: 0,
  });
  t.match(refused.json, { status: 400, code: 'QUERY_INVALID', detail: /it begins with ATTACH/, parameter: 'sql' });
  t.match(secret.json, { status: 403, code: 'FORBIDDEN', detail: /credentials/ });
  const { json } = await get('/api/v1/logs?application=regression&order=arrival');
  t.strictSame(
    json.rows.map(({ message }: { message: string }) => message.replace(/ (SELECT|ATTACH).*/, '')),
    ['admin.token: sql', 'admin.token: sql.refused', 'admin.token: sql.refused'],
  );
  t.equal((await send('POST', '/api/v1/sql', { sql: 'SELECT 1', max_rows: 10_001 })).status, 400);
  t.equal((await send('POST', '/api/v1/sql', { sql: ' '.repeat(70_000) })).status, 400);
  t.match((await send('POST', '/api/v1/sql', { sql: 'SELECT 1', start: 'soon' })).json, { parameter: 'start' });
  const count = 'SELECT count(*) AS n FROM logs';
  t.strictSame((await client.sql(count, { start: '2026-11-24T03:00:03Z', end: '2026-11-24T03:00:05Z' })).rows, [[2]]);
});

void test('a result is kept as it was put, under its etag, for its time', async (t) => {
  const clock = new ManualClock('2026-11-24T04:00:00Z');
  const { send, get } = await serve(t, { clock });
  const put = (body: string, headers: object = {}) =>
    send('PUT', '/api/v1/results/digest:shop:1.4.2?ttl=1h', body, {
      ...authorization,
      'content-type': 'text/markdown',
      ...headers,
    });
  const first = await put('# héllo');
  const got = await get('/api/v1/results/digest:shop:1.4.2');

  t.equal(first.status, 200);
  t.match(first.json, { key: 'digest:shop:1.4.2', expires_at: '2026-11-24T05:00:00.000Z' });
  t.equal(got.text, '# héllo');
  t.equal(got.headers.get('content-type'), 'text/markdown');
  t.equal(got.headers.get('etag'), first.json.etag);
  for (const tags of [first.json.etag, `W/${first.json.etag}`, `"other", ${first.json.etag}`, '*']) {
    const { status } = await get('/api/v1/results/digest:shop:1.4.2', { ...authorization, 'if-none-match': tags });
    t.equal(status, 304, tags);
  }
  t.equal((await put('other', { 'if-none-match': '*' })).status, 409, 'only where there is none');
  t.equal((await put('other', { 'if-match': '"wrong"' })).status, 409, 'only over what was seen');
  t.equal((await put('other', { 'if-match': first.json.etag })).status, 200);
  clock.advance(3_600_000);
  t.equal((await get('/api/v1/results/digest:shop:1.4.2')).status, 404, 'expired');
});

void test('results are checked, removed, and bounded', async (t) => {
  const store = new SqliteStore(':memory:');
  const { send, get, client } = await serve(t, { store });
  await client.putResult('a', { answer: 42 });
  t.strictSame(await client.result('a'), { answer: 42 });
  t.equal((await send('DELETE', '/api/v1/results/a')).status, 204);
  t.equal((await send('DELETE', '/api/v1/results/a')).status, 404);
  t.equal(await client.result('a'), null);
  t.equal((await send('PUT', '/api/v1/results/a', 'x'.repeat(1024 * 1024 + 1))).status, 413);
  t.equal((await send('PUT', '/api/v1/results/a?ttl=soon', 'x')).status, 400);
  t.equal((await get('/api/v1/results/..%2f..%2fetc%2fpasswd')).status, 400, 'a key is no path');

  const result = { owner: 'x', etag: '"x"', contentType: 'text/plain', expiresAt: '2027' };
  for (let index = 0; index < 5; index++) {
    const createdAt = `2026-11-24T04:00:0${index}Z`;
    await store.state.putResult({ ...result, key: `k${index}`, body: Buffer.alloc(100), createdAt }, {}, 300);
  }
  const kept = await Promise.all([0, 1, 2, 3, 4].map((index) => store.state.result(`k${index}`, '2026-11-24T05')));
  t.strictSame(
    kept.map((found) => found !== null),
    [false, false, true, true, true],
    'the oldest go',
  );
});

void test('the same question is answered from memory until something comes in', async (t) => {
  const clock = new ManualClock();
  const feed = new LiveFeed();
  let asked = 0;
  const page = { ndjson: 'x'.repeat(1000), rowCount: 1, last: null, hasMore: false, lastId: 1, firstId: 1, holes: [] };
  const store = {
    search: async () => (asked++, page),
    hits: async () => (asked++, []),
    fieldCounts: async () => (asked++, { fields: [], rows: 0, truncated: false }),
  };
  const cache = new QueryCache(store, feed, clock);
  const request: SearchRequest = { filter: {}, order: 'asc', limit: 1 };
  const ask = async (): Promise<number> => {
    await cache.search(request, { deadlineMs: 1 });
    return asked;
  };
  t.strictSame([await ask(), await ask(), await ask()], [1, 1, 1]);
  feed.publish(encodedRows(someRecords(1)), 1);
  t.strictSame([await ask(), await ask()], [2, 3], 'just after a commit a snapshot may not have it yet');
  clock.advance(500);
  t.strictSame([await ask(), await ask()], [4, 4]);
  clock.advance(cacheLimits.maxAgeMs + 1);
  t.equal(await ask(), 5, 'not for ever: retention commits nothing');

  for (let limit = 1; limit <= cacheLimits.entries * 3; limit++)
    await cache.search({ ...request, limit: limit + 1 }, { deadlineMs: 1 });
  t.ok(cache.bytes <= cacheLimits.entries * 2200, 'bounded in entries');
  page.ndjson = 'x'.repeat(400_000);
  for (let limit = 1; limit <= 50; limit++) await cache.search({ ...request, order: 'desc', limit }, { deadlineMs: 1 });
  t.ok(cache.bytes <= cacheLimits.bytes, 'bounded in bytes');
});

void test('while rows come in all the time, an answer holds as long as it took to get', async (t) => {
  const clock = new ManualClock();
  const feed = new LiveFeed();
  let [asked, costMs] = [0, 40];
  const hits = async () => {
    asked++;
    clock.advance(costMs);
    return [];
  };
  const cache = new QueryCache({ hits } as never, feed, clock);
  const ask = async (): Promise<number> => {
    feed.publish(encodedRows(someRecords(1)), feed.lastId + 1);
    await cache.hits({ filter: {}, stepSeconds: 60 }, { deadlineMs: 1 });
    return asked;
  };
  t.strictSame([await ask(), await ask()], [1, 1]);
  clock.advance(39);
  t.equal(await ask(), 1);
  clock.advance(1);
  costMs = 60_000;
  t.equal(await ask(), 2);
  clock.advance(cacheLimits.maxHeldMs - 1);
  t.equal(await ask(), 2);
  clock.advance(1);
  t.equal(await ask(), 3, 'however long it took');
});
