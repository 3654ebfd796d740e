/** What the daemon tells of its files, and that it is true: `status`, `doctor` and `verify --sources`, with the daemon and without. */
import { appendFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test, type Test } from 'tap';
import type { RegressionClient } from '../../src/client/client.ts';
import { clientOf, regression, startDaemon, writeConfig } from '../daemon-process.ts';
import { openSqlite } from '../store/open-sqlite.ts';
import { tempDir } from '../temp-dir.ts';

async function aDaemon(t: Test) {
  const directory = await tempDir(t);
  const logs = join(directory, 'logs');
  await mkdir(logs);
  const log = join(logs, 'app.log');
  const config = await writeConfig(directory, [join(logs, '*.log')]);
  const ask = (...args: readonly string[]) => regression([...args, '--config', config, '--json']);
  return { directory, logs, log, config, ask };
}

async function untilRows(client: RegressionClient, rows: number): Promise<void> {
  const deadline = AbortSignal.timeout(60_000);
  while ((await client.logs({ limit: 1 }, deadline)).stats.last_id < rows)
    await delay(50, undefined, { signal: deadline });
}

void test(
  'status, doctor and verify --sources say what is followed, stored and missing',
  { timeout: 240_000 },
  async (t) => {
    const { directory, logs, log, config, ask } = await aDaemon(t);
    await writeFile(log, 'one\n\ntwo\nthr');
    await writeFile(join(logs, 'noise.txt'), 'not followed\n');
    await writeFile(join(logs, 'noise.log'), Buffer.from([1, 2, 3, 0, 1, 2, 3, 4, 0, 5]));
    const daemon = startDaemon(t, ['--config', config]);
    const client = await clientOf(await daemon.started);
    await untilRows(client, 2);

    const followed = JSON.parse((await ask('doctor', log)).stdout);
    t.match(followed, {
      exists: true,
      size: 12,
      watchers: [{ kind: 'watching' }],
      files: [{ path: log, state: 'followed', offset: 9, waiting_bytes: 3, unread_bytes: 0, last_error: null }],
      generations: [{ path: log, offset: 9, lines: 2, rows: 2, is_ended: false }],
      gaps: [],
      next_action: /last line waits for its newline/,
    });
    t.match(JSON.parse((await ask('doctor', join(logs, 'noise.txt'))).stdout).next_action, /No input names it/);
    const { stdout: screen } = await regression(['status', '--config', config]);
    t.match(screen, /files +1 followed, 0 rotated/);
    t.match(screen, /left out +1 files.*\n +.*noise\.log: it is a binary file/);
    t.match(screen, /2 lines in 2 rows\ngaps +none/);
    const leftOut = JSON.parse((await ask('doctor', join(logs, 'noise.log'))).stdout);
    t.match(leftOut, {
      left_out: [{ reason: 'it is a binary file' }],
      next_action: /does not follow it: it is a binary file/,
    });

    await appendFile(log, 'ee\n');
    await untilRows(client, 3);
    await daemon.kill('SIGTERM');
    await rename(log, join(logs, 'app.log.1'));
    await appendFile(log, 'new\n');
    const stopped = JSON.parse((await ask('doctor', join(logs, 'app.log.1'))).stdout);
    t.match(stopped, { is_running: false, generations: [{ offset: 15, lines: 3 }] }, 'found by its inode');
    t.match(stopped.next_action, new RegExp(`as ${log}:`));
    const good = await ask('verify', '--sources');
    t.equal(good.code, 0);
    t.match(JSON.parse(good.stdout), {
      ok: true,
      generations: [
        { path: join(logs, 'app.log.1'), lines_on_disk: 3, empty_lines: 1, lines_stored: 3, rows_stored: 3 },
      ],
    });

    t.match(JSON.parse(good.stdout), { rows: [{ directory: logs, rows_stored: 3, rows_counted: 3, ok: true }] });

    const change = (sql: string): void => {
      const database = openSqlite(join(directory, 'data', 'regression.db'));
      database.run(sql, []);
      database.close();
    };
    change("UPDATE logs SET source = '/elsewhere/app.log' WHERE message = 'two'");
    const missing = await ask('verify', '--sources');
    t.equal(missing.code, 1, 'a row that is missing is found, though the counters say it was stored');
    t.match(JSON.parse(missing.stdout), { ok: false, rows: [{ rows_stored: 3, rows_counted: 2, ok: false }] });

    change('UPDATE file_positions SET lines = 2');
    const wrong = await ask('verify', '--sources');
    t.equal(wrong.code, 1, 'a line that is missing is found');
    t.match(JSON.parse(wrong.stdout), { ok: false, generations: [{ lines_on_disk: 3, lines_stored: 2, ok: false }] });

    await writeFile(join(logs, 'app.log.2.gz'), 'packed');
    const packed = JSON.parse((await ask('doctor', join(logs, 'app.log.2.gz'))).stdout);
    t.match(packed.next_action, new RegExp(`Rotation may have made it of ${log}`));
  },
);
