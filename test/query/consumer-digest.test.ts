/** Consumers that pull what a batch says instead of its rows. */
import { test } from 'tap';
import { PatternMiner } from '../../src/pattern/miner.ts';
import type { LogRecord } from '../../src/record/log-record.ts';
import { openStore } from '../../src/store/remote-store.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { regressionHere } from '../commands/in-process.ts';
import { aRecord, someRecords } from '../records.ts';
import { memoryDir } from '../temp-dir.ts';
import { minedStore } from './mined-store.ts';
import { serve } from './serve.ts';

const at = (minute: number): string => `2026-11-24T03:${String(minute).padStart(2, '0')}:00.000000Z`;

/** Three days ago a login failure; today it comes again, and with it an error that nobody had seen. */
async function storeOfTwoDays(): Promise<SqliteStore> {
  const store = new SqliteStore(':memory:');
  const miner = new PatternMiner({ maxPatterns: 1000, maxPatternsPerApplication: 1000 });
  const append = (records: readonly LogRecord[]) =>
    store.append({ records, positions: [], gaps: [], patterns: miner.observe(records) });
  await append([
    aRecord({ message: 'login of user 1 failed', severity: 'ERROR', timestamp: '2026-11-21T03:00:00.000000Z' }),
  ]);
  await append([
    ...Array.from({ length: 2500 }, (_, index) => aRecord({ message: `served request ${index}`, timestamp: at(1) })),
    aRecord({ message: 'login of user 2 failed', severity: 'ERROR', timestamp: at(2) }),
    aRecord({ message: 'ledger 7 is torn', severity: 'ERROR', timestamp: at(3), metadata: [['trace_id', 'abc']] }),
    aRecord({ message: 'charging card', timestamp: at(3), metadata: [['trace_id', 'abc']] }),
  ]);
  return store;
}

void test('a batch pulled as a digest says what is in its rows, comes again unchanged, and is acknowledged like any other', async (t) => {
  const { client } = await serve(t, { store: await storeOfTwoDays() });
  await client.createConsumer('nightly', { application: 'shop', from: 'id:1' });

  const first = await client.pull('nightly', { view: 'digest', max_tokens: 1200 });
  const again = await client.pull('nightly', { view: 'digest', max_tokens: 1200 });

  t.match(first, { row_count: 2503, rows: [], deliveries: 1 });
  t.strictSame([again.batch, again.digest], [first.batch, first.digest]);
  const text = first.digest?.text ?? '';
  t.ok((first.digest?.tokens ?? Infinity) <= 1200);
  t.match(text, '2,503 records, 4 patterns: INFO 2,501, ERROR 2');
  t.match(text, '**2,500** INFO `shop` (`2.3.1`) `served request <*>`');
  const [news = '', known = ''] = text.split('## Errors known before');
  t.match(news, /## New errors\n\n- \*\*1\*\* ERROR `shop` \(`2\.3\.1`\) `ledger <\*> is torn`/);
  t.match(news, 'same request, `trace_id`=`abc`, 1 more records');
  t.match(known, /`login of user <\*> failed`\n {2}first 2026-11-21T03:00:00Z/);
  t.match(await client.ack('nightly', first.batch ?? ''), { acked_rows: 2503, batch: null });
  t.match(await client.pull('nightly', { view: 'digest' }), { batch: null, digest: null, row_count: 0 });
});

void test('an error of the batch before is not new in the next one, however near they are', async (t) => {
  const store = new SqliteStore(':memory:');
  const miner = new PatternMiner({ maxPatterns: 1000, maxPatternsPerApplication: 1000 });
  const second = (seconds: number) => `2026-11-24T03:31:${seconds}.000000Z`;
  const records = [
    aRecord({ message: 'ledger torn', severity: 'ERROR', timestamp: second(10) }),
    aRecord({ message: 'ledger torn', severity: 'ERROR', timestamp: second(20) }),
    aRecord({ message: 'no mail', severity: 'ERROR', timestamp: second(30) }),
    // Far enough for wide buckets, whose first one begins before the batch.
    aRecord({ message: 'no mail', severity: 'ERROR', timestamp: '2026-11-24T23:59:00.000000Z' }),
  ];
  await store.append({ records, positions: [], gaps: [], patterns: miner.observe(records) });
  const { client } = await serve(t, { store });
  await client.createConsumer('job', { application: 'shop', from: 'id:1' });

  const first = await client.pull('job', { view: 'digest', max_rows: 1 });
  await client.ack('job', first.batch ?? '');
  const next = await client.pull('job', { view: 'digest' });

  t.match(first.digest?.text, 'Errors known before\n\n- **1** ERROR `shop` (`2.3.1`) `ledger torn`');
  const [news = '', known = ''] = (next.digest?.text ?? '').split('## Errors known before');
  t.match(news, 'New errors\n\n- **2** ERROR `shop` (`2.3.1`) `no mail`');
  t.notOk(known.includes('no mail'));
});

void test('a digest is of the rows that its consumer wants, so many as it asks for', async (t) => {
  const { client } = await serve(t, { store: await storeOfTwoDays() });
  await client.createConsumer('errors', { q: 'severity:>=error' });

  const first = await client.pull('errors', { view: 'digest', max_rows: 2 });
  await client.ack('errors', first.batch ?? '');
  const second = await client.pull('errors', { view: 'digest', max_rows: 2 });

  t.match(first.digest?.text, /2 records, 1 patterns: ERROR 2/);
  t.match(second, { row_count: 1, digest: { text: /ledger/ } });
});

void test('a batch may come as a digest and then as its rows, unless it is too large for an answer', async (t) => {
  const { client } = await serve(t, { store: await minedStore(someRecords(10_200)) });
  await client.createConsumer('job', { application: 'shop' }); // without the audit row of this

  const small = await client.pull('job', { view: 'digest', max_rows: 3 });
  const rows = await client.pull('job');

  t.strictSame([rows.batch, rows.rows.map(({ message }) => message)], [small.batch, ['row 0', 'row 1', 'row 2']]);
  await client.seek('job', 'beginning');
  t.match(await client.pull('job', { view: 'digest' }), { row_count: 10_200 });
  await t.rejects(client.pull('job'), { code: 'CONFLICT' });
  await client.seek('job', 'beginning');
  t.match(await client.pull('job', { max_rows: 10_000, max_bytes: 16_000_000 }), { row_count: 10_000 });
  await t.rejects(client.pull('job', { max_rows: 10_001 }), { code: 'QUERY_INVALID' });
  await t.rejects(client.pull('job', { view: 'digest', max_tokens: 299 }), { code: 'QUERY_INVALID' });
});

void test(
  '`regression consumers pull` prints the digest or the rows, and `ack` takes its batch',
  { timeout: 120_000 },
  async (t) => {
    const dataDir = await memoryDir(t);
    const store = await openStore({ dataDir });
    await store.append({ records: someRecords(5), positions: [], gaps: [] });
    const settings = { owner: 'admin', filter: {}, ackWaitMs: 60_000, maxDeliver: 5, position: 0 };
    await store.state.createConsumer({ name: 'nightly', ...settings });
    await store.close();
    const run = (...args: string[]) => regressionHere(['consumers', ...args, '--data-dir', dataDir], dataDir);

    const digest = await run('pull', 'nightly', '--view', 'digest', '--tokens', '500');
    const batch = /--batch (\S+)/.exec(digest.stderr)?.[1] ?? '';
    const acked = await run('ack', 'nightly', '--batch', batch, '--json');
    const rows = await run('pull', 'nightly');

    t.match(digest.stdout, /^# Logs from 2026-11-24T03:00:00.*\n\n5 records, 1 patterns/);
    t.match(digest.stderr, `5 rows, 0 behind them; when done: regression consumers ack nightly --batch ${batch}`);
    t.match(acked, { code: 0, stdout: /"acked_rows":5/ });
    t.match(rows, { code: 0, stdout: '', stderr: /no more rows/ });
    t.match(await run('ack', 'nightly'), { code: 2, stderr: /--batch is missing/ });
  },
);
