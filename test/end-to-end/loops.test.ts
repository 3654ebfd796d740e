/** F68: what the daemon and its commands write themselves must not come back as rows. Sinks that lead in a circle: circle.test.ts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { copyFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'tap';
import { type DaemonProcess, clientOf, program, startDaemon, writeConfig } from '../daemon-process.ts';
import { tempDir } from '../temp-dir.ts';

const timeout = { timeout: 180_000 };
const intoFile = (path: string): string[] => ['sh', '-c', `exec "$@" 2>> '${path}'`, 'into'];

void test(
  'its own log in a followed directory is left alone, also when it is rotated; asking does not make it grow by itself (F68)',
  timeout,
  async (t) => {
    const directory = await tempDir(t);
    const own = join(directory, 'regression.log');
    const config = await writeConfig(directory, [join(directory, '*.log*')], 'log: { level: debug }\n');
    const daemon: DaemonProcess = startDaemon(t, ['--config', config], { through: intoFile(own) });
    const client = await clientOf(await daemon.started);
    t.teardown(() => client.close());
    const stored = async (text: string): Promise<void> => {
      writeFileSync(join(directory, 'app.log'), `${text}\n`, { flag: 'a' });
      while ((await client.logs({ q: text })).rows.length === 0) await delay(20);
    };
    await stored('one');
    renameSync(own, `${own}.1`); // and the daemon writes on into it
    await stored('two');
    const sizeBefore = statSync(`${own}.1`).size;
    await stored('three');

    t.match(readFileSync(`${own}.1`, 'utf8'), /regression.log is not followed: it is the daemon's own/);
    t.ok(statSync(`${own}.1`).size > sizeBefore, 'every question is an entry of its own log');
    const { rows } = await client.logs({ order: 'arrival' });
    t.strictSame(
      rows.map(({ message }) => message),
      ['one', 'two', 'three'],
    );
  },
);

void test(
  'a copy that copytruncate makes of its own log is read once, and adds nothing to itself (F68)',
  timeout,
  async (t) => {
    const directory = await tempDir(t);
    const own = join(directory, 'regression.log');
    const config = await writeConfig(directory, [join(directory, '*.log*')]);
    const daemon = startDaemon(t, ['--config', config], { through: intoFile(own) });
    const client = await clientOf(await daemon.started);
    t.teardown(() => client.close());
    await copyFile(own, `${own}.1`);
    const lines = readFileSync(`${own}.1`, 'utf8').trimEnd().split('\n').length;
    await truncate(own);
    while ((await client.logs({ limit: 1 })).stats.last_id < lines) await delay(50);
    writeFileSync(join(directory, 'app.log'), 'something else\n');
    while ((await client.logs({ limit: 1 })).stats.last_id < lines + 1) await delay(50);

    t.equal((await client.logs({ limit: 1 })).stats.last_id, lines + 1);
  },
);

void test('rows are not followed into a file that the daemon reads (F68)', timeout, async (t) => {
  const directory = await tempDir(t);
  const config = await writeConfig(directory, [join(directory, '*.log')]);
  await startDaemon(t, ['--config', config]).started;
  const output = openSync(join(directory, 'rows.log'), 'a');
  t.teardown(() => closeSync(output));
  const child = spawn(process.execPath, [program, 'logs', '--follow', '--config', config], {
    stdio: ['ignore', output, 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  let stderr = '';
  child.stderr?.on('data', (text) => (stderr += String(text)));

  t.strictSame(await once(child, 'close'), [2, null]);
  t.match(stderr, /the output goes to .*rows\.log, which the input file reads[^]*Hint: Write it elsewhere/);
});
