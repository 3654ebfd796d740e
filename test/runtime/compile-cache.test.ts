import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import { compileCacheDirectory } from '../../src/runtime/compile-cache.ts';
import { tempDir } from '../temp-dir.ts';

const program = join(import.meta.dirname, '../../bin/regression.js');
const run = (env: Record<string, string>): string =>
  execFileSync(process.execPath, [program, '--version'], { env, encoding: 'utf8' });

void test('compiled code is kept in the cache directory of the user', async (t) => {
  const home = await tempDir(t);
  const first = run({ HOME: home });

  t.not((await readdir(join(home, '.cache/regression'))).length, 0);
  t.equal(run({ HOME: home }), first);
});

void test('no place that others can write to, or that is not there, is taken', async (t) => {
  const home = await tempDir(t);
  const cache = join(home, 'cache');
  await mkdir(cache);
  t.equal(compileCacheDirectory({ HOME: home, XDG_CACHE_HOME: cache }), join(cache, 'regression'));
  await chmod(cache, 0o777);
  t.equal(compileCacheDirectory({ HOME: home, XDG_CACHE_HOME: cache }), join(home, '.cache/regression'));
  t.equal(compileCacheDirectory({ XDG_CACHE_HOME: cache }), null);
  t.equal(compileCacheDirectory({ HOME: join(home, 'nowhere') }), null);
  t.equal(compileCacheDirectory({ HOME: '.' }), null);
  t.equal(compileCacheDirectory({}), null);
  if (process.getuid?.() === 0) {
    await chown(home, 65_534, 65_534);
    t.equal(compileCacheDirectory({ HOME: home }), null, 'of another user');
  }
});

void test('a command does its work where nothing can be kept', async (t) => {
  const home = await tempDir(t);
  await mkdir(join(home, '.cache'), { mode: 0o500 });

  t.match(run({ HOME: home }), /^\d+\.\d+\.\d+/);
  t.match(run({ HOME: '/proc' }), /^\d+\.\d+\.\d+/);
});
