/** Backup and restore as their operator does them, with a daemon that follows a file. */
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import type { RegressionClient } from '../../src/client/client.ts';
import { runInProcess } from '../run-in-process.ts';
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
