/** Backup and restore as their operator does them, with a daemon that follows a file. */
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import type { RegressionClient } from '../../src/client/client.ts';
import { runInProcess } from '../run-in-process.ts';
import { openStore } from '../../src/store/remote-store.ts';
import { aRecord } from '../records.ts';
import { startDaemon } from '../start-daemon.ts';
import { tempDir } from '../temp-dir.ts';

async function messagesOnce(client: RegressionClient, count: number): Promise<readonly string[]> {
  for (;;) {
    const { rows } = await client.logs({ order: 'asc' });
    if (rows.length >= count) return rows.map(({ message }) => message).sort();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

void test(
  'a restore waits until the daemon is gone; the next one reads on from where the backup stood, each line once (F48)',
  { timeout: 180_000 },
  async (t) => {
    const root = await tempDir(t);
    const log = join(root, 'app.log');
    const dataDir = join(root, 'data');
    const backupDir = join(root, 'backups');
    const env = { REGRESSION_DATA_DIR: dataDir, REGRESSION_TASKS_BACKUP_DIR: backupDir };
    const inputs = [{ type: 'file', include: [log], format: 'plain', scan_interval: '100ms' }];
    const start = () => startDaemon(t, dataDir, inputs, { tasks: { backup: { dir: backupDir } } });
    await writeFile(log, 'a 1\na 2\na 3\n');
    const first = await start();
    await messagesOnce(first.client, 3);
    t.match(await runInProcess(['backup'], { env }), { error: null, stdout: /backed up 3 rows/ });
    await appendFile(log, 'b 1\nb 2\n');
    await messagesOnce(first.client, 5);

    for (const args of [
      ['restore', 'latest'],
      ['restore', 'latest', '--range', '2020-01-01..2030-01-01'],
    ]) {
      const refused = await runInProcess(args, { env });
      t.match(refused.error, { code: 'DATA_DIR_LOCKED', message: /pid/, hint: /stop it/ });
    }
    t.match(await runInProcess(['restore', 'latest', '--dry-run'], { env }), { stdout: /complete: 3 rows/ });
    t.strictSame((await messagesOnce(first.client, 5)).length, 5, 'the daemon did not notice');
    await first.daemon.stop();
    await appendFile(log, 'c 1\n');
    t.match(await runInProcess(['restore', 'latest'], { env }), { stdout: /restored 3 rows.*now in .*replaced-/ });

    const second = await start();

    t.strictSame(await messagesOnce(second.client, 6), ['a 1', 'a 2', 'a 3', 'b 1', 'b 2', 'c 1']);
    await appendFile(log, 'd 1\n');
    t.equal((await messagesOnce(second.client, 7)).length, 7);
    t.match(await runInProcess(['verify', '--sources'], { env }), {
      error: null,
      stdout: /7 lines in them are stored/,
    });
  },
);

void test(
  'a span is brought back out of an archive; what is no span, backup or archive is refused in words',
  { timeout: 180_000 },
  async (t) => {
    const cwd = await tempDir(t);
    const env = {
      REGRESSION_DATA_DIR: join(cwd, 'data'),
      REGRESSION_TASKS_BACKUP_DIR: join(cwd, 'backups'),
      REGRESSION_TASKS_ARCHIVE_DIR: join(cwd, 'archive'),
      REGRESSION_TASKS_ARCHIVE_AFTER: '0s',
    };
    const run = (line: string) => runInProcess(line.split(' '), { cwd, env });
    await writeFile(join(cwd, 'a.log'), 'a file\n');
    const store = await openStore({ dataDir: join(cwd, 'data') });
    await store.append({ records: [aRecord({ timestamp: '2026-11-24T03:00:00.000000Z' })], positions: [], gaps: [] });
    await store.close();

    t.match(await run('rotate'), { stdout: /^closed rows 1 to 1 / });
    t.match(await run('prune'), { stdout: /none of max_age, max_total_size and min_free is set/ });
    t.match(await run('restore latest'), { error: { code: 'NOT_FOUND', hint: /regression backup makes one/ } });
    t.match(await run('archive'), { stdout: /^archived 1 rows of 1 segments/ });
    t.match(await run('restore archive --range 2026-11-24..2026-11-24 --dry-run'), { stdout: /^would bring 1 rows/ });
    t.match(await run('restore archive --range 2026-11-24..2026-11-24'), { stdout: /^brought 1 rows back/ });
    t.match(await run('restore archive --range 2026-11-24..2026-11-24'), {
      stdout: /^brought 0 rows back.*1 are there/,
    });

    const refused: readonly (readonly [line: string, code: string, words: RegExp])[] = [
      ['restore latest --range yesterday', 'USAGE', /expected START..END/],
      ['restore latest --range 2026-13-01..2026-12-01', 'USAGE', /expected START..END/],
      ['restore latest --range 2026-02-30..2026-12-01', 'USAGE', /expected START..END/],
      ['restore latest --range 2026-12-01..2026-11-01', 'USAGE', /ends before it begins/],
      ['restore archive', 'BACKUP_INVALID', /is no complete backup/],
      ['restore nowhere', 'BACKUP_INVALID', /is no complete backup/],
      ['restore nowhere --range 2026-11-24..2026-11-24', 'BACKUP_INVALID', /neither a backup nor an archive/],
      ['restore a.log --range 2026-11-24..2026-11-24', 'BACKUP_INVALID', /neither a backup nor an archive/],
      ['restore archive --range 2026-11-24..2026-11-24 --to a.log', 'DATA_DIR_UNUSABLE', /cannot make .*a\.log/],
    ];
    for (const [line, code, words] of refused) {
      const { error } = await run(line);
      t.match({ code: error?.code, message: error?.message }, { code, message: words }, line);
      t.ok(error?.hint, `${line}: a way out`);
    }
  },
);
