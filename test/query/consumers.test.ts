/** Consumers over real sockets: leases, redelivery, parking, limits, gaps. */
import { test, type Test } from 'tap';
import { LiveFeed } from '../../src/query/live-feed.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import type { LogRow } from '../../src/search/request.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { ManualClock } from '../manual-clock.ts';
import { aRecord, someRecords } from '../records.ts';
import { serve } from './serve.ts';

async function withConsumer(
  t: Test,
  {
    rows = 10,
    settings = {},
    clock = new ManualClock('2026-11-24T04:00:00Z'),
  }: { rows?: number; settings?: object; clock?: Clock } = {},
) {
  const store = new SqliteStore(':memory:');
  const feed = new LiveFeed();
  const append = feed.appendTo(store);
  if (rows > 0) await append({ records: someRecords(rows), positions: [], gaps: [] });
  const asked = await serve(t, { store, feed, clock, append: async () => undefined });
  const created = await asked.send('PUT', '/api/v1/consumers/job', settings);
  t.equal(created.status, 200, created.text);
  const call = (verb: string, body: object = {}) => asked.send('POST', `/api/v1/consumers/job/${verb}`, body);
  return {
    ...asked,
    store,
    append,
    clock,
    call,
    pull: async (body: object = {}) => (await call('pull', { max_rows: 3, ...body })).json,
    ack: async (batch: string) => (await call('ack', { batch })).status,
  };
}

const messages = ({ rows }: { rows: LogRow[] }): string[] => rows.map(({ message }) => message);

void test('pull, ack, pull: every row once, in the order of arrival', async (t) => {
  const { pull, ack } = await withConsumer(t);
  const seen: string[] = [];
  for (let batch = await pull(); batch.batch !== null; batch = await pull()) {
    seen.push(...messages(batch));
    t.equal(batch.deliveries, 1);
    t.equal(await ack(batch.batch), 200);
    t.equal(await ack(batch.batch), 200, 'an ack may be repeated');
  }

  t.strictSame(
    seen,
    Array.from({ length: 10 }, (_, index) => `row ${index}`),
  );
});

void test('an unacked batch comes again unchanged, whatever has come in meanwhile; its lease ends and begins anew', async (t) => {
  const { pull, append, clock, get } = await withConsumer(t, { settings: { ack_wait: '30s' } });
  const first = await pull();
  await append({ records: someRecords(5), positions: [], gaps: [] });
  const again = await pull({ max_rows: 100 });
  (clock as ManualClock).advance(30_000);
  const late = await pull();

  t.strictSame([again.batch, again.deliveries, again.rows], [first.batch, 1, first.rows], 'within the lease');
  t.strictSame([late.batch, late.deliveries, late.rows], [first.batch, 2, first.rows], 'after it');
  t.equal(late.leased_until, '2026-11-24T04:01:00.000Z');
  t.match((await get('/api/v1/consumers/job')).json, {
    position: 0,
    lag: 15,
    batch: { id: first.batch, deliveries: 2, rows: 3 },
  });
});

void test('two pulls at once get the same batch', async (t) => {
  const { pull } = await withConsumer(t);
  const answers = await Promise.all(Array.from({ length: 10 }, () => pull()));

  t.equal(new Set(answers.map(({ batch }) => batch)).size, 1);
  for (const answer of answers) t.strictSame(messages(answer), ['row 0', 'row 1', 'row 2']);
});

void test('nak gives the batch back, at once or after a while', async (t) => {
  const { pull, call, clock } = await withConsumer(t);
  const first = await pull();
  await call('nak', { batch: first.batch });
  const second = await pull();
  await call('nak', { batch: first.batch, delay: '10s' });
  const waiting = await pull();
  (clock as ManualClock).advance(10_000);
  const third = await pull();

  t.strictSame(
    [first, second, waiting, third].map(({ deliveries }) => deliveries),
    [1, 2, 2, 3],
  );
  t.match((await call('nak', { batch: 'other' })).json, { status: 409, code: 'CONFLICT' });
});

void test('after max_deliver deliveries a batch is parked, named, and the next one comes', async (t) => {
  const { pull, clock, get, ack } = await withConsumer(t, { settings: { ack_wait: '1s', max_deliver: 2 } });
  const poison = await pull();
  (clock as ManualClock).advance(1000);
  t.equal((await pull()).batch, poison.batch);
  (clock as ManualClock).advance(1000);
  const next = await pull();

  t.strictSame(messages(next), ['row 3', 'row 4', 'row 5']);
  t.equal(await ack(poison.batch), 409);
  t.match((await get('/api/v1/consumers/job/parked')).json, [{ first_id: 1, last_id: 3, rows: 3 }]);
  t.match((await get('/api/v1/consumers/job')).json, { parked_batches: 1, position: 3 });
});

void test('a batch keeps to its limits in rows, bytes and tokens, but is never empty', async (t) => {
  const { pull, call, append } = await withConsumer(t, { rows: 0 });
  await append({ records: someRecords(50, { message: 'x'.repeat(1000) }), positions: [], gaps: [] });
  const rows = async (limits: object): Promise<number> => {
    const answer = await pull(limits);
    await call('seek', { from: 'beginning' });
    t.ok(
      !('max_bytes' in limits) ||
        answer.rows.length === 1 ||
        Buffer.byteLength(answer.rows.map((row: LogRow) => `${JSON.stringify(row)}\n`).join('')) <=
          Number(limits.max_bytes),
    );
    return answer.rows.length;
  };

  t.equal(await rows({ max_rows: 7 }), 7);
  t.equal(await rows({ max_rows: 100 }), 50);
  t.equal(await rows({ max_rows: 100, max_bytes: 12_500 }), 10);
  t.equal(await rows({ max_rows: 100, max_tokens: 1000 }), 3);
  t.match(await pull({ max_rows: 100, max_bytes: 10 }), { over_limit: true, rows: [{ id: 1 }] });
});

void test('only wanted rows are given, and the place moves on where none is', async (t) => {
  const { pull, ack, append, get } = await withConsumer(t, {
    settings: { q: 'severity:>=error', meta: { region: 'eu' } },
  });
  t.match(await pull(), { batch: null, rows: [], lag: 0 });
  t.match((await get('/api/v1/consumers/job')).json, { position: 10, lag: 0 });
  await append({
    records: [
      aRecord({ severity: 'ERROR', message: 'no region' }),
      aRecord({ severity: 'ERROR', message: 'wanted', metadata: [['region', 'eu']] }),
      aRecord({ message: 'no error', metadata: [['region', 'eu']] }),
    ],
    positions: [],
    gaps: [],
  });
  const batch = await pull();

  t.strictSame(messages(batch), ['wanted']);
  t.equal(await ack(batch.batch), 200);
  t.equal((await pull()).batch, null);
});

void test('a pull waits for rows when it is told to', async (t) => {
  const { pull, append } = await withConsumer(t, { rows: 0, clock: systemClock, settings: { from: 'end' } });
  const waiting = pull({ wait: '30s' });
  await new Promise((resolve) => setTimeout(resolve, 50));
  await append({ records: someRecords(1), positions: [], gaps: [] });

  t.strictSame(messages(await waiting), ['row 0']);
  t.match(await pull({ wait: '0' }), { deliveries: 1 });
});

void test('a consumer begins where it is told, and can be moved', async (t) => {
  const { pull, call, send, get } = await withConsumer(t);
  const from = async (place: string): Promise<string[]> => {
    await call('seek', { from: place });
    return messages(await pull());
  };
  t.strictSame(await from('id:7'), ['row 7', 'row 8', 'row 9']);
  t.strictSame(await from('end'), []);
  t.strictSame(await from('2026-11-24T03:00:05Z'), ['row 5', 'row 6', 'row 7']);
  t.strictSame(await from('beginning'), ['row 0', 'row 1', 'row 2']);
  t.match((await call('seek', { from: 'id:999999' })).json, { position: 10, lag: 0 });
  t.match((await call('seek', { from: 'nowhere' })).json, { code: 'QUERY_INVALID' });

  t.match(
    (await send('PUT', '/api/v1/consumers/job', { max_deliver: 9 })).json,
    { max_deliver: 9 },
    'settings may change',
  );
  t.match((await send('PUT', '/api/v1/consumers/job', { q: 'else' })).json, { code: 'CONFLICT' }, 'the filter may not');
  t.match((await get('/api/v1/consumers')).json, [{ name: 'job' }]);
  t.equal((await send('DELETE', '/api/v1/consumers/job')).status, 200);
  t.equal((await get('/api/v1/consumers/job')).status, 404);
});

void test("a viewer's consumers are its own", async (t) => {
  const { send, get } = await withConsumer(t);
  for (const username of ['vera', 'viktor']) {
    await send('POST', '/api/v1/users', { username, password: 'long enough', role: 'viewer' });
  }
  const tokenOf = async (username: string) => ({
    authorization: `Bearer ${(await send('POST', '/api/v1/tokens', { username })).json.token}`,
  });
  const [vera, viktor] = [await tokenOf('vera'), await tokenOf('viktor')];
  t.equal((await send('PUT', '/api/v1/consumers/hers', {}, vera)).status, 200);

  t.equal((await send('POST', '/api/v1/consumers/hers/pull', {}, vera)).status, 200);
  t.equal((await send('POST', '/api/v1/consumers/hers/pull', {}, viktor)).status, 403);
  t.equal((await get('/api/v1/consumers/job', viktor)).status, 403);
  t.strictSame((await get('/api/v1/consumers', viktor)).json, []);
  t.equal((await get('/api/v1/consumers')).json.length, 2);
});
