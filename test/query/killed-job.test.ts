/** Consumers whose job is killed, and consumers that retention overtakes: over real sockets and files. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
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
  const store = new SqliteStore(join(await tempDir(t), 'regression.db'));
  t.teardown(() => store.close());
  const { client } = await serve(t, { store, append: async () => undefined });
  for (let segment = 0; segment < 4; segment++) {
    await store.append({ records: someRecords(10), positions: [], gaps: [] });
    await store.rotate();
  }
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
  t.strictSame([again.rows, again.gap], [[], { first_id: 1, last_id: 20 }], 'has lost all its rows');
  await client.ack('slower', again.batch ?? '');
  const rest = await client.pull('slower', { max_rows: 100 });
  t.strictSame([rest.rows[0]?.id, rest.rows.length], [21, 20]);
});
