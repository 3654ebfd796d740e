/** A data directory that goes away or turns read-only under the daemon. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { openStore } from '../../src/store/remote-store.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { clientOf, startDaemon, writeConfig } from '../daemon-process.ts';
import { aPosition, someRecords } from '../records.ts';
import { tempDir } from '../temp-dir.ts';
import { intercepted, systemError } from './interrupted-fs.ts';
import { walk } from './store.contract.ts';

const batchEndingAt = (offset: number) => ({ records: someRecords(5), positions: [aPosition({ offset })], gaps: [] });

void test('a daemon whose data directory is removed says so and ends with 1 (F40)', { timeout: 120_000 }, async (t) => {
  const directory = await tempDir(t);
  const log = join(directory, 'app.log');
  writeFileSync(log, 'before\n');
  const daemon = startDaemon(t, ['--config', await writeConfig(directory, [log])]);
  const client = await clientOf(await daemon.started);
  t.teardown(() => client.close());
  while ((await client.logs({})).rows.length === 0);

  rmSync(join(directory, 'data'), { recursive: true });
  appendFileSync(log, 'after\n');
  const { code, stderr } = await daemon.ended;

  t.equal(code, 1);
  t.match(stderr, /regression\.db was removed or replaced/);
});

void test('a batch is not acknowledged into a file that nobody will find (F40)', async (t) => {
  const dataDir = await tempDir(t);
  const store = await openStore({ dataDir });
  t.teardown(() => store.close());
  await store.append(batchEndingAt(5));
  unlinkSync(join(dataDir, 'regression.db'));

  await t.rejects(store.append(batchEndingAt(10)), { code: 'DATA_DIR_UNUSABLE', retryable: false, hint: /restore/ });
});

void test('a disk that turns read-only refuses batches until it can be written again; all are stored then (F40)', async (t) => {
  const store = new SqliteStore(join(await tempDir(t), 'regression.db'));
  t.teardown(() => store.close());
  await store.append(batchEndingAt(5));
  let calls = 0;
  await intercepted(
    () => {
      calls++;
      throw systemError('EROFS');
    },
    async () => {
      for (let attempt = 0; attempt < 5; attempt++) {
        await t.rejects(store.append(batchEndingAt(10)), { code: 'STORE_WRITE_FAILED', retryable: true });
      }
    },
  );
  await store.append(batchEndingAt(10));

  t.ok(calls < 5 * 20, `${calls} file operations in five attempts`);
  t.equal((await walk(store, { order: 'arrival' })).length, 10);
  t.match(await store.positions(), [aPosition({ offset: 10 })]);
});

const canMount = spawnSync('mount', ['--version']).status === 0 && process.getuid?.() === 0;
void test(
  'a start on a read-only disk is refused with a way out (F40)',
  { skip: canMount ? false : 'mounting needs root' },
  async (t) => {
    const path = join(await tempDir(t), 'disk');
    mkdirSync(path);
    const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', path], { encoding: 'utf8' });
    if (status !== 0) {
      t.comment(`no tmpfs can be mounted here: ${stderr}`);
      return;
    }
    t.teardown(() => spawnSync('umount', [path]));

    await t.rejects(openStore({ dataDir: join(path, 'data') }), { code: 'DATA_DIR_UNUSABLE', hint: /--data-dir/ });
  },
);

void test('files of a directory that has a `snapshots` of its own stay; what a killed process left in ours goes', async (t) => {
  const dataDir = await tempDir(t);
  mkdirSync(join(dataDir, 'snapshots/1/2/x.db.lock'), { recursive: true });
  symlinkSync(join(dataDir, 'regression.db'), join(dataDir, 'snapshots/1/2/x.db'));
  writeFileSync(join(dataDir, 'snapshots/photo.jpg'), 'mine');

  const store = await openStore({ dataDir });
  t.strictSame(readdirSync(join(dataDir, 'snapshots')), ['photo.jpg']);
  await store.close();
});
