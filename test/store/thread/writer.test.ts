import { join } from 'node:path';
import { test } from 'tap';
import { SqliteStore } from '../../../src/store/thread/sqlite-store.ts';
import { aPosition, someRecords } from '../../records.ts';
import { memoryDir, tempDir } from '../../temp-dir.ts';
import { atEveryMoment, intercepted, systemError } from '../interrupted-fs.ts';
import { openSqlite } from '../open-sqlite.ts';
import { walk } from '../store.contract.ts';

const rowsPerBatch = 5;
/** Every few batches the WAL is emptied into the database file. */
const options = { checkpointBytes: 200 * 1024 };

const batchEndingAt = (offset: number) => ({
  records: someRecords(rowsPerBatch, { metadata: [['k', 'v'.repeat(2000)]] }),
  positions: [aPosition({ offset })],
  gaps: [],
});

/** Null when the store holds whole batches only, each once, and the position that goes with the last of them. */
async function problemIn(store: SqliteStore, acknowledged: number): Promise<string | null> {
  const ids = (await walk(store, { order: 'arrival', limit: 1000 })).map(({ id }) => id);
  const offset = (await store.positions())[0]?.offset ?? 0;
  if (ids.some((id, index) => id !== index + 1)) return `ids ${String(ids)}`;
  if (ids.length % rowsPerBatch !== 0 || offset !== ids.length) return `${ids.length} rows beside position ${offset}`;
  return ids.length < acknowledged ? `${ids.length} rows of ${acknowledged} acknowledged` : null;
}

void test(
  'a kill before any file operation of a whole life (create, migrate, append, checkpoint, close) loses nothing acknowledged, and rows and positions stay together (F36, F37)',
  { timeout: 300_000 },
  async (t) => {
    await atEveryMoment(t, 100, async (directory, killing) => {
      const path = join(directory, 'regression.db');
      let acknowledged = 0;
      await killing(async () => {
        const store = new SqliteStore(path, options);
        for (let batch = 1; batch <= 8; batch++) {
          await store.append(batchEndingAt(batch * rowsPerBatch));
          acknowledged = batch * rowsPerBatch;
        }
        await store.close();
      });

      const store = new SqliteStore(path, options);
      const problem = await problemIn(store, acknowledged);
      await store.close();
      return [problem];
    });
  },
);

for (const code of ['EIO', 'ENOSPC'] as const) {
  void test(
    `any single file operation may fail (${code}) while appending: a repeated batch is stored once (F38, F39, F49)`,
    { timeout: 300_000 },
    async (t) => {
      const root = await memoryDir(t);
      let failing = 0;
      for (let hasFailed = true; hasFailed; failing++) {
        hasFailed = false;
        const path = join(root, `${failing}.db`);
        const store = new SqliteStore(path, options);
        let operations = 0;
        let stored = 0;
        await intercepted(
          () => {
            if (operations++ !== failing) return;
            hasFailed = true;
            throw systemError(code);
          },
          async () => {
            for (let batch = 1; batch <= 8; batch++) {
              for (let attempt = 0; ; attempt++) {
                try {
                  await store.append(batchEndingAt(batch * rowsPerBatch));
                  break;
                } catch (error) {
                  if (attempt === 3) throw error;
                }
              }
              stored = batch * rowsPerBatch;
            }
          },
        );
        const problem = await problemIn(store, stored);
        if (problem !== null) t.fail(`operation ${failing} failed: ${problem}`);
        await store.close();
        const database = openSqlite(path);
        if (database.get<{ quick_check: string }>('PRAGMA quick_check')?.quick_check !== 'ok')
          t.fail(`operation ${failing}: damaged`);
        database.close();
      }
      t.ok(failing > 40, `${failing} operations failed, one a time`);
    },
  );
}

void test('a disk that stays full refuses batches until there is room; all are stored once then (F38)', async (t) => {
  const path = join(await tempDir(t), 'regression.db');
  const store = new SqliteStore(path, options);
  t.teardown(() => store.close());
  await store.append(batchEndingAt(5));
  await intercepted(
    (call) => {
      if (call === 'writeSync') throw systemError('ENOSPC');
    },
    async () => {
      for (let attempt = 0; attempt < 5; attempt++) {
        await t.rejects(store.append(batchEndingAt(10)), { code: /STORE_FULL|STORE_WRITE_FAILED/ });
      }
    },
  );
  await store.append(batchEndingAt(10));
  await store.append(batchEndingAt(15));

  t.equal(await problemIn(store, 15), null);
});

void test('the hot file is closed by its size and by its age, not while it has no rows', async (t) => {
  const { Writer } = await import('../../../src/store/thread/writer.ts');
  const { defaultLimits } = await import('../../../src/store/store-limits.ts');
  const path = join(await tempDir(t), 'regression.db');
  let nowMs = Date.parse('2026-11-24T03:00:00Z');
  const limits = { ...defaultLimits, path, maxHotBytes: 1024 * 1024, maxHotAgeMs: 60_000 };
  const writer = new Writer(limits, { nowMs: () => nowMs });
  const store = new SqliteStore(join(await tempDir(t), 'regression.db'), { maxHotBytes: 1024 * 1024 });
  t.teardown(() => store.close());

  nowMs += 60_000;
  writer.rotateIfDue();
  t.equal(writer.segments.length, 0, 'old, but empty');
  writer.close();
  for (let batch = 0; batch < 100; batch++) await store.append(batchEndingAt(batch));
  const { segments } = await store.stats();
  t.ok(segments >= 1, `${segments} segments`);
  t.equal((await walk(store, { order: 'arrival', limit: 1000 })).length, 500);

  const aging = new SqliteStore(path, { maxHotAgeMs: 60_000 });
  t.teardown(() => aging.close());
  await aging.append(batchEndingAt(5));
  t.equal((await aging.stats()).segments, 1, 'begun in 2026-11-24T03:00, which is long ago');
});
