import { test } from 'tap';
import { ReadAhead } from '../../../src/pipeline/forward/read-ahead.ts';
import type { ReadRows } from '../../../src/pipeline/forward/row-source.ts';
import { Rows } from '../../../src/sinks/rows.ts';

const rows = (lastId: number): ReadRows => ({
  rows: Rows.of(Buffer.from(`{"id":${lastId}}\n`)),
  lastId,
  lostIds: 0,
  endsText: false,
});
const turn = () => new Promise(setImmediate);

void test('the next batch is made ready while the one before it is under way, but not once somebody waits for it', async (t) => {
  const ready: number[] = [];
  const read: number[] = [];
  const held = Promise.withResolvers<void>();
  const ahead = new ReadAhead({
    read: async (position) => {
      read.push(position);
      if (position === 2) await held.promise;
      return rows(position + 1);
    },
    prepare: (batch) => void ready.push(batch.at(0).id),
  });

  ahead.begin(1);
  await turn();
  await turn();
  t.same(ready, [2]);
  t.equal((await ahead.take(1))?.lastId, 2);

  ahead.begin(2);
  const waiting = ahead.take(2);
  held.resolve();
  t.equal((await waiting)?.lastId, 3);
  await turn();
  t.same(ready, [2], 'whoever waits makes it ready himself');

  ahead.begin(3);
  ahead.drop();
  t.equal((await ahead.take(7))?.lastId, 8);
  t.same(read, [1, 2, 3, 7]);
});

void test('what goes wrong ahead is told to whoever takes it', async (t) => {
  const ahead = new ReadAhead({ read: async () => Promise.reject(new Error('no')), prepare: () => undefined });

  ahead.begin(1);
  await turn();
  await t.rejects(ahead.take(1), /no/);
});
