/** The client as programs use it. */
import { join } from 'node:path';
import { test } from 'tap';
import { type LogRow, type LogsQuery, RegressionClient } from '../../src/client/client.ts';
import { LiveFeed } from '../../src/query/live-feed.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { SearchPage, SearchRequest } from '../../src/search/request.ts';
import type { QueryLimits, Store } from '../../src/store/store.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { aRecord, someRecords } from '../records.ts';
import { serve, storeOf, token } from '../query/serve.ts';
import { tempDir } from '../temp-dir.ts';

void test('for await over batches acknowledges each when the loop comes back, and none that failed', async (t) => {
  const { client } = await serve(t, { store: await storeOf(someRecords(10)), append: async () => undefined });
  await client.createConsumer('job', { q: '-"row 3"' });
  const seen: string[] = [];
  await t.rejects(
    async () => {
      for await (const { rows } of client.batches('job', { max_rows: 4 })) {
        seen.push(...rows.map(({ message }) => message));
        if (seen.length === 8) throw new Error('the job broke');
      }
    },
    { message: 'the job broke' },
  );
  t.match(await client.consumer('job'), { acked_rows: 4, batch: { rows: 4, deliveries: 1 } });
  const after: string[] = [];
  for await (const { rows } of client.batches('job', { max_rows: 4 }))
    after.push(...rows.map(({ message }) => message));

  t.strictSame(seen.slice(0, 4), ['row 0', 'row 1', 'row 2', 'row 4']);
  t.strictSame(after, ['row 5', 'row 6', 'row 7', 'row 8', 'row 9'], 'the broken batch again, then the rest');
  t.match(await client.consumer('job'), { acked_rows: 9, lag: 0, batch: null });
});

void test('the next page is asked for while the loop works on one, no further one, and none when it is left', async (t) => {
  const store = await storeOf(someRecords(10));
  const [second, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let asked = 0;
  const { client } = await serve(t, {
    store: Object.assign<object, object>(Object.create(store) as object, {
      async search(request: SearchRequest, limits: QueryLimits): Promise<SearchPage> {
        if (++asked === 2) {
          second.resolve();
          limits.signal?.addEventListener('abort', () => ended.resolve());
          await ended.promise;
        }
        return store.search(request, limits);
      },
    }) as Store,
  });
  for await (const { message } of client.rows({ order: 'arrival', limit: 3 })) {
    t.equal(message, 'row 0');
    await second.promise;
    break;
  }
  await ended.promise;
  t.equal(asked, 2);
});

void test('lines are the rows as the endpoint writes them; an answer that breaks off is an error', async (t) => {
  const count = 10_500;
  const store = await storeOf(someRecords(count, { source: '/é.log' }));
  let fails: (asked: number) => boolean = () => false;
  let asked = 0;
  const { client } = await serve(t, {
    store: Object.assign<object, object>(Object.create(store) as object, {
      async search(request: SearchRequest, limits: QueryLimits): Promise<SearchPage> {
        if (fails(++asked)) throw new Error('it broke');
        return store.search(request, limits);
      },
    }) as Store,
  });
  const messagesOf = async (query: LogsQuery): Promise<string[]> => {
    const messages: string[] = [];
    for await (const piece of client.lines(query)) {
      t.ok(piece.endsWith('\n'));
      for (const line of piece.trimEnd().split('\n')) messages.push((JSON.parse(line) as LogRow).message);
    }
    return messages;
  };
  const all = Array.from({ length: count }, (_, index) => `row ${index}`);

  t.strictSame(await messagesOf({ order: 'arrival' }), all);
  t.strictSame(await messagesOf({ order: 'desc', limit: 4000 }), all.toReversed(), 'several answers');
  t.strictSame(await messagesOf({ q: 'nowhere' }), []);
  asked = 0;
  fails = (number) => number === 2;
  t.strictSame(await messagesOf({ order: 'arrival' }), all, 'it goes on behind the last row that came');
  asked = 0;
  await t.rejects(messagesOf({ order: 'desc' }), { code: 'DAEMON_UNREACHABLE' });
  asked = 0;
  fails = (number) => number >= 2;
  await t.rejects(messagesOf({ order: 'arrival' }), { code: 'DAEMON_UNREACHABLE' });
});

void test('for await over a tail gives rows as they come, and leaving the loop ends it', async (t) => {
  const store = new SqliteStore(':memory:');
  const feed = new LiveFeed();
  const { client } = await serve(t, { store, feed, clock: systemClock });
  const seen: string[] = [];
  const watching = (async () => {
    for await (const { row } of client.tail({ q: 'wanted' })) {
      seen.push(row?.message ?? '');
      if (seen.length === 2) break;
    }
  })();
  while (feed.watcherCount === 0) await new Promise((resolve) => setImmediate(resolve));
  const append = feed.appendTo(store);
  for (const message of ['wanted 1', 'other', 'wanted 2']) {
    await append({ records: [aRecord({ message })], positions: [], gaps: [] });
  }
  await watching;

  t.strictSame(seen, ['wanted 1', 'wanted 2']);
  while (feed.watcherCount > 0) await new Promise((resolve) => setImmediate(resolve));
});

void test('follow comes back to an endpoint that was away: each row once, then live, and says that it was cut off', async (t) => {
  const listen = `unix:${join(await tempDir(t), 'query.sock')}`;
  const store = new SqliteStore(':memory:');
  const feed = new LiveFeed();
  const append = feed.appendTo(store);
  const add = (...messages: string[]) =>
    append({ records: messages.map((message) => aRecord({ message })), positions: [], gaps: [] });
  const serving = () => serve(t, { store, feed, listen, clock: systemClock });
  const before = await serving();
  const client = new RegressionClient({ url: listen, token });
  t.teardown(() => client.close());
  await add('too early');

  const events = client.follow({ q: 'wanted' });
  const watched = async (): Promise<void> => {
    while (feed.watcherCount === 0) await new Promise((resolve) => setImmediate(resolve));
  };
  /** Of the next row; word of a lost connection comes as often as it is tried in vain. */
  const nextMessage = async (): Promise<string | undefined> => {
    for (;;) {
      const { value } = await events.next();
      if (value.lost === undefined) return value.row?.message;
    }
  };

  const first = nextMessage();
  await watched();
  await add('wanted 1');
  t.equal(await first, 'wanted 1');
  const lost = events.next();
  await before.stop();
  t.match((await lost).value, { lost: { retryMs: 100 } });
  await add('wanted 2', 'other', 'wanted 3');
  await serving();
  t.strictSame([await nextMessage(), await nextMessage()], ['wanted 2', 'wanted 3']);
  const last = nextMessage();
  await watched();
  await add('wanted 4');
  t.equal(await last, 'wanted 4');
  await events.return(undefined);
  while (feed.watcherCount > 0) await new Promise((resolve) => setImmediate(resolve));
});

void test('follow gives up on what coming back cannot mend', async (t) => {
  const { client, url, stop } = await serve(t);
  const next = (asking: RegressionClient, q: string) => asking.follow({ q })[Symbol.asyncIterator]().next();
  await t.rejects(next(client, '('), { code: 'QUERY_INVALID' });
  const nobody = new RegressionClient({ url, token: 'rgr_wrong' });
  t.teardown(() => nobody.close());
  await t.rejects(next(nobody, 'a'), { code: 'UNAUTHORIZED' });
  await stop();
  await t.rejects(next(client, 'a'), { code: 'DAEMON_UNREACHABLE' }, 'an endpoint that was never there');
});

void test('one who comes back after retention is told which ids have gone', async (t) => {
  const store = new SqliteStore(join(await tempDir(t), 'regression.db'));
  const { client } = await serve(t, { store });
  for (let segment = 0; segment < 5; segment++) {
    await store.append({ records: someRecords(10), positions: [], gaps: [] });
    await store.rotate();
  }
  await store.removeSegments([1, 11, 31], 'age');
  const told: unknown[] = [];
  for await (const event of client.tail({ after_id: 5 })) {
    told.push(event.missed ?? event.row?.id);
    if (event.row?.id === 50) break;
  }
  const from = (id: number): number[] => Array.from({ length: 10 }, (_, index) => id + index);
  const [first, second] = [
    { rows: 15, first_id: 6, last_id: 20 },
    { rows: 10, first_id: 31, last_id: 40 },
  ];
  t.strictSame(told, [first, ...from(21), second, ...from(41)]);
  await store.close();
});

void test('errors carry the code, the hint, and whether to come again', async (t) => {
  const { client, url } = await serve(t);
  await t.rejects(client.logs({ q: 'severity:lowd' }), {
    code: 'QUERY_INVALID',
    message: /^q: column 10/,
    hint: /severity/,
  });
  await t.rejects(client.row(7), { code: 'NOT_FOUND' });
  await t.rejects(client.pull('nobody'), { code: 'NOT_FOUND' });
  const nobody = new RegressionClient({ url, token: 'rgr_wrong' });
  await t.rejects(nobody.logs(), { code: 'UNAUTHORIZED' });
  const closed = new RegressionClient({ url: 'http://127.0.0.1:9', token: 'x' });
  await t.rejects(closed.logs(), { code: 'DAEMON_UNREACHABLE', hint: /running/ });
  await Promise.all([nobody.close(), closed.close()]);
});

void test('every question has its method', async (t) => {
  const { client } = await serve(t, { store: await storeOf(someRecords(20, { metadata: [['k', 'v']] })) });
  t.match(await client.row(3), { message: 'row 2' });
  t.match(await client.context(3, { before: 1, after: 1 }), {
    before: [{ id: 2 }],
    row: { id: 3 },
    after: [{ id: 4 }],
  });
  t.match(await client.facets(), { rows: 20, facets: [{ field_name: 'severity' }] });
  t.match(await client.fieldNames(), { values: [{ value: 'k', hits: 20 }] });
  t.match(await client.fieldValues({ field: 'k' }), { values: [{ value: 'v', hits: 20 }] });
  t.match(await client.hits({ step: '1h' }), { hits: [{ total: 20 }] });
  t.match(await client.registerApplication({ name: 'x' }), { name: 'x', owner: null });
  t.ok((await client.applications()).some(({ name }) => name === 'shop'));
});
