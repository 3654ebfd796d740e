import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'tap';
import { openStore } from '../../src/store/remote-store.ts';
import { someRecords } from '../records.ts';
import { tempDir } from '../temp-dir.ts';
import { openDatabases } from './open-sqlite.ts';

const skip =
  spawnSync('sqlite3', ['--version']).status === 0 ? false : 'the sqlite3 shell is not installed (Debian: sqlite3)';
const records = someRecords(200, {
  metadata: [
    ['k', 'v'],
    ['n', '1'],
  ],
});

/** Every id once, and every file sound. */
function problemsIn(files: ReturnType<typeof openDatabases>, rows: number): string[] {
  const problems = files.flatMap((file) =>
    file.all<{ integrity_check: string }>('PRAGMA integrity_check').map(({ integrity_check: found }) => found),
  );
  const ids = files.flatMap((file) => file.all<{ id: number }>('SELECT id FROM logs ORDER BY id').map(({ id }) => id));
  const pairs = files.reduce(
    (sum, file) => sum + (file.get<{ n: number }>('SELECT count(*) AS n FROM logs_metadata')?.n ?? 0),
    0,
  );
  if (ids.length !== rows || ids.some((id, index) => id !== index + 1)) problems.push(`${ids.length} of ${rows} rows`);
  if (pairs !== rows * 2) problems.push(`${pairs} of ${rows * 2} pairs`);
  return problems.filter((problem) => problem !== 'ok');
}

void test(
  'the sqlite3 shell opens and closes the live file at full speed: nothing is lost, readers stay right, it is said',
  { skip, timeout: 120_000 },
  async (t) => {
    const dataDir = await tempDir(t);
    const path = join(dataDir, 'regression.db');
    const said: string[] = [];
    const store = await openStore({
      dataDir,
      checkpointBytes: 512 * 1024,
      onDisturbed: (message) => said.push(message),
    });
    let rows = 0;
    let isOpening = true;
    const opening = (async () => {
      for (let round = 0; round < 20; round++) {
        const shell = spawn('sqlite3', [path, 'SELECT count(*) FROM logs; SELECT count(*) FROM logs_metadata'], {
          stdio: 'ignore',
        });
        await once(shell, 'close');
      }
      isOpening = false;
    })();
    const wrong: string[] = [];
    const reading = (async () => {
      while (isOpening) {
        const counted = (await store.hits({ filter: {}, stepSeconds: 86_400 }, { deadlineMs: 60_000 })).reduce(
          (sum, { count }) => sum + count,
          0,
        );
        if (counted % records.length !== 0 || counted > rows + records.length) wrong.push(`${counted} of ${rows}`);
      }
    })();
    while (isOpening) {
      await store.append({ records, positions: [], gaps: [] });
      rows += records.length;
    }
    await Promise.all([opening, reading]);
    await store.close();

    t.strictSame(wrong, [], 'each answer is of one state');
    t.strictSame(problemsIn(openDatabases(t, dataDir), rows), []);
    t.ok(
      said.some((message) => message.includes('another program')),
      said.join('; '),
    );
  },
);

void test(
  'a shell that stays connected while megabytes are written cannot put old pages over new ones when it closes',
  { skip },
  async (t) => {
    const dataDir = await tempDir(t);
    const said: string[] = [];
    const store = await openStore({
      dataDir,
      checkpointBytes: 256 * 1024,
      onDisturbed: (message) => said.push(message),
    });
    let rows = 0;
    const appendSome = async (): Promise<void> => {
      for (let batch = 0; batch < 20; batch++) {
        await store.append({ records, positions: [], gaps: [] });
        rows += records.length;
      }
    };
    await appendSome();
    const shell = spawn('sqlite3', [join(dataDir, 'regression.db')], { stdio: ['pipe', 'pipe', 'inherit'] });
    shell.stdin.write('SELECT count(*) FROM logs;\n');
    await once(shell.stdout, 'data');
    await appendSome();
    const { walBytes } = await store.stats();
    shell.stdin.end('SELECT count(*) FROM logs;\n');
    await once(shell, 'close');
    await appendSome();
    const after = await store.stats();
    await store.close();

    t.ok(walBytes > 512 * 1024, `nothing was checkpointed meanwhile (${walBytes} bytes of WAL)`);
    t.ok(after.walBytes < walBytes, 'afterwards it is again');
    t.strictSame(problemsIn(openDatabases(t, dataDir), rows), []);
    t.match(said.join('; '), /has the database file open.*removed its WAL/);
  },
);

void test('a kill right after a shell has removed the WAL loses nothing', { skip }, async (t) => {
  const dataDir = await tempDir(t);
  const script = `
    import { execFileSync } from 'node:child_process';
    import { rmSync } from 'node:fs';
    import { SqliteStore } from ${JSON.stringify(new URL('../../src/store/thread/sqlite-store.ts', import.meta.url).href)};
    import { someRecords } from ${JSON.stringify(new URL('../records.ts', import.meta.url).href)};
    const store = new SqliteStore(${JSON.stringify(join(dataDir, 'regression.db'))});
    const records = someRecords(200, { metadata: [['k', 'v'], ['n', '1']] });
    await store.append({ records, positions: [], gaps: [] });
    await store.append({ records, positions: [], gaps: [] });
    rmSync(${JSON.stringify(join(dataDir, 'regression.db-wal'))});
    process.kill(process.pid, 'SIGKILL');`;
  const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  t.equal(signal, 'SIGKILL');

  const store = await openStore({ dataDir });
  t.equal((await store.stats()).lastId, 400);
  await store.close();
  t.strictSame(problemsIn(openDatabases(t, dataDir), 400), []);
});
