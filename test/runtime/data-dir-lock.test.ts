import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { lockDataDir, probeDataDir } from '../../src/runtime/data-dir-lock.ts';
import { tempDir } from '../temp-dir.ts';

const lockModule = fileURLToPath(new URL('../../src/runtime/data-dir-lock.ts', import.meta.url));

void test('one holder at a time; the refused one is told who it is (F41)', async (t) => {
  const directory = await tempDir(t);
  const lock = await lockDataDir(directory, 'run');
  lock.announce('http://127.0.0.1:8514');

  await t.rejects(lockDataDir(directory, 'import'), {
    code: 'DATA_DIR_LOCKED',
    message: `\`regression run\` (pid ${process.pid}) is using ${directory}`,
  });
  t.strictSame(await probeDataDir(directory), { pid: process.pid, command: 'run', server: 'http://127.0.0.1:8514' });
  await lock.release();
  t.equal(await probeDataDir(directory), null);
  for (let start = 0; start < 5; start++) await (await lockDataDir(directory, 'run')).release();
  t.ok((await readdir(directory)).length <= 2, 'names of former holders do not pile up');
});

void test('the lock of a process that was killed is taken over (F41)', async (t) => {
  const directory = await tempDir(t);
  const script = `const { lockDataDir } = await import(${JSON.stringify(lockModule)});
    await lockDataDir(${JSON.stringify(directory)}, 'run'); console.log('locked'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  await t.rejects(lockDataDir(directory, 'run'), { message: new RegExp(`pid ${child.pid}`) });
  child.kill('SIGKILL');
  await once(child, 'exit');

  const lock = await lockDataDir(directory, 'run');
  t.match(await probeDataDir(directory), { pid: process.pid });
  await lock.release();
});

void test('of many who start at once over a stale lock one gets it, again and again', async (t) => {
  const directory = await tempDir(t);
  const script = `const { lockDataDir } = await import(${JSON.stringify(lockModule)});
    await lockDataDir(${JSON.stringify(directory)}, 'run'); process.kill(process.pid, 'SIGKILL');`;
  await once(spawn(process.execPath, ['--input-type=module', '-e', script]), 'exit');

  for (let round = 0; round < 50; round++) {
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => lockDataDir(directory, 'run')));
    const held = results.filter((result) => result.status === 'fulfilled');
    if (held.length !== 1) t.fail(`round ${round}: ${held.length} holders`);
    for (const { value } of held) await value.release();
  }
  t.ok((await readdir(directory)).length <= 2, 'those who were refused leave nothing behind');
});

void test('what is no directory, or the directory of another user, is not taken for one that nobody holds', async (t) => {
  const directory = await tempDir(t);
  const file = join(directory, 'file');
  await writeFile(file, '');
  await mkdir(join(directory, 'closed'), { mode: 0o000 });
  await chmod(directory, 0o711);

  t.equal(await probeDataDir(join(directory, 'gone')), null);
  await t.rejects(probeDataDir(file), { code: 'DATA_DIR_UNUSABLE', message: /^cannot look into .*: ENOTDIR/ });
  const isRoot = process.getuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534); // root may read everything
  t.teardown(() => isRoot && process.seteuid?.(0));
  await t.rejects(probeDataDir(join(directory, 'closed')), { code: 'DATA_DIR_UNUSABLE', hint: /as that user/ });
});

void test('a path too long for a socket address is no obstacle', async (t) => {
  const directory = join(await tempDir(t), 'd'.repeat(120));
  await mkdir(directory);
  const lock = await lockDataDir(directory, 'run');

  await t.rejects(lockDataDir(directory, 'run'), { code: 'DATA_DIR_LOCKED' });
  await lock.release();
});
