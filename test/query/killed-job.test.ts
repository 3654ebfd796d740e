/** Consumers whose job is killed, and consumers that retention overtakes: over real sockets and files. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Test, test } from 'tap';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { someRecords } from '../records.ts';
import { tempDir } from '../temp-dir.ts';
import { serve, token } from './serve.ts';

const program = fileURLToPath(new URL('./killed-job.ts', import.meta.url));
const steps = [
  'before the pull',
  'during the pull',
  'after the pull',
  'half way through',
  'before the ack',
  'during the ack',
  'after the ack',
] as const;

void test(
  'a job that is killed (SIGKILL) at every step sees each row, and none again that it knows to be acknowledged (F36)',
  { timeout: 180_000 },
  async (t) => {
    const directory = await tempDir(t);
    const store = new SqliteStore(join(directory, 'regression.db'));
    t.teardown(() => store.close());
    const { url, client } = await serve(t, { store, append: async () => undefined });
    await store.append({ records: someRecords(60), positions: [], gaps: [] });
    await client.createConsumer('nightly', { max_deliver: 100 });
    const ledger = join(directory, 'ledger');
    await writeFile(ledger, '');

    for (const step of [...steps, 'never']) {
      const job = spawn(process.execPath, [program, url, token, step, ledger], { stdio: ['ignore', 'ignore', 'pipe'] });
      let complaint = '';
      job.stderr.on('data', (text) => (complaint += String(text)));
      const [code, signal] = (await once(job, 'close')) as [number | null, string | null];
      t.strictSame([code, signal], step === 'never' ? [0, null] : [null, 'SIGKILL'], `${step} ${complaint}`);
    }

    const lines = (await readFile(ledger, 'utf8')).trimEnd().split('\n');
    const seen = new Set<string>();
    const acknowledged = new Set<string>();
    const idsOf = new Map<string, Set<string>>();
    for (const line of lines) {
      const [what, batch = '', id = ''] = line.split(' ');
      if (what === 'acked') for (const of of idsOf.get(batch) ?? []) acknowledged.add(of);
      else {
        t.notOk(acknowledged.has(id), `row ${id} comes again`);
        seen.add(id);
        idsOf.set(batch, (idsOf.get(batch) ?? new Set()).add(id));
      }
    }
    t.equal(seen.size, 60, 'each row at least once');
    t.match(await client.consumer('nightly'), { position: 60, lag: 0, batch: null, acked_rows: 60, parked_batches: 0 });
  },
);

void test('retention that overtakes a consumer is a stated gap, also of the batch that is out', async (t) => {
  const { client, store } = await fourSegments(t);
  await client.createConsumer('slow');
  await client.createConsumer('slower');
  const first = await client.pull('slow', { max_rows: 5 });
  await client.ack('slow', first.batch ?? '');
  const out = await client.pull('slower', { max_rows: 15 });
  t.equal(out.rows.length, 15);

  await store.removeSegments([1, 11], 'size');
  const next = await client.pull('slow', { max_rows: 5 });
  const again = await client.pull('slower');

  t.strictSame(next.gap, { first_id: 6, last_id: 20 });
  t.strictSame(
    next.rows.map(({ id }) => id),
    [21, 22, 23, 24, 25],
  );
  t.match(await client.consumer('slow'), { lost_ids: 15, position: 5 });
  t.equal(again.batch, out.batch, 'the batch that was out');
  t.strictSame([again.rows, again.gap], [[], { first_id: 1, last_id: 15 }], 'has lost all its rows');
  t.match(await client.consumer('slower'), { lost_ids: 15 }, 'counted as soon as they are missed');
  t.strictSame((await client.pull('slower')).gap, again.gap);
  t.match(await client.consumer('slower'), { lost_ids: 15 }, 'and once');
  await client.ack('slower', again.batch ?? '');
  const rest = await client.pull('slower', { max_rows: 100 });
  t.strictSame([rest.gap, rest.rows[0]?.id, rest.rows.length], [{ first_id: 16, last_id: 20 }, 21, 20]);
  t.match(await client.consumer('slower'), { lost_ids: 20 });
});

void test('a batch that is out and loses its end, or its middle, says which ids, and nothing of those behind it', async (t) => {
  const { client, store } = await fourSegments(t);
  await client.createConsumer('slow');
  const out = await client.pull('slow', { max_rows: 25 });
  t.equal(out.rows.length, 25);

  await store.removeSegments([11], 'age');
  const middle = await client.pull('slow');
  t.strictSame([middle.batch, middle.rows.length, middle.gap], [out.batch, 15, { first_id: 11, last_id: 20 }]);
  await store.removeSegments([21, 31], 'size');
  const end = await client.pull('slow');

  t.strictSame([end.batch, end.rows.length, end.gap], [out.batch, 10, { first_id: 11, last_id: 25 }]);
  t.match(await client.consumer('slow'), { lost_ids: 15 });
  await client.ack('slow', out.batch ?? '');
  t.match(await client.pull('slow'), { batch: null, gap: { first_id: 26, last_id: 40 } });
  t.match(await client.consumer('slow'), { lost_ids: 30, position: 40 });
});

void test('a batch ends where rows are missing, so that a gap always lies in front of rows', async (t) => {
  const { client, store } = await fourSegments(t);
  await client.createConsumer('slow', { q: '"row 5"' });
  await client.createConsumer('all');
  await store.removeSegments([11], 'age');

  const all = await client.pull('all', { max_rows: 100 });
  t.strictSame([all.gap, all.rows.at(-1)?.id], [null, 10]);
  await client.ack('all', all.batch ?? '');
  const rest = await client.pull('all', { max_rows: 100 });
  t.strictSame([rest.gap, rest.rows[0]?.id, rest.rows.length], [{ first_id: 11, last_id: 20 }, 21, 20]);

  const first = await client.pull('slow');
  t.strictSame([first.gap, first.rows.map(({ id }) => id)], [null, [6]]);
  await client.ack('slow', first.batch ?? '');
  const second = await client.pull('slow');
  t.strictSame([second.gap, second.rows.map(({ id }) => id)], [{ first_id: 11, last_id: 20 }, [26, 36]]);
  t.match(await client.consumer('slow'), { lost_ids: 10 });
});

void test('a store that retention has emptied says so to a consumer that was behind, once, and to a new one nothing', async (t) => {
  const { client, store } = await fourSegments(t);
  await client.createConsumer('slow');
  await store.removeSegments([1, 11, 21, 31], 'age');

  t.match(await client.pull('slow'), { batch: null, gap: { first_id: 1, last_id: 40 }, lag: 0 });
  t.match(await client.pull('slow'), { batch: null, gap: null });
  t.match(await client.consumer('slow'), { lost_ids: 40, position: 40 });
  await client.createConsumer('new');
  t.match(await client.pull('new'), { batch: null, gap: null });
});

async function fourSegments(t: Test) {
  const store = new SqliteStore(join(await tempDir(t), 'regression.db'));
  t.teardown(() => store.close());
  const { client } = await serve(t, { store, append: async () => undefined });
  for (let segment = 0; segment < 4; segment++) {
    await store.append({ records: someRecords(10), positions: [], gaps: [] });
    await store.rotate();
  }
  return { client, store };
}
