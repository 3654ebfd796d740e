import { test } from 'tap';
import { openStore } from '../../src/store/remote-store.ts';
import { ThreadRoom } from '../../src/store/thread-room.ts';
import { someRecords } from '../records.ts';
import { tempDir } from '../temp-dir.ts';
import { rowsOf } from './store.contract.ts';

void test('who comes first enters first, and who could make room is told', async (t) => {
  const room = new ThreadRoom(1);
  const told: string[] = [];
  room.onWanted(() => told.push('wanted'));
  await room.enter();
  t.notOk(room.isWanted);
  const entered: number[] = [];
  const waiting = [1, 2].map((place) => room.enter().then(() => entered.push(place)));
  t.ok(room.isWanted);
  t.strictSame(told, ['wanted', 'wanted']);

  room.leave();
  await waiting[0];
  t.strictSame(entered, [1]);
  room.leave();
  await waiting[1];
  t.strictSame(entered, [1, 2]);
  t.notOk(room.isWanted);
  room.leave();
  await room.enter();
});

void test('with room for one thread, questions, SQL, a copy and sealing take turns, and all are done (F70)', async (t) => {
  const dataDir = await tempDir(t);
  const store = await openStore({ dataDir, readers: { maxThreads: 1, mostAtOnce: 1 } });
  const limits = { deadlineMs: 60_000 };
  const [rounds, rowsAtOnce] = [2, 20];
  for (let round = 1; round <= rounds; round++) {
    await store.append({ records: someRecords(rowsAtOnce), positions: [], gaps: [] });
    // Each answer may be of a moment ago.
    const [segment, hits, sql, rows] = await Promise.all([
      store.rotate(),
      store.hits({ filter: {}, stepSeconds: 60 }, limits),
      store.sql({ sql: 'SELECT count(*) AS rows FROM logs', maxRows: 1, maxBytes: 1000 }, limits),
      rowsOf(store),
    ]);
    t.equal(segment?.lastId, round * rowsAtOnce);
    t.ok(hits.length > 0 && sql.rows.length === 1 && rows.length > 0);
  }
  await store.sealed();
  t.equal((await store.stats()).unsealedSegments, 0);

  await store.append({ records: someRecords(1), positions: [], gaps: [] });
  const asked = Promise.allSettled([
    rowsOf(store),
    store.sql({ sql: 'SELECT 1', maxRows: 1, maxBytes: 1000 }, limits),
    store.rotate(),
  ]);
  await store.close();
  await asked; // answered or refused: nothing waits for ever
});
