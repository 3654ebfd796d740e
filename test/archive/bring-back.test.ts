/** What comes back from where, and what is refused; killed in the middle of it: test/tasks/killed-tasks.test.ts. */
import { readFileSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import { archiveManifestName, listArchived } from '../../src/archive/archived.ts';
import { bringBack, wouldBringBack } from '../../src/archive/bring-back.ts';
import { takeBackup } from '../../src/backup/take-backup.ts';
import { archiveFormats } from '../../src/store/archive-format.ts';
import { ManualClock } from '../manual-clock.ts';
import { aRecord } from '../records.ts';
import { walk } from '../store/store.contract.ts';
import { archive as archiveTask } from '../../src/tasks/archive.ts';
import { contextOf, countRows, jobsInThisThread as jobs, openInThisThread } from '../tasks/task-place.ts';
import { tempDir } from '../temp-dir.ts';
import { place, rowsPerSegment, sorted } from './archive-place.ts';

const slow = { timeout: 180_000 };
const signal = new AbortController().signal;

void test(
  'a file of an archive that is cut, changed or of other rows is refused, and nothing is changed',
  slow,
  async (t) => {
    const { archive, dataDir, archiveDir, store } = await place(t);
    for (const [index, format] of archiveFormats.entries()) await archive({ after: `${23 - 10 * index}d`, format });
    t.equal((await walk(store, {})).length, 50);
    await store.close();
    const back = { source: archiveDir, dataDir, nowMs: 0, jobs, progress: () => undefined, start: '2026', end: '2027' };
    for (const { file, ...manifest } of await listArchived(archiveDir)) {
      const path = join(archiveDir, file);
      const whole = readFileSync(path);
      await writeFile(path, whole.subarray(0, whole.length - 30));

      await t.rejects(bringBack(back), { code: 'BACKUP_INVALID', message: new RegExp(file) });
      await t.rejects(wouldBringBack(back), { code: 'BACKUP_INVALID', message: new RegExp(file) });

      // The checksum is right, the content is not.
      const manifestPath = join(archiveDir, archiveManifestName({ file }));
      const { sha256, bytes } = await jobs.run({ job: 'hash', path });
      await writeFile(manifestPath, JSON.stringify({ ...manifest, file, sha256, bytes }));
      await t.rejects(bringBack(back), { message: new RegExp(file) }, `${file} cannot be read`);
      await writeFile(path, whole);
      await writeFile(manifestPath, JSON.stringify({ ...manifest, file, rows: manifest.rows - 1 }));
      await t.rejects(bringBack(back), { code: 'BACKUP_INVALID' }, `${file} has more rows`);
      await writeFile(manifestPath, JSON.stringify({ ...manifest, file }));
    }
    t.match(await bringBack(back), { segments: 3, rows: 150 });
  },
);

void test('a segment from another data directory gets the ids that its applications have here', slow, async (t) => {
  for (const format of [...archiveFormats, null]) {
    const from = await place(t);
    const rows = (await walk(from.store, { order: 'arrival' })).slice(0, 2 * rowsPerSegment);
    const clock = new ManualClock('2026-11-24T12:00:00Z');
    const directory = join(from.dataDir, '../backups');
    const source =
      format === null
        ? (await takeBackup({ ...from, directory, clock, jobs, signal, progress: () => undefined })).directory
        : from.archiveDir;
    if (format !== null) await from.archive({ after: '5d', format });
    await from.store.close();
    const dataDir = await tempDir(t);
    const other = openInThisThread(dataDir);
    for (const name of ['a', 'b', 'odd']) {
      await other.state.registerApplication({ name, version: '1.0', environment: null, owner: null });
    }
    await other.close();

    const range = { start: '2026-11-01', end: '2026-11-12' };
    const back = { source, dataDir, nowMs: Date.now(), jobs, progress: () => undefined };
    t.match(await bringBack({ ...back, ...range, open: async (path) => openInThisThread(path) }), { segments: 2 });

    const store = openInThisThread(dataDir);
    t.teardown(() => store.close());
    t.strictSame((await walk(store, { order: 'arrival' })).map(sorted), rows.map(sorted), String(format));
    const sql = `SELECT logs.id, name FROM logs JOIN applications ON applications.id = application_id ORDER BY 1`;
    const { rows: named } = await store.sql({ sql, maxRows: 1000, maxBytes: 100_000 }, { deadlineMs: 10_000 });
    t.strictSame(
      named,
      rows.map(({ id, application }) => [id, application]),
      String(format),
    );
    const { firstId } = await store.append({ records: [aRecord()], positions: [], gaps: [] });
    t.equal(firstId, 2 * rowsPerSegment + 1, 'ids go on behind them');
    await store.sealed();
    t.equal((await walk(store, { filter: { metadata: [['10', 'ten']] } })).length, 4, 'sealed, with its indexes');
  }
});

void test('a span out of a backup brings back what is gone, also what was not yet a segment then', slow, async (t) => {
  const { prune, dataDir, store } = await place(t);
  const directory = join(await tempDir(t), 'backups');
  const clock = new ManualClock('2026-11-24T12:00:00Z');
  const progress = (): void => undefined;
  const backup = await takeBackup({ store, dataDir, directory, clock, jobs, signal, progress });
  await store.append({ records: [aRecord({ timestamp: '2026-11-24T00:02:00.000000Z' })], positions: [], gaps: [] });
  await store.rotate();
  await store.append({ records: [aRecord({ timestamp: '2026-11-24T11:00:00.000000Z' })], positions: [], gaps: [] });
  await store.sealed();
  await prune({ max_age: '2h' });
  t.strictSame(await countRows(store), { live: 1, removed: 201 });
  await store.close();
  const back = { source: backup.directory, dataDir, jobs, progress };
  const days = { start: '2026-11-21T00:00:00.000000Z', end: '2026-11-25T00:00:00.000000Z' };

  t.strictSame(await wouldBringBack({ ...back, ...days }), { segments: 2, rows: 100, present: 0 });
  t.strictSame(readdirSync(join(dataDir, 'segments')), [], 'nothing is changed by asking');
  t.strictSame(await bringBack({ ...back, ...days, nowMs: clock.nowMs() }), { segments: 2, rows: 100, present: 0 });

  const again = openInThisThread(dataDir);
  t.teardown(() => again.close());
  const removed = (await again.state.removedSegments()).filter(({ restoredAt }) => restoredAt === null);
  t.equal((await walk(again, {})).length, 101);
  t.strictSame(
    removed.map(({ firstId, lastId, rows }) => [firstId, lastId, rows]),
    [
      [1, 50, 50],
      [51, 100, 50],
      [201, 201, 1], // came after the backup
    ],
  );
});

void test('rows that were archived twice, cut otherwise, all come back', slow, async (t) => {
  const { archive, dataDir, archiveDir, store } = await place(t);
  const directory = join(await tempDir(t), 'backups');
  const clock = new ManualClock('2026-11-24T02:00:00Z');
  const progress = (): void => undefined;
  const backup = await takeBackup({ store, dataDir, directory, clock, jobs, signal, progress });
  await store.append({ records: [aRecord({ timestamp: '2026-11-24T00:02:00.000000Z' })], positions: [], gaps: [] });
  await store.rotate();
  await store.sealed();
  await archive({ after: '0s' });
  t.strictSame(await countRows(store), { live: 0, removed: 201 });
  await store.close();
  const day = { start: '2026-11-24T00:00:00.000000Z', end: '2026-11-25T00:00:00.000000Z' };
  const back = { dataDir, nowMs: Date.parse('2026-11-24T03:00:00Z'), jobs, progress, ...day };
  t.match(await bringBack({ ...back, source: backup.directory }), { rows: 50 }, 'those of the moment of the backup');
  const between = openInThisThread(dataDir);
  await between.sealed();
  const options = archiveTask.options.parse({ dir: archiveDir, after: '0s' });
  await archiveTask.run(contextOf(between, join(dataDir, '..'), '2026-11-24T12:00:00Z'), options);
  t.strictSame(await countRows(between), { live: 0, removed: 201 });
  await between.close();
  t.match(readdirSync(archiveDir).filter((name) => name.startsWith('000000000151')).length, 4, 'twice, with manifests');

  t.match(await bringBack({ ...back, source: archiveDir }), { segments: 1, rows: 51 });
});

void test('segments of another data directory are not brought in under ids that are taken', slow, async (t) => {
  const { archive, archiveDir } = await place(t);
  await archive({ after: '5d' });
  const dataDir = await tempDir(t);
  const other = openInThisThread(dataDir);
  await other.append({ records: Array.from({ length: 70 }, () => aRecord()), positions: [], gaps: [] });
  await other.close();
  const back = { source: archiveDir, nowMs: Date.now(), jobs, progress: () => undefined, start: '2026', end: '2027' };

  await t.rejects(bringBack({ ...back, dataDir }), { code: 'CONFLICT' });

  const fresh = await tempDir(t);
  t.strictSame(await bringBack({ ...back, dataDir: fresh }), { segments: 2, rows: 100, present: 0 });
  const store = openInThisThread(fresh);
  t.teardown(() => store.close());
  t.equal((await walk(store, {})).length, 100, 'a new directory takes any');
});
