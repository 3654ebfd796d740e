import { readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { drill } from '../../src/backup/drill.ts';
import { type Backup, listBackups, readBackup, removeUnfinished } from '../../src/backup/manifest.ts';
import { restoreBackup } from '../../src/backup/restore.ts';
import { takeBackup } from '../../src/backup/take-backup.ts';
import { openStore } from '../../src/store/remote-store.ts';
import type { Store } from '../../src/store/store.ts';
import { ManualClock } from '../manual-clock.ts';
import { aPosition, someRecords } from '../records.ts';
import { openSqlite } from '../store/open-sqlite.ts';
import { walk } from '../store/store.contract.ts';
import { jobsInThisThread as jobs } from '../tasks/task-place.ts';
import { tempDir } from '../temp-dir.ts';

const signal = new AbortController().signal;
const progress = (): void => undefined;
const slow = { timeout: 180_000 };

interface Place {
  readonly dataDir: string;
  readonly directory: string;
  readonly clock: ManualClock;
  readonly store: Store;
  readonly append: (rows: number) => Promise<void>;
  readonly backup: () => Promise<Backup>;
}

void test('a place where no directory can be made is refused, and soon', async (t) => {
  await t.rejects(removeUnfinished('/proc/regression/backups'), { code: 'ENOENT' });
});

async function place(t: Test): Promise<Place> {
  const root = await tempDir(t);
  const dataDir = join(root, 'data');
  const directory = join(root, 'backups');
  const clock = new ManualClock('2026-11-24T02:30:00Z');
  const store = await openStore({ dataDir });
  t.teardown(() => store.close());
  let offset = 0;
  return {
    dataDir,
    directory,
    clock,
    store,
    async append(rows) {
      offset += rows;
      const records = someRecords(rows, { metadata: [['userId', 'u-1']] });
      await store.append({ records, positions: [aPosition({ offset })], gaps: [] });
    },
    async backup() {
      clock.advance(3_600_000);
      return takeBackup({ store, dataDir, directory, clock, jobs, signal, progress });
    },
  };
}

async function restored(t: Test, backup: Backup): Promise<Store> {
  const dataDir = join(await tempDir(t), 'restored');
  await restoreBackup(backup, { dataDir, nowMs: Date.now(), jobs, signal, progress });
  const store = await openStore({ dataDir });
  t.teardown(() => store.close());
  return store;
}

const idsIn = async (store: Store): Promise<number[]> =>
  (await walk(store, { order: 'arrival', limit: 1000 })).map(({ id }) => id);
const oneTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

void test('a backup restores to every row of its moment, with the positions that belong to them', slow, async (t) => {
  const { append, store, backup } = await place(t);
  await append(30);
  await store.rotate();
  await store.sealed();
  await append(12);
  const made = await backup();
  await append(5);

  const back = await restored(t, made);

  t.strictSame(await idsIn(back), oneTo(42));
  t.equal((await back.positions())[0]?.offset, 42, 'files are read on from where the backup stood');
  t.equal((await back.append({ records: someRecords(1), positions: [], gaps: [] })).firstId, 43, 'ids go on');
  t.equal(made.manifest.rows, 42);
  t.equal((await stat(join(made.directory, 'manifest.json'))).mode & 0o777, 0o600);
  t.equal((await stat(join(made.directory, 'regression.db'))).mode & 0o777, 0o600);
  t.equal((await stat(made.directory)).mode & 0o777, 0o700);
});

void test('what has not changed is not copied again; each backup is complete by itself', slow, async (t) => {
  const { append, store, backup } = await place(t);
  await append(2000);
  await store.rotate();
  await store.sealed();
  const first = await backup();
  await append(3);
  const second = await backup();

  t.ok(second.manifest.copied_bytes < second.manifest.bytes, `${second.manifest.copied_bytes} bytes copied`);
  const inode = async ({ directory }: Backup): Promise<number> =>
    (await stat(join(directory, 'segments/000000000001.db'))).ino;
  t.equal(await inode(second), await inode(first));
  await rm(first.directory, { recursive: true });
  t.strictSame(await idsIn(await restored(t, second)), oneTo(2003));
});

void test(
  'pages are checked one by one and references followed once a day; what is new is always checked',
  slow,
  async (t) => {
    const { append, store, backup, clock } = await place(t);
    await append(30);
    await store.rotate();
    await store.sealed();
    await append(12);
    const checks = ({ manifest }: Backup): string[] =>
      [manifest, ...manifest.files.filter(({ kind }) => kind !== 'segment_manifest')].map(({ check }) => check);

    t.strictSame(checks(await backup()), ['full', 'full', 'full'], 'the first');
    t.strictSame(
      checks(await backup()),
      ['quick', 'quick', 'full'],
      'an hour later: the file being written is another',
    );
    clock.advance(22 * 3_600_000);
    t.strictSame(checks(await backup()), ['full', 'full', 'full'], 'the next day');
  },
);

void test('rows that come in while the backup is made are in it or come later (F48)', slow, async (t) => {
  const { append, store, backup } = await place(t);
  await append(500);
  let isDone = false;
  let written = 500;
  const writing = (async () => {
    while (!isDone) {
      await append(20);
      written += 20;
      if (written % 400 === 0) await store.rotate();
    }
  })();
  const made = await backup();
  isDone = true;
  await writing;

  const ids = await idsIn(await restored(t, made));
  t.strictSame(ids, oneTo(ids.length), 'no hole');
  t.equal(made.manifest.rows, ids.length);
  t.ok(ids.length >= 500);
  t.strictSame(await idsIn(store), oneTo(written), 'and ingest lost nothing');
});

void test('the drill proves a good backup and finds a damaged one; the next backup mends it', slow, async (t) => {
  const { append, store, backup, clock, directory } = await place(t);
  await append(100);
  await store.rotate();
  await store.sealed();
  await append(10);
  const good = await backup();
  await drill(good, { clock, jobs, signal, progress });
  t.equal((await readBackup(good.directory)).verifiedAt, new Date(clock.nowMs()).toISOString());

  const segment = join(good.directory, 'segments/000000000001.db');
  const content = await readFile(segment);
  content[5000] = (content[5000] ?? 0) ^ 1;
  await writeFile(segment, content);
  await t.rejects(drill(good, { clock, jobs, signal, progress }), { code: 'BACKUP_INVALID' });
  t.match(await readBackup(good.directory), { verifiedAt: null, damaged: ['segments/000000000001.db'] });
  await t.rejects(restored(t, good), { code: 'BACKUP_INVALID' });

  const next = await backup();
  await drill(next, { clock, jobs, signal, progress });
  t.strictSame(await idsIn(await restored(t, next)), oneTo(110));
  t.strictSame(
    (await readdir(directory)).sort(),
    [good, next].map(({ manifest }) => manifest.name),
    'nothing else is left',
  );
});

void test('a damaged segment makes the backup fail, loud, and leaves the last good one', slow, async (t) => {
  const { append, store, backup, dataDir, directory } = await place(t);
  await append(100);
  const good = await backup();
  await store.rotate();
  await store.sealed();
  const path = join(dataDir, 'segments/000000000001.db');
  await truncate(path, (await stat(path)).size - 4096);

  await t.rejects(backup(), { code: 'STORE_CORRUPT' });

  t.strictSame(
    (await listBackups(directory)).map(({ directory: name }) => name),
    [good.directory],
  );
});

void test('restoring sets the old data aside, whole', slow, async (t) => {
  const { append, store, backup, dataDir } = await place(t);
  await append(7);
  const made = await backup();
  await append(3);
  await store.rotate();
  await store.close();

  const { replaced } = await restoreBackup(made, { dataDir, nowMs: Date.now(), jobs, signal, progress });

  const now = await openStore({ dataDir });
  t.strictSame(await idsIn(now), oneTo(7));
  await now.close();
  const old = await openStore({ dataDir: replaced ?? '' });
  t.strictSame(await idsIn(old), oneTo(10));
  await old.close();
});

void test('a restored store has another origin: upstreams do not take its new rows for old ones', slow, async (t) => {
  const { append, store, backup } = await place(t);
  await append(3);
  const now = await restored(t, await backup());

  t.not(await now.state.origin(), await store.state.origin());
  t.match(await now.state.origin(), /^[0-9a-f]{16}$/);
  t.strictSame(await idsIn(now), oneTo(3));
});

void test('the copy holds what any SQLite tool finds sound', slow, async (t) => {
  const { append, backup } = await place(t);
  await append(50);
  const made = await backup();

  const database = openSqlite(join(made.directory, 'regression.db'));
  t.teardown(() => database.close());
  t.strictSame(database.all('PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
  t.strictSame(database.all('SELECT count(*) AS rows FROM logs'), [{ rows: 50 }]);
  t.equal(made.manifest.check, 'full', 'the first of a day is checked to the last page');
});
