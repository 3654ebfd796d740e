/** The client as programs use it. */
import { test } from 'tap';
import { RegressionClient } from '../../src/client/client.ts';
import { LiveFeed } from '../../src/query/live-feed.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { aRecord, someRecords } from '../records.ts';
import { serve, storeOf } from '../query/serve.ts';

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
