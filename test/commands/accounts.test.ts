/** The commands `user`, `token`, `sql` and `consumers`, with a daemon and without one. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import { RegressionClient } from '../../src/client/client.ts';
import { regression, startDaemon, writeConfig } from '../daemon-process.ts';
import { tempDir } from '../temp-dir.ts';

void test(
  'users and tokens are made before the first start, and are valid at the daemon',
  { timeout: 120_000 },
  async (t) => {
    const cwd = await tempDir(t);
    const config = await writeConfig(cwd, [join(cwd, 'none.log')]);
    const run = (args: string[], stdin?: string) =>
      regression([...args, '--config', config], { cwd, ...(stdin === undefined ? {} : { stdin }) });
    const added = await run(['user', 'add', 'alice', '--role', 'viewer'], 'her password\n');
    const made = await run(['token', 'create', 'alice', '--name', 'nightly', '--expires-in', '1d']);
    t.equal(added.stdout, 'added alice (viewer)\n', added.stderr);
    t.match(made.stdout, /^rgr_[\w-]{43}\n$/);
    t.match(made.stderr, /shown this once/);

    const { server } = await startDaemon(t, ['--config', config]).started;
    const alice = new RegressionClient({ url: server, token: made.stdout.trim() });
    t.teardown(() => alice.close());
    t.equal((await alice.logs({ application: 'regression' })).rows.length, 2, 'the audit of the two commands');
    await t.rejects(alice.users(), { code: 'FORBIDDEN' });

    t.match((await run(['user', 'list'])).stdout, /^user +role +created\nalice +viewer +2/);
    t.match(
      (await run(['token', 'list', '--json'])).stdout,
      /"username":"alice","name":"nightly","scopes":\["read","consume"\]/,
    );
    t.equal((await run(['token', 'revoke', '1'])).stdout, 'revoked token 1 of alice\n');
    await t.rejects(alice.logs(), { code: 'UNAUTHORIZED' });
    t.equal((await run(['user', 'role', 'alice', '--role', 'admin'])).stdout, 'changed alice (admin)\n');
    t.equal((await run(['user', 'remove', 'alice'])).stdout, 'removed alice (admin)\n');
    const gone = await run(['user', 'remove', 'alice']);
    t.strictSame([gone.code, gone.stderr.split('\n')[0]], [1, 'regression: there is no user alice']);
  },
);

void test('sql prints a table, NDJSON or CSV, and says what is wrong', { timeout: 120_000 }, async (t) => {
  const cwd = await tempDir(t);
  await writeFile(join(cwd, 'a.log'), 'level=info msg="one, two"\nlevel=error msg=three\n');
  await regression(['import', 'a.log'], { cwd });
  const statement = "SELECT severity, message FROM logs WHERE source <> 'audit' ORDER BY id";
  t.equal(
    (await regression(['sql', statement], { cwd })).stdout,
    'severity  message\nINFO      one, two\nERROR     three\n',
  );
  t.equal(
    (await regression(['sql', statement, '--json'], { cwd })).stdout,
    '{"severity":"INFO","message":"one, two"}\n{"severity":"ERROR","message":"three"}\n',
  );
  t.match(await regression(['sql', statement, '--csv', '--max-rows', '1'], { cwd }), {
    stdout: 'severity,message\r\nINFO,"one, two"\r\n',
    stderr: /there is more; the answer was cut at its limit of rows/,
  });
  const wrong = await regression(['sql', 'DELETE FROM logs'], { cwd });
  t.strictSame([wrong.code, wrong.stderr], [2, 'regression: sql: it begins with DELETE\nHint: One SELECT or WITH.\n']);
});

void test('consumers are created, listed, moved and deleted', { timeout: 120_000 }, async (t) => {
  const cwd = await tempDir(t);
  await writeFile(join(cwd, 'a.log'), 'level=info msg=one\nlevel=error msg=two\n');
  await regression(['import', 'a.log'], { cwd });
  const created = await regression(
    ['consumers', 'create', 'nightly', '--query', 'severity:>=error', '--ack-wait', '5m'],
    { cwd },
  );
  t.match(created.stdout, /^consumer +owner +position +lag.*\nnightly +admin\.token +0 +\d+ +0 +0 /);
  const moved = await regression(['consumers', 'seek', 'nightly', '--from', 'end', '--json'], { cwd });
  t.match(JSON.parse(moved.stdout), { name: 'nightly', ack_wait_ms: 300_000 });
  t.equal((await regression(['consumers', 'delete', 'nightly'], { cwd })).code, 0);
  t.equal((await regression(['consumers', 'delete', 'nightly'], { cwd })).code, 1);
});

const wrong: readonly (readonly [args: string, message: string])[] = [
  ['user add', 'the name of the user is missing'],
  ['user role alice', '--role is missing'],
  ['user frobnicate', 'action: "frobnicate" is none of list, add,'],
  ['token revoke', 'the number of the token is missing'],
  ['consumers seek nightly', '--from is missing'],
  ['sql', 'an argument is missing: regression sql <statement>'],
];
for (const [args, message] of wrong) {
  void test(`\`regression ${args}\` is refused with exit code 2`, async (t) => {
    const { code, stderr } = await regression(args.split(' '), { cwd: await tempDir(t) });
    t.equal(code, 2, stderr);
    t.ok(stderr.startsWith(`regression: ${message}`), stderr);
  });
}
