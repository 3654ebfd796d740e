/** What readers leave behind, and when it goes. */
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'tap';
import type { WriterCalls } from '../../src/store/protocol.ts';
import { ReaderPool } from '../../src/store/reader-pool.ts';
import { openStore } from '../../src/store/remote-store.ts';
import type { ThreadLink } from '../../src/store/thread-link.ts';
import { ThreadRoom } from '../../src/store/thread-room.ts';
import { ManualClock } from '../manual-clock.ts';
import { someRecords } from '../records.ts';
import { tempDir } from '../temp-dir.ts';
import { rowsOf } from './store.contract.ts';

void test('aliases of snapshots that a killed process left are swept at the start; what they point to stays', async (t) => {
  const dataDir = await tempDir(t);
  const first = await openStore({ dataDir });
  await first.append({ records: someRecords(3), positions: [], gaps: [] });
  await first.close();
  const leaked = join(dataDir, 'snapshots', '7', 'hot-3');
  mkdirSync(join(leaked, 'x.db.lock'), { recursive: true });
  symlinkSync(join(dataDir, 'regression.db'), join(leaked, 'x.db'));
  writeFileSync(join(leaked, 'x.db-journal'), 'left by a thread that was ended');
  const store = await openStore({ dataDir });
  t.teardown(() => store.close());

  t.strictSame(readdirSync(join(dataDir, 'snapshots')), []);
  t.ok(existsSync(join(dataDir, 'regression.db')));
  t.equal((await rowsOf(store)).length, 3);
});

void test('a reader thread that nobody needs for a minute is ended, and made anew for the next question', async (t) => {
  const dataDir = await tempDir(t);
  const clock = new ManualClock();
  const store = await openStore({ dataDir, clock });
  t.teardown(() => store.close());
  await store.append({ records: someRecords(3), positions: [], gaps: [] });
  const threads = (): string[] => readdirSync(join(dataDir, 'snapshots')); // a directory each
  await rowsOf(store);
  t.equal(threads().length, 1);

  clock.advance(59_000);
  await rowsOf(store);
  clock.advance(59_000);
  t.equal(threads().length, 1, 'one that was needed meanwhile stays');
  clock.advance(1_000);
  while (threads().length > 0) await delay(5);

  t.equal((await rowsOf(store)).length, 3);
  t.equal(threads().length, 1);
});

void test('a thread outlives an asker who goes away, unless its query goes on', async (t) => {
  const dataDir = await tempDir(t);
  const clock = new ManualClock();
  const store = await openStore({ dataDir, clock, readers: { maxThreads: 1 } });
  t.teardown(() => store.close());
  await store.append({ records: someRecords(3), positions: [], gaps: [] });
  const threads = (): string[] => readdirSync(join(dataDir, 'snapshots')).sort();
  const goAway = async (ask: (signal: AbortSignal) => Promise<unknown>): Promise<void> => {
    const asker = new AbortController();
    const asked = ask(asker.signal);
    while (threads().length === 0) await delay(5); // it has begun
    asker.abort(new Error('gone'));
    await t.rejects(asked, /gone/);
  };
  await goAway((signal) => store.hits({ filter: {}, stepSeconds: 60 }, { deadlineMs: 60_000, signal }));
  const [thread] = threads();
  t.equal((await rowsOf(store)).length, 3);
  t.strictSame(threads(), [thread], 'the same thread answers the next question');
  clock.advance(61_000);
  while (threads().length > 0) await delay(5);

  const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n';
  await goAway((signal) => store.sql({ sql: endless, maxRows: 1, maxBytes: 1000 }, { deadlineMs: 60_000, signal }));
  clock.advance(1000);
  while (threads().length > 0) await delay(5);
});

void test(
  'a query that is cut while its snapshot is given back or granted leaves no pin: rotations and checkpoints go on',
  { timeout: 120_000 },
  async (t) => {
    const dataDir = await tempDir(t);
    const clock = new ManualClock();
    const store = await openStore({ dataDir, clock });
    t.teardown(() => store.close());
    const count = (signal?: AbortSignal) =>
      store.hits({ filter: {}, stepSeconds: 60 }, { deadlineMs: 60_000, ...(signal === undefined ? {} : { signal }) });
    for (let round = 0; round < 4; round++) {
      await store.append({ records: someRecords(3), positions: [], gaps: [] });
      await count();
      await store.rotate(); // the list of segments is another: a new snapshot sends it first
      clock.advance(1000); // what is open is stale, and is given back first
      for (const turns of [0, 1, 3]) {
        const cut = new AbortController();
        const asked = count(cut.signal);
        for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
        cut.abort(new Error('nobody waits'));
        await asked.catch(() => undefined);
      }
    }
    // A snapshot is given back by itself a moment after its last query.
    while ((await store.stats()).openSnapshots > 0) await delay(20);

    await store.append({ records: someRecords(1), positions: [], gaps: [] });
    t.not(await store.rotate(), null);
  },
);

void test('a query past its deadline ends though the writer, held up by its disk, answers nobody', async (t) => {
  const dataDir = await tempDir(t);
  const clock = new ManualClock();
  const call = async (method: string) => (method === 'pin' ? { pin: 1 } : new Promise(() => undefined));
  const pool = new ReaderPool({
    hotPath: join(dataDir, 'regression.db'),
    snapshotsPath: dataDir,
    writer: { call } as unknown as ThreadLink<WriterCalls>,
    segments: () => [],
    clock,
    maxMemoryBytes: null,
    cacheBytes: 1024 * 1024,
    maxThreads: 1,
    idleThreadMs: 60_000,
    room: new ThreadRoom(1),
  });
  t.teardown(() => pool.close());
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const endless = async (): Promise<never> => {
    begin();
    return new Promise(() => undefined);
  };
  const asked = pool.run(endless, { deadlineMs: 1000 });
  await begun;

  clock.advance(1000);

  await t.rejects(asked, { code: 'QUERY_TIMEOUT' });
});
