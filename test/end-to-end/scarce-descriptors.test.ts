/**
 * A host with 256 file descriptors and 128 inotify watches for more files and directories than that: each line is stored all the same,
 * and the operator is told that changes are found by looking. The limit on watches is a user namespace's (user_namespaces(7)).
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'tap';
import { clientOf, program, writeConfig } from '../daemon-process.ts';
import { tempDir } from '../temp-dir.ts';

const directories = 200;
const filesEach = 5;
const withLimits = 'echo 128 > /proc/sys/user/max_inotify_watches && ulimit -n 256 && exec "$@"';
const canLimit = spawnSync('unshare', ['-Ur', 'sh', '-c', withLimits, 'sh', 'true']).status === 0;

void test(
  `${directories * filesEach} files in ${directories} directories, 256 descriptors, 128 watches: every line once, and scanning is reported (F19, F21)`,
  { skip: !canLimit && 'no user namespaces here', timeout: 120_000 },
  async (t) => {
    const directory = await tempDir(t);
    const paths: string[] = [];
    for (let index = 0; index < directories; index++) {
      await mkdir(join(directory, 'logs', `d${index}`), { recursive: true });
      for (let file = 0; file < filesEach; file++) paths.push(join(directory, 'logs', `d${index}`, `${file}.log`));
    }
    const writeAll = async (text: string): Promise<void> => {
      for (const [index, path] of paths.entries()) await appendFile(path, `${text} ${index}\n`);
    };
    await writeAll('first');
    const config = await writeConfig(directory, [join(directory, 'logs', '**', '*.log')]);
    const command = ['sh', '-c', withLimits, 'sh', process.execPath, program, 'run', '--json', '--config', config];
    const daemon = spawn('unshare', ['-Ur', ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
    t.teardown(() => end(daemon));
    let said = '';
    daemon.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    const [started] = (await once(daemon.stdout, 'data')) as [Buffer];
    const client = await clientOf(JSON.parse(started.toString()));
    const untilStored = async (rows: number): Promise<void> => {
      while ((await client.logs({ limit: 1 })).stats.last_id < rows) await delay(50);
    };
    await untilStored(paths.length);
    await writeAll('second');
    await untilStored(2 * paths.length);
    const { inputs, gaps } = await client.inputs();
    const seen: string[] = [];
    for await (const { message } of client.rows({ order: 'arrival' })) seen.push(message);
    await client.close();
    await end(daemon);

    t.equal(daemon.exitCode, 0);
    const written = ['first', 'second'].flatMap((text) => paths.map((_, index) => `${text} ${index}`));
    t.strictSame(seen.toSorted(), written.toSorted());
    t.strictSame(gaps, []);
    t.match(inputs[0]?.watcher, { kind: 'scanning', reason: /ENOSPC/ });
    t.match(said, /cannot watch for changes/);
  },
);

async function end(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  daemon.kill('SIGTERM');
  await once(daemon, 'exit');
}
