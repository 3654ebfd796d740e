/** What goes, in which order, and that each row of it is counted. How large the disk is is made up: what lies on it is real. */
import { type Stats, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Test, test } from 'tap';
import type { z } from 'zod';
import { type Backup, listBackups, noteVerified } from '../../src/backup/manifest.ts';
import { PatternMiner } from '../../src/pattern/miner.ts';
import type { Store } from '../../src/store/store.ts';
import { prune } from '../../src/tasks/prune.ts';
import type { TaskOutcome } from '../../src/tasks/task.ts';
import { aRecord } from '../records.ts';
import { memoryDir } from '../temp-dir.ts';
import { backupDirOf, contextOf, countRows, dataDirOf, openInThisThread, runTask } from './task-place.ts';

const timely = { timeout: 120_000 };
const rowsPerSegment = 50;
const dayMs = 86_400_000;
const diskBytes = 2 ** 30;

interface Place {
  readonly root: string;
  readonly store: Store;
  /** Rows removed, by reason, as the metrics have them. */
  readonly counted: Record<string, number>;
  /** Sizes in bytes, times in milliseconds: the least that can be configured is far above a test's data. */
  readonly run: (limits: Partial<z.output<typeof prune.options>>) => Promise<TaskOutcome>;
  /** Those of the segments. */
  readonly days: () => Promise<string>;
  /** What `min_free` must be so that so many bytes have to go. */
  readonly needing: (bytes: number) => number;
}

/** Three sealed segments, of the 1st, 11th and 21st of November, and rows of the 24th in the hot file; it is the 24th. */
async function place(t: Test): Promise<Place> {
  const root = await memoryDir(t);
  mkdirSync(dataDirOf(root));
  const store = openInThisThread(dataDirOf(root));
  t.teardown(() => store.close());
  for (const day of ['01', '11', '21', '24']) {
    const timestamp = `2026-11-${day}T00:00:00.000000Z`;
    const records = Array.from({ length: rowsPerSegment }, () => aRecord({ timestamp }));
    await store.append({ records, positions: [], gaps: [] });
    if (day !== '24') await store.rotate();
  }
  await store.sealed();
  const counted: Record<string, number> = {};
  const context = contextOf(store, root, '2026-11-24T12:00:00Z', {
    freeBytes: async () => diskBytes - bytesOf(filesIn(root)),
    rowsRemoved: (reason, rows) => (counted[reason] = (counted[reason] ?? 0) + rows),
  });
  return {
    root,
    store,
    counted,
    run: (limits) => prune.run(context, { ...prune.options.parse({}), ...limits }),
    days: async () => (await store.segments()).map(({ minTimestamp }) => minTimestamp.slice(8, 10)).join(' '),
    needing: (bytes) => diskBytes - bytesOf(filesIn(root)) + bytes,
  };
}

/** Length by inode: a file counts once, however many names it has. */
function filesIn(directory: string, isCounted: (found: Stats) => boolean = () => true): Map<number, number> {
  const files = new Map<number, number>();
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const found = statSync(join(directory, name));
    if (found.isFile() && isCounted(found)) files.set(found.ino, found.size);
  }
  return files;
}

const bytesOf = (files: ReadonlyMap<number, number>): number =>
  [...files.values()].reduce((sum, length) => sum + length, 0);

/** Of four nights, the second one proven. */
async function fourBackups({ root, store }: Place): Promise<readonly Backup[]> {
  const options = { dir: backupDirOf(root), keep: { count: 10 } };
  for (const day of [21, 22, 23, 24]) await runTask('backup', store, root, options, `2026-11-${day}T02:30:00Z`);
  const backups = await listBackups(backupDirOf(root));
  if (backups[1] !== undefined) await noteVerified(backups[1], '2026-11-22T04:30:00Z');
  return backups;
}

const nightsLeft = async ({ root }: Place): Promise<string> =>
  (await listBackups(backupDirOf(root))).map(({ manifest }) => manifest.created_at.slice(8, 10)).join(' ');

const aConsumer = (store: Store, position: number): Promise<unknown> =>
  store.state.createConsumer({ name: 'job', owner: 'ann', filter: {}, ackWaitMs: 1000, maxDeliver: 3, position });

void test('by age: whole segments go, are counted, and the rest stays', timely, async (t) => {
  const { run, store, counted, days } = await place(t);

  t.match(await run({ max_age: 5 * dayMs }), { details: { rows: 100, segments: 2, held_rows: 0 } });
  t.match(await run({ max_age: 5 * dayMs }), { message: 'nothing to prune' });

  t.equal(await days(), '21');
  t.strictSame(counted, { age: 100 });
  t.strictSame(await countRows(store), { live: 100, removed: 100 });
});

void test(
  'by size: the file being written, its WAL, segments and backups on the same disk all count (F59)',
  timely,
  async (t) => {
    const there = await place(t);
    await fourBackups(there);
    const { run, store, days, root } = there;
    await store.append({ records: [aRecord()], positions: [], gaps: [] });
    const databases = /regression\.db(?:-wal)?$|segments\/\d+\.db$/;
    const data = new Map(
      readdirSync(dataDirOf(root), { recursive: true, encoding: 'utf8' })
        .filter((name) => databases.test(name))
        .map((name) => [name, statSync(join(dataDirOf(root), name)).size]),
    );
    t.ok((data.get('regression.db-wal') ?? 0) > 0, 'rows stand in the WAL');
    const total = [...data.values()].reduce((sum, length) => sum + length, 0) + bytesOf(filesIn(backupDirOf(root)));

    t.match(await run({ max_total_size: total, low_water: 1 }), { message: 'nothing to prune' });
    t.match(await run({ max_total_size: total - 1, low_water: 1 }), { details: { segments: 1, backups: 0 } });

    t.equal(await days(), '11 21', 'the oldest went');
  },
);

void test('by size: above the high water mark it goes down to the low one, and no further (F59)', timely, async (t) => {
  const { run, store, counted, days } = await place(t);
  const { databaseBytes, walBytes, segmentBytes } = await store.stats();
  const total = databaseBytes + walBytes + segmentBytes;
  const [first, second] = await store.segments();
  const lowWater = (total - (first?.bytes ?? 0) - (second?.bytes ?? 0)) / (total - 1);

  t.match(await run({ max_total_size: total, low_water: lowWater }), { message: 'nothing to prune' });
  t.match(await run({ max_total_size: total - 1, low_water: lowWater }), { details: { rows: 100, segments: 2 } });

  t.equal(await days(), '21');
  t.strictSame(counted, { size: 100 });
  t.strictSame(await countRows(store), { live: 100, removed: 100 });
});

void test('what was set aside is told with its size, and no rows go for it', timely, async (t) => {
  const { run, store, days, root } = await place(t);
  const { databaseBytes, walBytes, segmentBytes } = await store.stats();
  const asides = {
    'replaced-20261123T000000000Z/regression.db': 70_000,
    'replaced-20261123T000000000Z/segments/000000000001.db': 300_000,
    'regression.db.corrupt-20261123T000000Z': 5000,
    'segments/000000000901.db.corrupt-20261123T000000Z': 600,
    'regression.db.schema-7': 80,
    'regression.db.orphan-wal': 9,
  };
  for (const [name, length] of Object.entries(asides)) {
    const path = join(dataDirOf(root), name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'x'.repeat(length));
  }

  const outcome = await run({ max_total_size: databaseBytes + walBytes + segmentBytes });

  t.match(outcome.details, { segments: 0, set_aside_bytes: 375_689 });
  t.match(outcome.message, /^nothing to prune; beside that 375689 bytes were set aside, yours to remove: /);
  for (const name of Object.keys(asides)) t.match(outcome.message, name.replace(/(replaced-\w+).*/, '$1'));
  t.equal(await days(), '01 11 21');
});

const waiting = {
  consumer: (store: Store, position: number) => aConsumer(store, position),
  sink: (store: Store, position: number) => store.state.openSink('upstream', position),
};
for (const [who, waits] of Object.entries(waiting)) {
  void test(
    `rows that a ${who} has not had are held up to a size; past it the oldest go, counted (F59)`,
    timely,
    async (t) => {
      const { run, store, counted, days } = await place(t);
      await waits(store, 60); // in the middle of the second segment
      const newest = (await store.segments()).at(-1)?.bytes ?? 0;

      t.match(await run({ max_age: dayMs, max_total_size: 1 }), { details: { rows: 50, held_rows: 0 } });
      t.equal(await days(), '11 21', 'only what it has had');
      t.match(await run({ max_age: dayMs, hold_size: newest }), { details: { rows: 50 } });
      t.equal(await days(), '21', 'there is room for the newest');
      await run({ max_age: dayMs, hold_size: newest - 1 });

      t.equal(await days(), '');
      t.strictSame(counted, { age: 150 });
      t.strictSame(await countRows(store), { live: 50, removed: 150 });
    },
  );
}

void test('the one that is furthest behind decides what is held', timely, async (t) => {
  const { run, store, days } = await place(t);
  await aConsumer(store, 200);
  await store.state.openSink('quick', 200);
  await store.state.openSink('slow', 100);

  await run({ max_age: dayMs });

  t.equal(await days(), '21');
});

void test(
  'a disk that is nearly full: backups go first, then what nobody waits for, then what is held, the oldest of each (F59)',
  timely,
  async (t) => {
    const there = await place(t);
    const [, , third] = await fourBackups(there);
    const { run, store, counted, days, needing } = there;
    await aConsumer(store, 60);
    const ownBytes = bytesOf(filesIn(third?.directory ?? '', ({ nlink }) => nlink === 1));

    t.match(await run({ min_free: needing(0) }), { message: 'nothing to prune' });
    t.match(await run({ min_free: needing(1) }), { details: { backups: 1, segments: 0 } });
    t.equal(await nightsLeft(there), '22 23 24', 'the oldest, and no more than was needed');
    t.match(await run({ min_free: needing(ownBytes + 1) }), { details: { backups: 1, segments: 1, held_rows: 0 } });
    t.equal(await nightsLeft(there), '22 24', 'the proven one and the newest stay');
    t.equal(await days(), '11 21');
    t.match(await run({ min_free: needing(1) }), { details: { backups: 0, segments: 1, rows: 50, held_rows: 50 } });
    t.match(await run({ min_free: diskBytes }), { details: { backups: 0, segments: 1, rows: 50, held_rows: 50 } });

    t.equal(await nightsLeft(there), '22 24');
    t.strictSame(counted, { disk_full: 150 });
    t.strictSame(await countRows(store), { live: 50, removed: 150 }, 'the file being written stays');
  },
);

void test('the counts of patterns outlive the rows', timely, async (t) => {
  const { run, store } = await place(t);
  const records = Array.from({ length: 10 }, (_, index) =>
    aRecord({ timestamp: '2026-11-21T00:00:00.000000Z', message: `user ${index} has come` }),
  );
  const miner = new PatternMiner({ maxPatterns: 10, maxPatternsPerApplication: 10 }, [], 0);
  await store.append({ records, positions: [], gaps: [], patterns: miner.observe(records) });
  await store.rotate();
  await store.sealed();

  await run({ max_age: 2 * dayMs });

  t.strictSame(await countRows(store), { live: 60, removed: 150 });
  t.match(await store.patterns(), { patterns: [{ template: 'user <*> has come' }] });
});
