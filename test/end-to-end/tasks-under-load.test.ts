/** All tasks at once, over and over, while lines come in as fast as they can, in a daemon that is killed in the middle of it. */
import { readFileSync } from 'node:fs';
import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { zstdDecompressSync } from 'node:zlib';
import { test } from 'tap';
import { listArchived } from '../../src/archive/archived.ts';
import { listBackups } from '../../src/backup/manifest.ts';
import type { RegressionClient } from '../../src/client/client.ts';
import { clientOf, regression, startDaemon, writeConfig } from '../daemon-process.ts';
import { seededRandom } from '../random.ts';
import { storedMessages } from '../stored-messages.ts';
import { tempDir } from '../temp-dir.ts';

const kills = 3;
/** As many as the daemon gets through between two kills, and more. */
const linesPerKill = 10_000;
const linesAtOnce = 500;
const taskNames = ['rotate', 'backup', 'archive', 'verify', 'prune'] as const;

async function archivedMessages(directory: string): Promise<string[]> {
  return (await listArchived(directory)).flatMap(({ file }) =>
    zstdDecompressSync(readFileSync(join(directory, file)))
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { message: string }).message),
  );
}

void test(
  'tasks that overlap at peak load, killed at random: live + archived = total, each row once, every backup good (F46, F47, F48)',
  { timeout: 390_000 },
  async (t) => {
    const directory = await tempDir(t);
    const random = seededRandom(t);
    const log = join(directory, 'app.log');
    const archiveDir = join(directory, 'archive');
    const backupDir = join(directory, 'backups');
    await mkdir(archiveDir);
    const config = await writeConfig(
      directory,
      [log],
      `tasks:
  rotate: { max_size: 2MiB }
  backup: { dir: '${backupDir}', schedule: 'off', keep: { count: 2, daily: 1, weekly: 1 } }
  archive: { dir: '${archiveDir}', schedule: 'off', after: 0s, format: ndjson.zst }
  prune: { max_age: 1000d, schedule: 'off' }
`,
    );
    let written = 0;
    let isWriting = true;
    let kill = 0;
    const writing = (async () => {
      while (isWriting) {
        if (written >= (kill + 1) * linesPerKill) {
          await delay(20);
          continue;
        }
        const lines = Array.from({ length: linesAtOnce }, () => `line ${written++} ${'x'.repeat(100)}\n`);
        await appendFile(log, lines.join(''));
        await delay(10);
      }
    })();
    const done = new Map<string, number>();
    let refused = 0;
    /** Each task twice at the same time: one of the two is refused, or comes when the other has ended. */
    const runAll = async (client: RegressionClient): Promise<void> => {
      const runs = [...taskNames, ...taskNames].map(async (name) => {
        try {
          await client.runTask(name);
          done.set(name, (done.get(name) ?? 0) + 1);
        } catch (error) {
          if (/running already/.test(String(error))) refused++;
          else if (!/there is no complete backup/.test(String(error))) throw error;
        }
      });
      await Promise.all(runs);
    };

    for (; kill < kills; kill++) {
      const daemon = startDaemon(t, ['--config', config, '--log-level', 'error']);
      const client = await clientOf(await daemon.started);
      let isAlive = true;
      const busy = (async () => {
        while (isAlive) await runAll(client).catch((error: unknown) => isAlive && t.fail(String(error)));
      })();
      await delay(random.integer(500, 3000));
      isAlive = false;
      const { signal } = await daemon.kill('SIGKILL');
      t.equal(signal, 'SIGKILL', `kill ${kill + 1} met a living daemon`);
      await busy;
    }
    const daemon = startDaemon(t, ['--config', config, '--log-level', 'error']);
    const client = await clientOf(await daemon.started);
    await runAll(client);
    isWriting = false;
    await writing;
    while ((await client.inputs({})).generations[0]?.rows !== written) await delay(20);
    await client.runTask('rotate');
    for (const name of ['backup', 'archive', 'verify'] as const) await client.runTask(name);

    const archived = await archivedMessages(archiveDir);
    let live = await storedMessages(client);
    // A snapshot from before the last segments went answers for a moment longer.
    while (live.length + archived.length > written) live = await storedMessages(client);
    t.equal(
      live.length + archived.length,
      written,
      `${live.length} live + ${archived.length} archived = ${written} lines`,
    );
    t.equal(new Set([...live, ...archived].map((message) => message.split(' ')[1])).size, written, 'each once');
    t.strictSame([...done.keys()].sort(), [...taskNames].sort(), `all have run: ${JSON.stringify([...done])}`);
    t.ok(refused > 0, `${refused} were refused beside themselves`);
    const { stderr } = await daemon.kill('SIGTERM');
    t.equal(stderr, '', 'and nothing went wrong');
    const backups = await listBackups(backupDir);
    t.ok(backups.length >= 2, `${backups.length} backups`);
    for (const [index, { directory: backup }] of backups.entries()) {
      const { code, stderr: said } = await regression(['restore', backup, '--to', join(directory, `back-${index}`)]);
      t.equal(code, 0, said);
    }
  },
);
