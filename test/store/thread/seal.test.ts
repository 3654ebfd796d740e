import { createHash } from 'node:crypto';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import type { SegmentManifest } from '../../../src/store/segments.ts';
import { SqliteStore } from '../../../src/store/thread/sqlite-store.ts';
import { aPosition, someRecords } from '../../records.ts';
import { memoryDir } from '../../temp-dir.ts';
import { atEveryMoment, intercepted, systemError } from '../interrupted-fs.ts';
import { openSqlite } from '../open-sqlite.ts';
import { walk } from '../store.contract.ts';

const secret = 'scrypt-hash-of-a-password-that-must-not-be-found';

/** A store with `rows` rows in one closed segment, and a user. */
async function withClosedSegment(directory: string, rows: number): Promise<SqliteStore> {
  const path = join(directory, 'regression.db');
  await new SqliteStore(path).close();
  const database = openSqlite(path);
  database.run(`INSERT INTO users (username, password, role, created_at) VALUES ('ann', ?, 'admin', '2026')`, [secret]);
  database.close();
  const store = new SqliteStore(path);
  await store.append({
    records: someRecords(rows, {
      metadata: [
        ['k', 'v'],
        ['n', '1'],
      ],
    }),
    positions: [aPosition({ offset: 2 })],
    gaps: [],
  });
  await store.rotate();
  return store;
}

void test('a sealed segment holds the rows, the indexes and no credentials, and its manifest says what it is', async (t) => {
  const directory = await memoryDir(t);
  const store = await withClosedSegment(directory, 50);
  await store.sealed();
  await store.close();

  const segments = join(directory, 'segments');
  t.strictSame(readdirSync(segments).sort(), ['000000000001.db', '000000000001.json']);
  const content = readFileSync(join(segments, '000000000001.db'));
  const manifest = JSON.parse(readFileSync(join(segments, '000000000001.json'), 'utf8')) as SegmentManifest;
  t.match(manifest, {
    formatVersion: 1,
    rows: 50,
    metadataRows: 100,
    bytes: content.length,
    firstId: 1,
    lastId: 50,
    minTimestamp: '2026-11-24T03:00:00.000000Z',
    maxTimestamp: '2026-11-24T03:00:49.000000Z',
    sha256: createHash('sha256').update(content).digest('hex'),
  });
  t.equal(content.indexOf(secret), -1, 'overwritten, not only unlinked');
  t.notOk(content.includes('file_positions'));
  const database = openSqlite(join(segments, '000000000001.db'));
  t.teardown(() => database.close());
  t.strictSame(database.all('PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
  t.strictSame(database.all('PRAGMA journal_mode'), [{ journal_mode: 'delete' }]);
  t.strictSame(
    database.all(`SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name`),
    ['applications_identity', 'logs_application_severity', 'logs_metadata_type_value', 'logs_timestamp'].map(
      (name) => ({ name }),
    ),
  );
  t.strictSame(database.all('SELECT username, password FROM users'), [{ username: 'ann', password: '' }]);
});

const hasShell = spawnSync('sqlite3', ['--version']).status === 0;
void test(
  'any SQLite tool can read a sealed segment',
  { skip: hasShell ? false : 'the sqlite3 shell is not installed (Debian: sqlite3)' },
  async (t) => {
    const directory = await memoryDir(t);
    const store = await withClosedSegment(directory, 5);
    await store.sealed();
    await store.close();
    const ask = (sql: string): string =>
      execFileSync('sqlite3', [join(directory, 'segments', '000000000001.db'), sql], { encoding: 'utf8' }).trim();

    t.equal(ask('SELECT count(*), max(message) FROM logs'), '5|row 4');
    t.equal(ask('PRAGMA integrity_check'), 'ok');
    t.match(
      ask(`EXPLAIN QUERY PLAN SELECT log_id FROM logs_metadata WHERE metadata_type = 'k' AND metadata_value = 'v'`),
      'logs_metadata_type_value',
    );
    t.strictSame(readdirSync(join(directory, 'segments')).length, 2, 'and leaves nothing beside it');
  },
);

void test(
  'a kill before any file operation of sealing leaves every row once; the next sealing completes (F47)',
  { timeout: 360_000 },
  async (t) => {
    await atEveryMoment(t, 20, async (directory, killing) => {
      const killed = await withClosedSegment(directory, 20);
      await killing(() => killed.sealed());

      const store = new SqliteStore(join(directory, 'regression.db'));
      const ids = async (): Promise<string> => String((await walk(store, { order: 'arrival' })).map(({ id }) => id));
      const expected = String(Array.from({ length: 20 }, (_, index) => index + 1));
      const problems: string[] = [];
      if ((await ids()) !== expected) problems.push(`rows ${await ids()}`);
      await store.sealed();
      if ((await ids()) !== expected) problems.push('rows after the next sealing');
      const { unsealedSegments, segments } = await store.stats();
      if (segments !== 1 || unsealedSegments !== 0) problems.push(`${segments} segments, ${unsealedSegments} unsealed`);
      await store.close();
      const left = readdirSync(join(directory, 'segments')).filter((name) => !/^0+1\.(db|json)$/.test(name));
      if (left.length > 0) problems.push(`left behind: ${left.join(', ')}`);
      return problems;
    });
  },
);

void test('a sealing that fails leaves the closed file in use and can be repeated (F38)', async (t) => {
  const store = await withClosedSegment(await memoryDir(t), 20);
  t.teardown(() => store.close());
  for (const failing of ['writeSync', 'fsyncSync', 'renameSync', 'copyFileSync', 'writeFileSync'] as const) {
    await t.rejects(
      intercepted(
        (call) => {
          if (call === failing) throw systemError('ENOSPC');
        },
        () => store.sealed(),
      ),
      failing,
    );
    t.equal((await walk(store, {})).length, 20);
  }
  await store.sealed();
  t.equal((await walk(store, {})).length, 20);
  t.equal((await store.stats()).unsealedSegments, 0);
});
