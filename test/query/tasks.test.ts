/** `/api/v1/tasks`, `regression status` and the metrics of each task, in a whole daemon. */
import { readFile, readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import { test } from 'tap';
import { tasks } from '../../src/tasks/registry.ts';
import { runInProcess } from '../run-in-process.ts';
import { openStore } from '../../src/store/remote-store.ts';
import { someRecords } from '../records.ts';
import { type StartedDaemon, startDaemon } from '../start-daemon.ts';
import { tempDir } from '../temp-dir.ts';
import type { Test } from 'tap';

const slow = { timeout: 240_000 };
const names = ['rotate', 'archive', 'backup', 'verify', 'prune'] as const;

interface Place extends StartedDaemon {
  readonly root: string;
  readonly status: () => Promise<string>;
  readonly metric: (name: string, task: string, more?: string) => Promise<number | null>;
  readonly post: (path: string) => Promise<{ readonly status: number; readonly body: any }>;
}

/** A daemon with every task on a schedule that is not due while the test runs, and 30 rows of November in the hot file. */
async function place(t: Test): Promise<Place> {
  const root = await tempDir(t);
  const dataDir = join(root, 'data');
  const store = await openStore({ dataDir });
  await store.append({ records: someRecords(30), positions: [], gaps: [] });
  await store.close();
  const schedule = '0 0 1 1 *'; // once a year
  const started = await startDaemon(t, dataDir, [], {
    tasks: {
      rotate: { schedule },
      backup: { schedule, dir: join(root, 'backups') },
      verify: { schedule },
      archive: { schedule, dir: join(root, 'archive'), after: '0s' },
      prune: { schedule, max_age: '1000d' },
    },
  });
  return {
    ...started,
    root,
    async status() {
      const { stdout } = await runInProcess(['status'], { env: { REGRESSION_DATA_DIR: dataDir } });
      return stdout;
    },
    async metric(name, task, more = '') {
      const text = await (await fetch(`${started.url}/metrics`)).text();
      const line = text.split('\n').find((each) => each.startsWith(`regression_task_${name}{task="${task}"${more}} `));
      return line === undefined ? null : Number(line.slice(line.lastIndexOf(' ')));
    },
    async post(path) {
      const headers = { authorization: `Bearer ${started.token}` };
      const response = await fetch(`${started.url}${path}`, { method: 'POST', headers });
      return { status: response.status, body: await response.json() };
    },
  };
}

void test(
  'each task runs when it is asked for; its result stands in the answer, in status and in the metrics',
  slow,
  async (t) => {
    t.strictSame(Object.keys(tasks), [...names], 'all of them');
    const { client, post, metric, status } = await place(t);
    for (const task of await client.tasks()) {
      t.match(
        task,
        { state: 'idle', progress: null, doing: null, last: null, last_ok_at: null, summary: /\w/ },
        task.name,
      );
      t.match(await status(), new RegExp(`^${task.name} +never run`, 'm'));
      t.equal(await metric('last_success_timestamp_seconds', task.name), null);
    }
    const details = {
      rotate: { first_id: 1, last_id: 30 },
      backup: { rows: 30 },
      verify: { rows: 30 },
      archive: { rows: 30, segments: 1 },
      prune: { rows: 0, segments: 0 },
    };

    for (const name of ['rotate', 'backup', 'verify', 'archive', 'prune'] as const) {
      const before = Date.now();
      const { status: code, body } = await post(`/api/v1/tasks/${name}/run?wait=true`);

      t.equal(code, 200, `${name}: ${body.detail}`);
      t.match(body, { message: /\w/, details: details[name] });
      const task = (await client.tasks()).find((other) => other.name === name);
      t.match(task?.last, { ok: true, message: body.message, details: details[name] }, name);
      t.equal(task?.last_ok_at, task?.last?.finished_at);
      t.ok(Date.parse(task?.last_ok_at ?? '') >= before - 1000);
      t.ok((await status()).includes(`: ${body.message}`), await status());
      t.ok(((await metric('last_success_timestamp_seconds', name)) ?? 0) >= before / 1000 - 1, name);
      t.equal(await metric('last_ok', name), 1);
      t.equal(await metric('runs_total', name, ',outcome="ok"'), 1);
      t.equal(await metric('running', name), 0);
      t.equal(await metric('progress_ratio', name), 0);
      t.ok(((await metric('last_seconds', name)) ?? -1) >= 0);
    }
  },
);

void test(
  'the next run of each task stands in the answer, in status and in the metrics, in its own time zone',
  slow,
  async (t) => {
    const { client, metric, status } = await place(t);
    const year = new Date().getUTCFullYear();
    const due = Date.UTC(year + 1, 0, 1);
    const isNear = due - Date.now() < 40 * 86_400_000;
    for (const { name, next_run_at: next } of await client.tasks()) {
      t.equal(next, isNear ? new Date(due).toISOString() : null, `${name}: told once it is within 40 days`);
      if (!isNear) continue;
      t.equal(await metric('next_run_timestamp_seconds', name), due / 1000);
      t.match(await status(), new RegExp(`^${name} .*; next ${new Date(due).toISOString()}`, 'm'));
    }
  },
);

void test(
  'how far a run is can be asked while it is under way; another one of it is refused meanwhile',
  slow,
  async (t) => {
    const { client, post, metric, status } = await place(t);
    const running = post('/api/v1/tasks/backup/run');
    let seen: Awaited<ReturnType<typeof client.tasks>>[number] | undefined;
    while (seen?.state !== 'running') seen = (await client.tasks()).find(({ name }) => name === 'backup');

    t.ok(seen.progress !== null && seen.progress >= 0 && seen.progress <= 1, `${seen.progress}`);
    t.match(seen.doing, /\w/);
    const [refused, text, isRunning] = await Promise.all([
      post('/api/v1/tasks/backup/run'),
      status(),
      metric('running', 'backup'),
    ]);
    const { status: code } = await running;

    t.equal(code, 200);
    // They may have come too late: then the second was a backup of its own.
    if (refused.status !== 200)
      t.match(refused, { status: 409, body: { code: 'CONFLICT', detail: /running already/ } });
    t.comment(`${refused.status}, running ${isRunning}, ${/^backup.*$/m.exec(text)?.[0]}`);
  },
);

void test('a task that fails says so everywhere, and the last good time stays what it was', slow, async (t) => {
  const { client, post, metric, status, root } = await place(t);
  t.equal((await post('/api/v1/tasks/rotate/run?wait=true')).status, 200);
  t.equal((await post('/api/v1/tasks/backup/run')).status, 200);
  t.equal((await post('/api/v1/tasks/verify/run')).status, 200);
  const provenAt = await metric('last_success_timestamp_seconds', 'verify');
  const [name = ''] = await readdir(join(root, 'backups'));
  const segment = join(root, 'backups', name, 'segments/000000000001.db');
  await truncate(segment, (await readFile(segment)).length - 10);

  const { status: code, body } = await post('/api/v1/tasks/verify/run');

  t.match(
    { code, body },
    { code: 500, body: { code: 'BACKUP_INVALID', detail: /000000000001\.db/, hint: /regression backup/ } },
  );
  t.match(
    (await client.tasks()).find((task) => task.name === 'verify'),
    {
      last: { ok: false, message: body.detail },
      last_ok_at: new Date((provenAt ?? 0) * 1000).toISOString(),
    },
  );
  t.match(await status(), /^verify +FAILED .*000000000001\.db/m);
  t.equal(await metric('last_ok', 'verify'), 0);
  t.equal(await metric('last_success_timestamp_seconds', 'verify'), provenAt, 'when the drill was last good');
  t.equal(await metric('runs_total', 'verify', ',outcome="failed"'), 1);
});

void test(
  'a task that fails harms nothing else: rows come in, the daemon is ready, and it is said aloud',
  slow,
  async (t) => {
    const root = await tempDir(t);
    await writeFile(join(root, 'backups'), 'a file where a directory should be');
    const said = new PassThrough();
    const { url, token, client } = await startDaemon(
      t,
      join(root, 'data'),
      [],
      { tasks: { backup: { dir: join(root, 'backups') } } },
      { logger: pino(said) },
    );

    await t.rejects(client.runTask('backup'), { code: 'TASK_FAILED', message: /EEXIST|ENOTDIR/, hint: /disk/ });
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' };
    const sent = await fetch(`${url}/api/v1/logs`, { method: 'POST', headers, body: '{"message":"a row"}\n' });

    t.equal(sent.status, 200);
    t.equal((await fetch(`${url}/health/ready`)).status, 200);
    t.match(await client.logs({ q: '"a row"' }), { rows: [{ message: 'a row' }] });
    t.match(await client.runTask('rotate'), { message: /^closed rows/ }, 'other tasks run');
    const lines = String(said.read()).trim().split('\n');
    t.match(
      lines.map((line) => JSON.parse(line) as { level: number; msg: string }).filter(({ level }) => level >= 50),
      [{ task: 'backup', msg: 'the task backup failed', err: { message: /EEXIST|ENOTDIR/ } }],
    );
  },
);

void test('a task by hand needs an administrator, and a name that there is', slow, async (t) => {
  const { url, post, client } = await place(t);

  t.equal((await fetch(`${url}/api/v1/tasks/backup/run`, { method: 'POST' })).status, 401);
  await client.addUser({ username: 'vi', password: 'a long password', role: 'viewer' });
  const { token } = await client.createToken({ username: 'vi', name: 'own' });
  const headers = { authorization: `Bearer ${token}` };
  t.equal((await fetch(`${url}/api/v1/tasks/backup/run`, { method: 'POST', headers })).status, 403);
  t.equal((await fetch(`${url}/api/v1/tasks`, { headers })).status, 403);
  t.equal((await post('/api/v1/tasks/defragment/run')).status, 400);
});
