/** How the daemon ends: told to, told twice, killed. What it has said yes to is there afterwards (F66). */
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'tap';
import type { RegressionClient } from '../../src/client/client.ts';
import { hotFileName } from '../../src/store/segments.ts';
import { clientOf, program, startDaemon, writeConfig } from '../daemon-process.ts';
import { freePort } from '../free-port.ts';
import { seededRandom } from '../random.ts';
import { ScriptedUpstream, hang } from '../sinks/scripted-upstream.ts';
import { openSqlite } from '../store/open-sqlite.ts';
import { storedMessages } from '../stored-messages.ts';
import { tempDir } from '../temp-dir.ts';

const timeout = { timeout: 240_000 };
/** `TimeoutStopSec` of systemd/regression.service: what is left then is killed. */
const graceMs = 15_000;

async function writeLines(log: string, from: number, count: number): Promise<void> {
  await appendFile(log, Array.from({ length: count }, (_, index) => `line ${from + index}\n`).join(''));
}

async function untilStored(client: RegressionClient, total: number): Promise<void> {
  while ((await client.logs({ limit: 1 })).stats.last_id < total) await delay(50);
}

/** Rows, and how many different messages they have. */
async function counts(client: RegressionClient): Promise<unknown> {
  const { rows } = await client.sql(`SELECT count(*), count(DISTINCT message) FROM logs WHERE message LIKE 'line %'`);
  return rows[0];
}

void test(
  'told to stop with a file to read, an upstream that hangs, a sender and a follower connected, it ends within its grace (F66)',
  timeout,
  async (t) => {
    const directory = await tempDir(t);
    const log = join(directory, 'app.log');
    const upstream = await ScriptedUpstream.listen(t);
    upstream.always(hang);
    const port = await freePort();
    const config = await writeConfig(
      directory,
      [log],
      `sinks: [{ type: http, url: '${upstream.url}', timeout: 60s }]\n`,
    );
    const yaml = `  - { type: syslog, listen: 'tcp://127.0.0.1:${port}' }\n`;
    await writeFile(config, (await readFile(config, 'utf8')).replace('server:', `${yaml}server:`));
    const total = 200_000;
    await writeLines(log, 0, total);
    let daemon = startDaemon(t, ['--config', config]);
    let client = await clientOf(await daemon.started);
    const sender = connect(port, '127.0.0.1');
    sender.on('error', () => undefined);
    t.teardown(() => sender.destroy());
    const followed = (async () => {
      for await (const { row } of client.follow({})) if (row === undefined) return;
    })().catch(() => undefined);
    while (upstream.received.length === 0) await delay(10);

    const startedAtMs = performance.now();
    const { code, stderr } = await daemon.kill('SIGTERM');
    const tookMs = performance.now() - startedAtMs;
    await client.close();
    await followed;

    t.equal(code, 0);
    t.notMatch(stderr, /"level":[56]0/);
    t.ok(tookMs < graceMs, `it took ${Math.round(tookMs)} ms of ${graceMs}`);
    daemon = startDaemon(t, ['--config', config]);
    client = await clientOf(await daemon.started);
    t.teardown(() => client.close());
    await untilStored(client, total);
    t.strictSame(await counts(client), [total, total]);
  },
);

void test(
  'while the store refuses every batch, sql is answered in time; told to stop, the process ends within its grace (F66)',
  timeout,
  async (t) => {
    const directory = await tempDir(t);
    const log = join(directory, 'app.log');
    const config = await writeConfig(directory, [log], `store: { queue_bytes: 1MiB }\n`);
    const timed = (await readFile(config, 'utf8')).replace(`'127.0.0.1:0'`, `'127.0.0.1:0', query_timeout: 1s`);
    await writeFile(config, timed);
    let daemon = startDaemon(t, ['--config', config]);
    await daemon.started;
    await daemon.kill('SIGTERM');
    const database = openSqlite(join(directory, 'data', hotFileName));
    database.exec(`CREATE TRIGGER refuse BEFORE INSERT ON logs BEGIN SELECT RAISE(ABORT, 'refused'); END`);
    database.close();
    await writeLines(log, 0, 100_000);
    daemon = startDaemon(t, ['--config', config]);
    const { server, adminTokenPath } = await daemon.started;
    const authorization = `Bearer ${(await readFile(adminTokenPath, 'utf8')).trim()}`;
    while ((await fetch(`${server}/health/ready`)).status !== 503) await delay(20);

    const sql = JSON.stringify({ sql: 'SELECT count(*) FROM logs' });
    const headers = { authorization, 'content-type': 'application/json' };
    const signal = AbortSignal.timeout(graceMs);
    const answer = await fetch(`${server}/api/v1/sql`, { method: 'POST', headers, body: sql, signal });
    t.equal(answer.status, 503);
    t.match(await answer.json(), { code: 'STORE_WRITE_FAILED' });
    const startedAtMs = performance.now();
    const { code, stderr } = await daemon.kill('SIGTERM');
    const tookMs = performance.now() - startedAtMs;

    t.equal(code, 0);
    t.notMatch(stderr, /left open/);
    t.ok(tookMs < graceMs, `it took ${Math.round(tookMs)} ms of ${graceMs}`);
  },
);

void test(
  'a handle that somebody forgot does not keep the process: it ends all the same, and its log names what it was',
  { timeout: 30_000 },
  async (t) => {
    const directory = await tempDir(t);
    const config = await writeConfig(directory, [join(directory, 'app.log')]);
    const installed = join(directory, 'forgetful.mjs');
    const watching = `import { watch } from 'node:fs';\nwatch(${JSON.stringify(directory)});\n`;
    await writeFile(installed, `${watching}await import(${JSON.stringify(program)});\n`);
    const daemon = startDaemon(t, ['--config', config], { installed });
    await daemon.started;

    const { code, stderr } = await daemon.kill('SIGTERM');

    t.equal(code, 0);
    t.match(stderr, /"left":\[[^\]]*"FSEventWrap"[^\]]*\].*something was left open/);
  },
);

void test(
  'told twice, it ends at once; the next start goes on without loss or repetition (F66)',
  timeout,
  async (t) => {
    const directory = await tempDir(t);
    const log = join(directory, 'app.log');
    const config = await writeConfig(directory, [log]);
    const total = 90_000;
    await writeLines(log, 0, total);
    const daemon = startDaemon(t, ['--config', config]);
    await daemon.started;
    process.kill(daemon.pid, 'SIGTERM');
    const { code } = await daemon.kill('SIGINT');

    // Two signals that are pending at once come in the order of their numbers; the exit code is the later one's.
    t.ok(code === 128 + 2 || code === 128 + 15, `ended with ${code}`);
    const client = await clientOf(await startDaemon(t, ['--config', config]).started);
    t.teardown(() => client.close());
    await untilStored(client, total);
    t.strictSame(await counts(client), [total, total]);
  },
);

void test(
  'rows that were posted and acknowledged are there after kills at any moment, each once (F36)',
  timeout,
  async (t) => {
    const directory = await tempDir(t);
    const config = await writeConfig(directory, [join(directory, 'app.log')]);
    const random = seededRandom(t);
    const acknowledged: string[] = [];
    let sent = 0;
    for (let kill = 0; kill < 8; kill++) {
      const daemon = startDaemon(t, ['--config', config, '--log-level', 'error']);
      const { server, adminTokenPath } = await daemon.started;
      const authorization = `Bearer ${(await readFile(adminTokenPath, 'utf8')).trim()}`;
      let isAlive = true;
      const senders = Array.from({ length: 4 }, async () => {
        while (isAlive) {
          const messages = Array.from({ length: random.integer(1, 200) }, () => `posted ${sent++}`);
          const body = messages.map((message) => JSON.stringify({ message })).join('\n');
          const answer = await fetch(`${server}/api/v1/logs`, {
            method: 'POST',
            headers: { authorization },
            body,
          }).catch(() => null);
          if (answer?.ok === true) acknowledged.push(...messages);
        }
      });
      await delay(random.integer(50, 800));
      isAlive = false;
      await daemon.kill('SIGKILL');
      await Promise.all(senders);
    }
    const client = await clientOf(await startDaemon(t, ['--config', config]).started);
    t.teardown(() => client.close());
    const stored = await storedMessages(client);

    t.comment(`${acknowledged.length} of ${sent} rows were acknowledged, ${stored.length} are stored`);
    t.equal(new Set(stored).size, stored.length, 'none twice');
    const there = new Set(stored);
    t.strictSame(
      acknowledged.filter((message) => !there.has(message)),
      [],
    );
  },
);
