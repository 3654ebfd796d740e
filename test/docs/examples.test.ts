/** The examples of docs/, run as they stand against a daemon with rows. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test, type Test } from 'tap';
import { clientOf, startDaemon, writeConfig } from '../daemon-process.ts';
import { tempDir } from '../temp-dir.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const examples = join(root, 'docs/examples');
const run = promisify(execFile);
const have = (program: string) =>
  ['/usr/bin', '/bin', '/usr/local/bin'].some((place) => existsSync(join(place, program)));

const expected = [
  { kind: 'payment <n> failed', count: 40 },
  { kind: 'disk <n> is full', count: 3 },
];

/** A daemon with errors, and the variables the examples read: a viewer's token, as a job would have. */
async function surroundings(t: Test) {
  const directory = await tempDir(t);
  const log = join(directory, 'shop.log');
  const failures = Array.from({ length: 40 }, (_, index) => `2026-11-24 03:00:00 ERROR payment ${index} failed\n`);
  const disks = [1, 2, 3].map((disk) => `2026-11-24 03:00:01 ERROR disk ${disk} is full\n`);
  await writeFile(log, ['2026-11-24 03:00:00 INFO all is well\n', ...failures, ...disks].join(''));
  const daemon = startDaemon(t, ['--config', await writeConfig(directory, [log])]);
  const summary = await daemon.started;
  const admin = await clientOf(summary);
  t.teardown(() => admin.close());
  while ((await admin.logs({ q: '"disk 3"' })).rows.length === 0)
    await new Promise((resolve) => setTimeout(resolve, 100));
  await admin.addUser({ username: 'job', password: 'long enough', role: 'viewer' });
  const { token } = await admin.createToken({ username: 'job' });
  return { directory, admin, env: { ...process.env, REGRESSION_URL: summary.server, REGRESSION_TOKEN: token } };
}

void test('the TypeScript batch job', { timeout: 120_000 }, async (t) => {
  const { directory, admin, env } = await surroundings(t);
  await mkdir(join(directory, 'job/node_modules'), { recursive: true });
  await symlink(root, join(directory, 'job/node_modules/regression'));
  await writeFile(join(directory, 'job/package.json'), '{"type":"module"}');
  await copyFile(join(examples, 'batch-job.ts'), join(directory, 'job/batch-job.ts'));
  const { stdout } = await run(process.execPath, [join(directory, 'job/batch-job.ts')], { env });

  t.strictSame(JSON.parse(stdout), expected);
  t.strictSame(await admin.result('nightly-errors'), expected);
  t.match(await admin.consumer('nightly-errors'), { owner: 'job', acked_rows: 43, batch: null });
  const again = await run(process.execPath, [join(directory, 'job/batch-job.ts')], { env });
  t.equal(again.stdout, '[]\n', 'what was acknowledged does not come again');
});

void test(
  'the Python batch job',
  { timeout: 120_000, skip: !have('python3') && 'python3 is not installed' },
  async (t) => {
    const { admin, env } = await surroundings(t);
    const { stdout } = await run('python3', [join(examples, 'batch-job.py')], { env });

    t.strictSame(JSON.parse(stdout), expected);
    t.strictSame(await admin.result('nightly-errors'), expected);
  },
);

void test(
  'the questions with curl',
  { timeout: 120_000, skip: !have('curl') && 'curl is not installed' },
  async (t) => {
    const { admin, env } = await surroundings(t);
    const { stdout } = await run('sh', [join(examples, 'questions.sh')], { env });

    t.match(stdout, /^severity,message\r\nERROR,disk 3 is full\r\n/);
    t.match(stdout, /"hits":\[\{"fields":\{\}/);
    t.match(stdout, /"field_name":"severity"/);
    t.match(await admin.consumer('shell'), { acked_rows: 43, lag: /\d+/ });
  },
);

void test('every page of docs/ that names an example names one that is there', async (t) => {
  const text = await readFile(join(root, 'docs/api.md'), 'utf8');
  t.match(text, /examples/);
  for (const name of ['batch-job.ts', 'batch-job.py', 'questions.sh']) t.ok(existsSync(join(examples, name)), name);
});
