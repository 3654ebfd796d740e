/** What readers leave behind, and when it goes. */
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'tap';
import { openStore } from '../../src/store/remote-store.ts';
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
