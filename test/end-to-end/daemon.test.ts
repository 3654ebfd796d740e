/** The built daemon as its operator meets it. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'tap';
import type { RegressionClient } from '../../src/client/client.ts';
import { probeDataDir } from '../../src/runtime/data-dir-lock.ts';
import { openStore } from '../../src/store/remote-store.ts';
import { clientOf, program, regression, startDaemon, writeConfig } from '../daemon-process.ts';
import { tempDir } from '../temp-dir.ts';

async function untilRow(client: RegressionClient, q: string): Promise<void> {
  const deadline = AbortSignal.timeout(10_000);
  while ((await client.logs({ q }, deadline)).rows.length === 0) await delay(5);
}

void test('a line appended to a file and a datagram are rows that can be asked for a moment later', async (t) => {
  const directory = await tempDir(t);
  const log = join(directory, 'app.log');
  await writeFile(log, 'already there\n');
  const syslog = "  - { type: syslog, listen: 'udp://127.0.0.1:0' }\nserver:";
  const config = await writeConfig(directory, [log]);
  await writeFile(config, (await readFile(config, 'utf8')).replace('server:', syslog));
  const summary = await startDaemon(t, ['--config', config]).started;
  const client = await clientOf(summary);
  await untilRow(client, 'already');

  const latencies: number[] = [];
  for (let index = 0; index < 10; index++) {
    const startedAtMs = performance.now();
    await appendFile(log, `line number${index}\n`);
    await untilRow(client, `number${index}`);
    latencies.push(Math.round(performance.now() - startedAtMs));
  }
  // Not an assertion on time: the machine may be busy. The figures are in bench/.
  t.comment(`append to query, ms: ${latencies.join(' ')}`);
  t.match(summary.inputs, [/^1 file of /, /^syslog on udp:/]);
  t.equal((await client.logs({ order: 'arrival' })).rows.length, 11);
});

void test('SIGTERM under load ends before the file is read, exit code 0; nothing is lost or twice after the next start (F66)', async (t) => {
  const directory = await tempDir(t);
  const log = join(directory, 'app.log');
  const lines = 300_000;
  await writeFile(log, Array.from({ length: lines }, (_, index) => `line ${index}\n`).join(''));
  const config = await writeConfig(directory, [log]);
  const first = startDaemon(t, ['--config', config]);
  await first.started;
  await delay(300);
  const startedAtMs = performance.now();
  const { code, stderr } = await first.kill('SIGTERM');
  t.comment(`ended after ${Math.round(performance.now() - startedAtMs)} ms`); // 2 s, and up to 5 on a busy machine

  t.strictSame({ code, stderr }, { code: 0, stderr: '' });
  t.equal(await probeDataDir(join(directory, 'data')), null, 'the lock is given back');
  const store = await openStore({ dataDir: join(directory, 'data') });
  t.ok((await store.stats()).lastId < lines, 'it did not read on to the end first');
  await store.close();
  const client = await clientOf(await startDaemon(t, ['--config', config]).started);
  const deadline = AbortSignal.timeout(60_000);
  while ((await client.logs({ limit: 1 }, deadline)).stats.last_id < lines) await delay(50);
  const { hits } = await client.hits({ start: '2020-01-01' });
  t.equal(hits[0]?.total, lines);
});

void test('two daemons on one data directory: the second names the first and exits 1, the first is undisturbed (F41)', async (t) => {
  const directory = await tempDir(t);
  const log = join(directory, 'app.log');
  await writeFile(log, 'one\n');
  const config = await writeConfig(directory, [log]);
  const first = startDaemon(t, ['--config', config]);
  const client = await clientOf(await first.started);
  const { code, stdout, stderr } = await regression(['run', '--config', config]);
  const imported = await regression(['import', '--config', config, log]);
  await appendFile(log, 'two\n');
  await untilRow(client, 'two');

  t.equal(code, 1);
  t.equal(stdout, '');
  t.match(stderr, new RegExp(`^regression: \`regression run\` \\(pid ${first.pid}\\) is using .*\\nHint: `));
  t.equal(imported.code, 1);
  t.equal((await first.kill('SIGTERM')).code, 0);
});

void test('a port in use is a clear error and exit code 1, a wrong configuration exit code 2', async (t) => {
  const directory = await tempDir(t);
  const taken = createServer().listen(0, '127.0.0.1');
  t.teardown(() => taken.close());
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const config = await writeConfig(directory, [join(directory, 'app.log')]);
  const inUse = await regression(['run', '--config', config], {
    env: { REGRESSION_SERVER_LISTEN: `127.0.0.1:${port}` },
  });
  const remote = await regression(['run', '--config', config], { env: { REGRESSION_SERVER_LISTEN: '0.0.0.0:0' } });

  t.equal(inUse.code, 1);
  t.match(inUse.stderr, /^regression: cannot listen on .*EADDRINUSE.*\nHint: /);
  t.equal(remote.code, 2);
  t.match(remote.stderr, /can be reached from other hosts/);
  const udp = createSocket('udp4').bind(0, '127.0.0.1');
  t.teardown(() => udp.close());
  await once(udp, 'listening');
  await appendFile(config, '');
  const yaml = await readFile(config, 'utf8');
  await writeFile(
    config,
    yaml.replace('server:', `  - { type: syslog, listen: 'udp://127.0.0.1:${udp.address().port}' }\nserver:`),
  );
  const syslogInUse = await regression(['run', '--config', config]);
  t.equal(syslogInUse.code, 1);
  t.match(syslogInUse.stderr, /^regression: cannot take syslog on .*\nHint: /);
});

void test('what cannot be read gets one clear line each, and the rest goes on', async (t) => {
  const directory = await tempDir(t);
  const logs = join(directory, 'logs');
  await mkdir(join(logs, 'directory.log'), { recursive: true });
  await writeFile(join(logs, 'binary.log'), Buffer.from([0, 1, 2, 3, 0, 0, 0]));
  await writeFile(join(logs, 'long.log'), `${'x'.repeat(10_000_000)}\nafter the long line\n`);
  await writeFile(join(logs, 'bytes.log'), Buffer.from([0x61, 0xff, 0xfe, 0x62, 0x0a]));
  await writeFile(join(logs, 'good.log'), 'good\n');
  const daemon = startDaemon(t, ['--config', await writeConfig(directory, [join(logs, '*.log')])]);
  const client = await clientOf(await daemon.started);
  for (const word of ['good', '"after the long line"']) await untilRow(client, word);
  const { rows } = await client.logs({ order: 'arrival' });
  const { stderr } = await daemon.kill('SIGTERM');
  const said = stderr
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { msg: string }).msg);

  t.match(said.toSorted(), [
    /binary\.log is not followed: it is a binary file/,
    /directory\.log is a directory, not a file/,
  ]);
  t.match(
    rows.find(({ source }) => source.endsWith('bytes.log')),
    { message: 'a\ufffd\ufffdb', metadata: { raw_base64: 'Yf/+Ygo='.slice(0, 6) } },
  );
  const long = rows.find(({ message }) => message.startsWith('xxx'));
  t.equal(long?.message.length, 1024 * 1024);
  t.match(long?.metadata, { truncated: 'true', original_bytes: '10000000' });
});

void test(
  'an unreadable file is said and is read once it can be (F18)',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  async (t) => {
    const directory = await tempDir(t);
    const { chmod } = await import('node:fs/promises');
    const { spawn } = await import('node:child_process');
    const log = join(directory, 'app.log');
    await writeFile(log, 'secret\n', { mode: 0o000 });
    await chmod(directory, 0o777);
    const config = await writeConfig(directory, [log]);
    // As nobody: root may read everything.
    const child = spawn(process.execPath, [program, 'run', '--json', '--config', config], {
      uid: 65_534,
      gid: 65_534,
    });
    t.teardown(() => child.kill('SIGKILL'));
    const [warning] = (await once(child.stderr, 'data')) as [Buffer];
    t.match(warning.toString(), /cannot read .*app\.log \(EACCES/);
    await chmod(log, 0o644);
    const client = await clientOf(JSON.parse(String(child.stdout.read() ?? (await once(child.stdout, 'data'))[0])));
    await t.resolves(untilRow(client, 'secret'));
  },
);
