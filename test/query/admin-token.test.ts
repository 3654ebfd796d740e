import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import { isSameToken, loadOrCreateAdminToken, readAdminToken } from '../../src/query/admin-token.ts';
import { tempDir } from '../temp-dir.ts';

void test('the first start makes a token only its owner can read, later ones keep it', async (t) => {
  const directory = await tempDir(t);
  t.equal(await readAdminToken(directory), null);
  const first = await loadOrCreateAdminToken(directory);
  const second = await loadOrCreateAdminToken(directory);

  t.match(first.token, /^rgr_[\w-]{43}$/);
  t.equal((await stat(first.path)).mode & 0o777, 0o600);
  t.equal(await readFile(first.path, 'utf8'), `${first.token}\n`);
  t.strictSame(second, first);
  t.equal(await readAdminToken(directory), first.token);
});

void test('a token others may read is used, and said', async (t) => {
  const directory = await tempDir(t);
  const { path } = await loadOrCreateAdminToken(directory);
  await chmod(path, 0o644);

  t.ok((await loadOrCreateAdminToken(directory)).isExposed);
});

void test('a file that holds something else is refused with a hint', async (t) => {
  const directory = await tempDir(t);
  await writeFile(join(directory, 'admin.token'), 'hunter2\n');

  await t.rejects(loadOrCreateAdminToken(directory), { code: 'DATA_DIR_UNUSABLE', hint: /Remove the file/ });
});

void test('tokens are compared whole', async (t) => {
  t.ok(isSameToken('rgr_a', 'rgr_a'));
  t.notOk(isSameToken('rgr_a', 'rgr_ab'));
  t.notOk(isSameToken('', 'rgr_a'));
});
