/** systemd/README.md, step by step, on a host of its own with a real systemd and journald. */
import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test, type Test } from 'tap';
import { type Place, needsNamespaces, startHost } from '../servers/namespaces.ts';
import { tempDir } from '../temp-dir.ts';

const checkout = fileURLToPath(new URL('../../', import.meta.url));
const exec = promisify(execFile);
const archive = `regression-0.1.0-${process.platform}-${process.arch}.tar.gz`;

/** Commands of the page by their heading; a heading has several blocks. */
async function stepsOf(page: string): Promise<ReadonlyMap<string, readonly (readonly string[])[]>> {
  const sections = (await readFile(page, 'utf8')).split(/^## /m).slice(1);
  return new Map(
    sections.map((section) => [
      section.slice(0, section.indexOf('\n')),
      [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block.trim().split('\n')),
    ]),
  );
}

/** What a clone of the repository holds. */
async function cloneTo(directory: string): Promise<void> {
  const { stdout } = await exec('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: checkout });
  for (const path of stdout
    .trim()
    .split('\n')
    .filter((path) => existsSync(join(checkout, path)))) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await copyFile(join(checkout, path), join(directory, path));
  }
}

/** The archive as the page has it made; made of what is here where there is no registry. */
async function makeArchive(t: Test, commands: readonly string[]): Promise<string> {
  const directory = await tempDir(t);
  await cloneTo(directory);
  for (const command of commands) await exec('sh', ['-ec', command], { cwd: directory, maxBuffer: 1 << 24 });
  return join(directory, archive);
}

async function all(t: Test, host: Place, commands: readonly string[]): Promise<string> {
  let said = '';
  for (const command of commands) {
    const outcome = await host.run(command);
    said += outcome.said;
    if (!t.equal(outcome.code, 0, command)) t.comment(outcome.said, (await host.run('journalctl -n 30 -o cat')).said);
  }
  return said;
}

const shown = (property: string): string => `systemctl show -P ${property} regression.service`;

void test(
  'the steps of systemd/README.md install, feed, reload, upgrade and remove a service that survives what a host does to it',
  {
    ...(!existsSync('/lib/systemd/systemd') ? { skip: 'systemd is not installed' } : needsNamespaces),
    timeout: 390_000,
  },
  async (t) => {
    const steps = await stepsOf(join(checkout, 'systemd/README.md'));
    const [build = [], install = []] = steps.get('Install') ?? [];
    const [journal = []] = steps.get('What journald has') ?? [];
    const [reload = []] = steps.get('Change the configuration') ?? [];
    const [upgrade = []] = steps.get('Upgrade, and go back') ?? [];
    const [remove = [], purge = []] = steps.get('Remove') ?? [];
    const made = await makeArchive(t, build);
    const host = await startHost(t);
    await cp(made, join(host.root, archive));
    const before = (await host.run('find /etc /opt /usr/local /var/lib -name "*regression*"')).said;

    t.match(await all(t, host, install), /daemon +running/);
    t.equal((await host.run(shown('NotifyAccess'))).said, 'main\n');
    t.match((await host.run(shown('StatusText'))).said, /answers on http/);
    t.match((await host.run('stat -Lc "%a %U" /var/lib/regression')).said, '700 regression');
    t.equal(
      (await host.run(`grep -c . /proc/$(${shown('MainPID')})/environ; readlink /proc/$(${shown('MainPID')})/exe`))
        .code,
      0,
    );

    // What programs log to /dev/log, also while the daemon is stopped: systemd holds the socket.
    t.match(await all(t, host, journal), /unixgram/);
    await all(t, host, ['logger -t checkout -p user.err "payment 4711 declined"']);
    const row = await host.until('regression logs --application checkout --json | grep 4711');
    t.match(JSON.parse(row), { severity: 'ERROR', source: 'unixgram:///run/systemd/journal/syslog' });
    await all(t, host, ['systemctl stop regression.service', 'logger -t checkout "sent while it was stopped"']);
    await host.until('regression logs --application checkout | grep "while it was stopped"');

    // Asking as root while it is stopped leaves nothing that the service cannot write afterwards.
    await all(t, host, [
      'systemctl stop regression.socket regression.service',
      'regression logs --application checkout',
      'systemctl start regression.socket regression.service',
      'logger -t checkout "after a question"',
    ]);
    await host.until('regression logs --application checkout | grep "after a question"');

    // A wrong configuration is refused, and the journal knows how bad that is.
    await all(t, host, [
      'cp /etc/regression/regression.yaml right.yaml',
      'echo "sevrer: {}" >> /etc/regression/regression.yaml',
    ]);
    t.not((await host.run(reload.at(-1) ?? '')).code, 0);
    t.match(
      (await host.run('journalctl -u regression -p err -o cat')).said,
      /sevrer: unknown key; did you mean `server`/,
    );
    t.match((await host.run('journalctl -u regression -p info -o cat')).said, /^regression 0.1.0 runs follows=/m);
    t.equal((await host.run('systemctl is-active regression')).said, 'active\n');
    await all(t, host, [
      'echo "log: { level: debug }" >> right.yaml',
      'cp right.yaml /etc/regression/regression.yaml',
      ...reload,
    ]);
    t.match(
      (await host.run('journalctl -u regression -p info -o cat')).said,
      /configuration is in force applied=\["log.level"\]/,
    );

    // Killed, and stuck: started anew.
    const pid = (await host.run(shown('MainPID'))).said;
    await all(t, host, ['systemctl kill --kill-whom=main --signal=KILL regression']);
    await host.until(`[ "$(${shown('NRestarts')})" = 1 ] && [ "$(${shown('ActiveState')})" = active ]`);
    t.not((await host.run(shown('MainPID'))).said, pid);
    await all(t, host, [
      'mkdir -p /run/systemd/system/regression.service.d',
      'printf "[Service]\\nWatchdogSec=2s\\nTimeoutAbortSec=1s\\n" > /run/systemd/system/regression.service.d/short.conf',
      'systemctl daemon-reload',
      'systemctl restart regression',
      'systemctl kill --kill-whom=main --signal=STOP regression',
    ]);
    await host.until(`journalctl -u regression -o cat | grep -q "Watchdog timeout"`);
    await host.until(`[ "$(${shown('ActiveState')})" = active ] && regression status`);

    t.match(await all(t, host, upgrade), /daemon +running/);
    t.match((await host.run('regression logs --application checkout')).said, /4711/, 'the rows are still there');

    await all(t, host, [...remove, ...purge, 'rm -r /run/systemd/system/regression.service.d']);
    t.equal((await host.run('find /etc /opt /usr/local /var/lib -name "*regression*"')).said, before);
    t.match((await host.run('systemctl status regression')).said, /could not be found/);
  },
);
