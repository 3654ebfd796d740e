import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import { makeDataDir } from '../../src/runtime/data-dir.ts';
import { tempDir } from '../temp-dir.ts';

void test('a data directory is made with its parents, for its owner alone, and left as it is when it is there', async (t) => {
  const directory = join(await tempDir(t), 'a/b/data');

  await makeDataDir(directory);
  await makeDataDir(directory);

  t.equal((await stat(directory)).mode & 0o777, 0o700);
  await mkdir(join(directory, 'kept'));
  await makeDataDir(directory);
  t.ok((await stat(join(directory, 'kept'))).isDirectory());
});

void test('where no directory can be made, that is said, and soon', async (t) => {
  const file = join(await tempDir(t), 'file');
  await writeFile(file, '');

  for (const path of ['/proc/regression/data', '/proc/regression', file, join(file, 'data')]) {
    await t.rejects(makeDataDir(path), {
      code: 'DATA_DIR_UNUSABLE',
      hint: 'Choose another directory with --data-dir.',
    });
  }
});
