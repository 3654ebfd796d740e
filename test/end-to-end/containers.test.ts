/** The daemon where a container puts it: nothing of the host's files, any user, first process of its own world (F72). */
import { spawnSync } from 'node:child_process';
import { appendFile, chmod, chown, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Test, test } from 'tap';
import type { RegressionClient } from '../../src/client/client.ts';
import { clientOf, regression, startDaemon, writeConfig } from '../daemon-process.ts';
import { ScriptedUpstream, hang } from '../sinks/scripted-upstream.ts';
import { storedMessages } from '../stored-messages.ts';
import { tempDir } from '../temp-dir.ts';

const timeout = { timeout: 60_000 };
const uid = 12_345;

const { status } = spawnSync('unshare', [
  '--mount',
  '--pid',
  '--fork',
  '--mount-proc',
  'setpriv',
  '--reuid',
  `${uid}`,
  'true',
]);
const needsNamespaces = { skip: status === 0 ? false : 'namespaces cannot be made here', ...timeout };

async function untilStored(client: RegressionClient, messages: readonly string[]): Promise<void> {
  for (;;) {
    const there = new Set(await storedMessages(client));
    if (messages.every((message) => there.has(message))) return;
    await delay(20);
  }
}

/** A place where the user may write, and nowhere else; the log file in it, and the configuration. */
async function place(t: Test, more = ''): Promise<{ directory: string; log: string; config: string }> {
  const directory = await tempDir(t);
  const log = join(directory, 'app.log');
  await appendFile(log, 'first\n');
  const config = await writeConfig(directory, [log], more);
  await chmod(directory, 0o755);
  const dataDir = join(directory, 'data');
  await mkdir(dataDir);
  for (const path of [directory, log, config, dataDir]) await chown(path, uid, uid);
  return { directory, log, config };
}

/** Makes all but `directory` read-only, empties /etc and the time zones, takes what `hiding` mounts away; then becomes a user without a name. */
function bareHost(directory: string, hiding: string): string[] {
  const script = `set -e
mount --bind '${directory}' '${directory}'
mount -t tmpfs -o ro tmpfs /etc
mount -t tmpfs -o ro tmpfs /usr/share/zoneinfo
mount -o remount,bind,ro /
${hiding}
exec setpriv --reuid ${uid} --regid ${uid} --clear-groups --no-new-privs env -i LANG=xx_YY.ISO-8859-99 TZ=Nowhere/Land "$@"`;
  return ['unshare', '--mount', 'sh', '-c', script, 'bare-host'];
}

for (const [what, hiding] of [
  ['no time zones, no /etc, no home and a user without a name, on a read-only root', ''],
  ['no /proc as well', 'mount -t tmpfs -o ro tmpfs /proc'],
] as const) {
  void test(`the daemon follows, takes syslog and answers with ${what} (F72)`, needsNamespaces, async (t) => {
    const { directory, log, config } = await place(t);
    const daemon = startDaemon(t, ['--config', config], { through: bareHost(directory, hiding), cwd: directory });
    const client = await clientOf(await daemon.started);
    t.teardown(() => client.close());
    await appendFile(log, '2026-11-24 03:00:00 WARN in local time\n');

    await untilStored(client, ['first', 'in local time']);
    const { rows } = await client.sql("SELECT timestamp FROM logs WHERE message = 'in local time'");
    t.strictSame(rows, [['2026-11-24T03:00:00.000000Z']], 'a zone that nobody knows is UTC');
    const { code, stderr } = await daemon.kill('SIGTERM');
    t.equal(code, 0);
    t.notMatch(stderr, /"level":[56]0/);
  });
}

void test('doctor, asked by root, says which right the user of the daemon lacks', needsNamespaces, async (t) => {
  const { directory, log } = await place(t);
  const secret = join(directory, 'secret.log');
  await writeFile(secret, 'a line\n', { mode: 0o600 });
  const config = await writeConfig(directory, [log, secret]);
  const user = ['setpriv', '--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups'];
  const daemon = startDaemon(t, ['--config', config], { through: user });
  await daemon.started;

  const { stdout } = await regression(['doctor', secret, '--json', '--config', config]);

  t.match(JSON.parse(stdout), {
    left_out: [{ path: secret, code: 'EACCES' }],
    next_action: `It cannot be read: give the daemon's user read permission (setfacl -m u:USER:r ${secret}).`,
  });
});

const firstProcess = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];

async function childOf(pid: number): Promise<number> {
  return Number((await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim());
}

void test('as pid 1 with a child that somebody left to it, SIGTERM drains and ends it', needsNamespaces, async (t) => {
  const { log, config } = await place(t);
  // What a health check leaves: a process whose parent has gone becomes the daemon's child, and a zombie.
  const leaving = [...firstProcess, 'sh', '-c', '(sleep 0.1 &) ; exec "$@"', 'sh'];
  const daemon = startDaemon(t, ['--config', config], { through: leaving });
  const client = await clientOf(await daemon.started);
  t.teardown(() => client.close());
  await untilStored(client, ['first']);
  const pid = await childOf(daemon.pid);
  t.match(await readFile(`/proc/${pid}/status`, 'utf8'), /^NSpid:.*\t1$/m, 'it is the first process');
  await appendFile(log, 'last\n');
  await untilStored(client, ['last']);

  process.kill(pid, 'SIGTERM');
  const { code, stderr } = await daemon.ended;

  t.equal(code, 0);
  t.match(stderr, /"stopped; everything read is stored"|^$/);
});

void test('as pid 1, a second signal ends it at once', needsNamespaces, async (t) => {
  const upstream = await ScriptedUpstream.listen(t);
  upstream.always(hang);
  const { config } = await place(t, `sinks: [{ type: http, url: '${upstream.url}', timeout: 60s }]\n`);
  const daemon = startDaemon(t, ['--config', config], { through: firstProcess });
  await daemon.started;
  while (upstream.received.length === 0) await delay(10);
  const pid = await childOf(daemon.pid);

  process.kill(pid, 'SIGTERM');
  process.kill(pid, 'SIGINT');

  // Two signals that are pending at once come in the order of their numbers; the exit code is the later one's.
  const { code } = await daemon.ended;
  t.ok(code === 128 + 2 || code === 128 + 15, `ended with ${code}`);
});

/** Whether somebody in the process listens to SIGTERM, be it Node itself. */
async function hearsSigterm(pid: number): Promise<boolean> {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (BigInt(`0x${caught ?? 0}`) & (1n << 14n)) !== 0n;
}

async function mapsFile(pid: number, name: string): Promise<boolean> {
  return (await readFile(`/proc/${pid}/maps`, 'utf8')).includes(name);
}

for (const when of ['before any of its code runs', 'while it loads']) {
  void test(`as pid 1, which no signal ends by default, SIGTERM ends it ${when}`, needsNamespaces, async (t) => {
    const { directory, config } = await place(t);
    const daemon = startDaemon(t, ['--config', config], { through: firstProcess });
    let pid = 0;
    while (pid === 0) pid = await childOf(daemon.pid);
    while (!(await hearsSigterm(pid))) await delay(0);
    // The library that calls the system is there before the daemon proper is loaded.
    while (when === 'while it loads' && !(await mapsFile(pid, 'koffi'))) await delay(0);

    process.kill(pid, 'SIGTERM');

    const { code } = await daemon.ended;
    t.ok(code === 128 + 15 || code === 0, `ended with ${code}`);
    if (when === 'before any of its code runs') t.strictSame(await readdir(join(directory, 'data')), []);
  });
}
