/** Data directories that earlier releases wrote, opened by this one. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test, type Test } from 'tap';
import { openStore } from '../../../src/store/remote-store.ts';
import { migrate, readMigrations } from '../../../src/store/thread/migrate.ts';
import { applicationId } from '../../../src/store/thread/new-database.ts';
import { openHotFile } from '../../../src/store/thread/hot-file.ts';
import { Sqlite } from '../../../src/store/thread/sqlite.ts';
import { tempDir } from '../../temp-dir.ts';
import { openSqlite } from '../open-sqlite.ts';
import { walk } from '../store.contract.ts';

const versionOf = (database: Sqlite) => database.get<{ user_version: number }>('PRAGMA user_version')?.user_version;
const migrations = readMigrations();
const newest = migrations.at(-1)?.version;

/** What a release left that knew the first `count` migrations: one row, read from a file. */
async function leftBy(t: Test, count: number): Promise<{ dataDir: string; path: string }> {
  const dataDir = await tempDir(t);
  const path = join(dataDir, 'regression.db');
  const database = new Sqlite(path);
  database.exec(`PRAGMA page_size = 16384; PRAGMA application_id = ${applicationId}`);
  database.useWal();
  migrate(database, migrations.slice(0, count));
  database.exec(`
    INSERT INTO store_state (key, value) VALUES ('hot_since', '2026-11-24T00:00:00.000Z');
    INSERT INTO applications (id, name, version, created_at) VALUES (1, 'shop', '1.4.2', '2026-11-24T00:00:00Z');
    INSERT INTO logs (id, timestamp, severity, application_id, source, message)
      VALUES (1, '2026-11-24T03:00:00.000000Z', 'ERROR', 1, '/var/log/shop.log', 'from the old days');
    INSERT INTO logs_metadata (id, log_id, metadata_type, metadata_value, app_version) VALUES (1024, 1, 'order', '17', '1.4.2')`);
  database.close();
  return { dataDir, path };
}

for (const [index, { version }] of migrations.slice(0, -1).entries()) {
  void test(`a file of schema ${version} is brought up to date, and backed up before`, async (t) => {
    const { path } = await leftBy(t, index + 1);
    const options = { path, durability: 'full', cacheBytes: 1024 * 1024, lastSegmentId: 0, checksFile: true } as const;

    const { database, damage } = openHotFile(options as never, Date.now());
    t.teardown(() => database.close());

    t.equal(damage, null);
    t.equal(versionOf(database), newest);
    t.strictSame(database.all('SELECT message FROM logs'), [{ message: 'from the old days' }]);
    const backup = openSqlite(`${path}.schema-${version}`);
    t.teardown(() => backup.close());
    t.equal(versionOf(backup), version);
    t.strictSame(backup.all('SELECT message FROM logs'), [{ message: 'from the old days' }]);
  });
}

void test("the first release's data directory is read and written on by this one; its backup is what it was", async (t) => {
  const { dataDir, path } = await leftBy(t, 1);
  const store = await openStore({ dataDir });
  t.teardown(() => store.close());

  const row = {
    timestamp: '2026-11-25T00:00:00.000000Z',
    severity: 'INFO',
    source: 'x',
    message: 'new',
    metadata: [],
  } as const;
  const { firstId } = await store.append({
    records: [{ ...row, application: { name: 'shop', version: '1.5', environment: null } }],
    positions: [],
    gaps: [],
  });

  t.equal(firstId, 2);
  t.match(await walk(store, { order: 'arrival', limit: 10 }), [
    { id: 1, message: 'from the old days', severity: 'ERROR', version: '1.4.2', metadata: { order: '17' } },
    { id: 2, message: 'new' },
  ]);
  t.ok(existsSync(`${path}.schema-1`));
  t.notOk(existsSync(`${path}.schema-1.unfinished`));
});

void test('a file of this release is not backed up at each start', async (t) => {
  const { path } = await leftBy(t, migrations.length);
  const options = { path, durability: 'full', cacheBytes: 1024 * 1024, lastSegmentId: 0, checksFile: true } as const;
  openHotFile(options as never, Date.now()).database.close();

  t.notOk(existsSync(`${path}.schema-${newest}`));
});
