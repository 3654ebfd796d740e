/** A changed configuration taken over by a daemon that runs (F50, F66, F67). */
import { once } from 'node:events';
import { appendFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test, type Test } from 'tap';
import type { RegressionClient } from '../src/client/client.ts';
import { type Config, configSchema } from '../src/config/schema.ts';
import { ScriptedUpstream } from './sinks/scripted-upstream.ts';
import { type StartedDaemon, startDaemon } from './start-daemon.ts';
import { tempDir } from './temp-dir.ts';

interface Reloadable extends StartedDaemon {
  readonly directory: string;
  /** From the next reload on. */
  readonly configure: (given: object) => void;
}

const timeout = { timeout: 120_000 };

async function start(t: Test, given: object): Promise<Reloadable> {
  const directory = await tempDir(t);
  const configOf = (next: object): Config =>
    configSchema.parse({ inputs: [], ...next, data_dir: join(directory, 'data'), server: { listen: '127.0.0.1:0' } });
  let config = configOf(given);
  const load = async () => config;
  const started = await startDaemon(t, join(directory, 'data'), [], {}, { config, load });
  return { ...started, directory, configure: (next) => (config = configOf(next)) };
}

/** Messages in the order of arrival, once there are `count`. */
async function messages(client: RegressionClient, count: number): Promise<string[]> {
  for (;;) {
    const { rows } = await client.logs({ order: 'arrival', limit: 1000, application: 'app' });
    if (rows.length >= count) return rows.map(({ message }) => message);
    await delay(10);
  }
}

const fileInput = (path: string, more: object = {}) => ({
  type: 'file',
  include: [path],
  format: 'plain',
  scan_interval: '100ms',
  application: { name: 'app' },
  ...more,
});

void test(
  'an input that is changed, and has another name, reads on where it was, an open record included; a new glob is followed (F50)',
  timeout,
  async (t) => {
    const directory = await tempDir(t);
    const log = join(directory, 'app.log');
    await writeFile(log, 'one\ntwo\n');
    const { client, url, configure } = await start(t, { inputs: [fileInput(log)] });
    await messages(client, 2);
    // An error may go on for a minute: it is open when the input is exchanged, and is not to be stored by both.
    const slow = fileInput(join(directory, '*.log'), { multiline: { flush_after: '60s' } });
    configure({ inputs: [slow] });
    t.strictSame((await client.reload()).applied, ['inputs']);
    await appendFile(log, 'java.lang.IllegalStateException: three\n');
    await writeFile(join(directory, 'other.log'), 'four\n');
    await messages(client, 3);

    configure({ inputs: [fileInput(join(directory, '*.log'), { name: 'again' })] });
    await client.reload();
    await appendFile(log, '\tat five.Six(Seven.java:8)\nnine\n');

    const stored = await messages(client, 5);
    t.strictSame(stored.filter((message) => !message.includes('three')).toSorted(), ['four', 'nine', 'one', 'two']);
    t.strictSame(
      stored.filter((message) => message.includes('three')).length,
      1,
      'the record is stored once, with or without the line that came later',
    );
    const metrics = await (await fetch(`${url}/metrics`)).text();
    t.match(metrics, /regression_input_lines_total\{input="again"\} /);
    t.match(metrics, /regression_input_files\{input="again"\} 2\n/);
    t.notMatch(metrics, /regression_input_files\{input="file"\}/, 'an input that is gone follows nothing');
  },
);

void test(
  'an input that stays as it is runs on; the application and the transforms count from its next record',
  timeout,
  async (t) => {
    const directory = await tempDir(t);
    const log = join(directory, 'app.log');
    await writeFile(log, 'one\n');
    const inputs = [fileInput(log, { application: undefined })];
    const { client, configure } = await start(t, { inputs, application: { name: 'app', version: '1' } });
    await messages(client, 1);
    const [opened] = (await client.inputs()).files;

    configure({
      inputs,
      application: { name: 'app', version: '2' },
      transforms: [{ type: 'drop', when: { message: 'secret' } }],
    });
    const answer = await client.reload();
    await appendFile(log, 'secret\ntwo\n');

    t.strictSame(answer, { applied: ['application.version', 'transforms'], needs_restart: [] });
    t.strictSame(await messages(client, 2), ['one', 'two']);
    const { rows } = await client.logs({ order: 'arrival', application: 'app' });
    t.strictSame(
      rows.map(({ version }) => version),
      ['1', '2'],
    );
    t.equal((await client.inputs()).files[0]?.generation, opened?.generation);
  },
);

void test(
  'the first sink that a reload adds gets what is stored and what comes; taken away it gets nothing more',
  timeout,
  async (t) => {
    const upstream = await ScriptedUpstream.listen(t);
    const directory = await tempDir(t);
    const log = join(directory, 'app.log');
    await writeFile(log, 'one\n');
    const inputs = [fileInput(log)];
    const { client, configure } = await start(t, { inputs });
    await messages(client, 1);
    const sent = async (text: string): Promise<void> => {
      while (!upstream.received.some((request) => request.text.includes(text))) await delay(10);
    };

    configure({ inputs, sinks: [{ type: 'http', url: upstream.url }] });
    await client.reload();
    await sent('"one"');
    await appendFile(log, 'two\n');
    await sent('"two"');
    t.match((await client.sinks()).sinks, [{ name: 'http', state: /./ }]);

    configure({ inputs });
    await client.reload();
    await appendFile(log, 'three\n');
    await messages(client, 3);
    t.notOk(upstream.received.some(({ text }) => text.includes('"three"')));
    configure({ inputs, sinks: [{ type: 'http', url: upstream.url }] });
    await client.reload();
    await sent('"three"');
    t.equal(upstream.received.filter(({ text }) => text.includes('"two"')).length, 1, 'its position was kept');
  },
);

void test('what one part refuses none takes over: the old configuration stays in force', timeout, async (t) => {
  const upstream = await ScriptedUpstream.listen(t);
  const taken = createServer().listen(0, '127.0.0.1');
  t.teardown(() => taken.close());
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const directory = await tempDir(t);
  const log = join(directory, 'app.log');
  await writeFile(log, 'one\n');
  const inputs = [fileInput(log)];
  const { client, url, configure } = await start(t, { inputs });
  await messages(client, 1);

  configure({
    inputs: [fileInput(join(directory, '*.log')), { type: 'syslog', listen: `tcp://127.0.0.1:${port}` }],
    sinks: [{ type: 'http', url: upstream.url }],
    transforms: [{ type: 'drop', when: { message: 'two' } }],
  });
  await t.rejects(client.reload(), { code: 'INPUT_UNAVAILABLE', message: new RegExp(`${port}`), hint: /./ });
  await appendFile(log, 'two\nthree\n');

  t.strictSame(await messages(client, 3), ['one', 'two', 'three']);
  t.match(await client.inputs(), { inputs: [{ include: [log] }] });
  t.strictSame(
    (await client.sinks()).sinks.filter(({ state }) => state !== null),
    [],
  );
  const metrics = await (await fetch(`${url}/metrics`)).text();
  t.match(metrics, /\nregression_config_last_reload_successful 0\n/);
  t.equal((await fetch(`${url}/health/ready`)).status, 200);

  configure({ inputs, transforms: [{ type: 'drop', when: { message: 'four' } }] });
  t.strictSame((await client.reload()).applied, ['transforms']);
  t.match(await (await fetch(`${url}/metrics`)).text(), /\nregression_config_last_reload_successful 1\n/);
});

void test(
  'a task has its new schedule at once; reloads that are asked for at once are made together',
  timeout,
  async (t) => {
    const { daemon, client, configure } = await start(t, {});
    const nextOf = async () => (await client.tasks()).find(({ name }) => name === 'rotate')?.next_run_at ?? null;

    configure({ tasks: { rotate: { schedule: '7 7 * * *', timezone: 'UTC' } } });
    t.match((await client.reload()).applied, ['tasks.rotate.schedule']);
    t.match(await nextOf(), /T07:07:00/);
    configure({ tasks: { rotate: { schedule: 'off' } } });
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => daemon.reload()));
    t.ok(new Set(outcomes).size <= 2, 'the one under way, and one for all that came meanwhile');
    t.equal(await nextOf(), null);
  },
);
