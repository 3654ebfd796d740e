import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { regression } from '../daemon-process.ts';
import { aRecord, someRecords } from '../records.ts';
import { needsPostgres, startPostgres } from '../servers/postgres.ts';
import { tempDir } from '../temp-dir.ts';
import { regressionHere } from './in-process.ts';

/** A data directory with a sealed segment, a closed one and a hot file. */
async function history(t: Test): Promise<string> {
  const directory = await tempDir(t);
  const store = new SqliteStore(join(directory, 'regression.db'));
  const odd = aRecord({
    message: 'tab\t "quoted", newline\n \\N \u{1f600}',
    application: { name: 'other', version: null, environment: null },
    metadata: [
      ['a\tb', '\\'],
      ['7', ''],
    ],
  });
  await store.append({ records: someRecords(3000, { metadata: [['user', 'u-1']] }), positions: [], gaps: [] });
  await store.rotate();
  await store.sealed();
  await store.append({ records: [odd], positions: [], gaps: [] });
  await store.rotate();
  await store.append({ records: someRecords(2500), positions: [], gaps: [] });
  await store.state.addUser({ username: 'me', password: 'hash', role: 'viewer' });
  await store.close();
  return directory;
}

void test('NDJSON and CSV of a time range, to standard output or a file', { timeout: 390_000 }, async (t) => {
  const dataDir = await history(t);
  const range = ['--start', '2026-11-24T03:00:10Z', '--end', '2026-11-24T03:00:12Z'];

  const { stdout } = await regression(['export', '--data-dir', dataDir, ...range]);
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: number; message: string });
  t.same(
    rows.map(({ message }) => message),
    ['row 10', 'row 11', 'row 10', 'row 11'],
  );
  t.same(
    rows.map(({ id }) => id),
    [11, 12, 3012, 3013],
  );

  const path = join(dataDir, 'out.csv');
  await regression(['export', '--data-dir', dataDir, '--format', 'csv', '-o', path]);
  const lines = (await readFile(path, 'utf8')).split('\r\n');
  t.equal(lines[0], 'id,timestamp,severity,application,version,environment,source,message,metadata');
  t.equal(lines.length, 1 + 5501 + 1);
});

void test('an output that is a directory or a device is left alone, and nothing is left of one that failed', async (t) => {
  const directory = await tempDir(t);
  await writeFile(join(directory, 'a.log'), 'a line\n');
  await regressionHere(['import', 'a.log'], directory);
  const before = await readdir(directory);

  for (const [output, message] of [
    ['data', /it is a directory/],
    ['/dev/null', /it is no regular file/],
    ['gone/out', /cannot write .*ENOENT/],
  ] as const) {
    const { code, stderr } = await regressionHere(['export', '-o', output], directory);
    t.equal(code, 1);
    t.match(stderr, message);
  }
  t.strictSame(await readdir(directory), before);
});

void test('a destination that is not known is refused before anything is read, without saying its password', async (t) => {
  const dataDir = await tempDir(t);
  for (const to of ['mysql://me:secret@db/logs', 'localhost:5432', '/tmp/out.ndjson']) {
    const { code, stderr } = await regression(['export', '--data-dir', dataDir, '--to', to]);
    t.equal(code, 2, to);
    t.match(stderr, 'postgres://user@host:5432/database');
    t.notMatch(stderr, 'secret');
  }
});

void test(
  'a PostgreSQL that lets nobody in, or makes no tables: nothing was sent, and that is said',
  { timeout: 390_000, ...needsPostgres() },
  async (t) => {
    const dataDir = await history(t);
    const server = await startPostgres(t, { hba: 'host all stranger 127.0.0.1/32 reject' });
    await server.query('CREATE ROLE reader LOGIN; REVOKE CREATE ON SCHEMA public FROM public');
    const complaint = async (user: string, database = 'postgres'): Promise<string> => {
      const url = new URL(`/${database}`, server.url);
      url.username = user;
      const { code, stderr } = await regression(['export', '--data-dir', dataDir, '--to', url.toString()]);
      t.equal(code, 1, stderr);
      t.match(stderr, 'Nothing was sent');
      return stderr;
    };

    t.match(await complaint('stranger'), 'password');
    t.match(await complaint('me', 'nowhere'), /"nowhere" does not exist/);
    t.match(await complaint('reader'), 'allowed to make the tables');
    await server.kill();
    t.match(await complaint('me'), 'ECONNREFUSED');
  },
);

void test(
  'the whole history into PostgreSQL: counts and checksums are equal, and a change there is found',
  { timeout: 390_000, ...needsPostgres() },
  async (t) => {
    const dataDir = await history(t);
    const server = await startPostgres(t);
    const move = (...more: string[]) =>
      regression(['export', '--data-dir', dataDir, '--to', server.url, '--json', ...more]);

    const first = await move();
    t.equal(first.code, 0, first.stderr);
    const proof = JSON.parse(first.stdout) as { logs: { rows: number }; metadata: { rows: number } };
    t.match(proof, { logs: { rows: 5501 }, metadata: { rows: 3002 } });
    const [found] = await server.query<{ message: string }>('SELECT message FROM logs WHERE id = 3001');
    t.equal(found?.message, 'tab\t "quoted", newline\n \\N \u{1f600}');
    t.match(await server.query('SELECT username, password, role FROM users'), [
      { username: 'me', password: '', role: 'viewer' },
    ]);

    const again = await move();
    t.same(JSON.parse(again.stdout), proof, 'once more changes nothing');
    const part = await move('--start', '2026-11-24T03:10:00Z', '--end', '2026-11-24T03:20:00Z');
    t.match(JSON.parse(part.stdout), { logs: { rows: 1200 } });

    await server.query(`UPDATE logs SET message = 'row 18 ' WHERE id = 19`);
    const changed = await move();
    t.equal(changed.code, 1);
    t.match(changed.stderr, 'PostgreSQL holds');
  },
);
