/**
 * A systemd of its own, as pid 1 in namespaces, on a root that is the host's with a throw-away layer above it. Its network is its own as well.
 * Needs root, systemd and control groups that can be written.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';

const systemd = '/lib/systemd/systemd';
/** Where control groups of the second version are, alone or beside the first. */
const unified = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((path) => existsSync(join(path, 'cgroup.procs')));

/** Makes the root and becomes systemd. Nothing of the host's units, logs and devices is in it; `$1` is an empty directory. */
const boot = `set -e
mount -t tmpfs tmpfs "$1"
cd "$1"
mkdir upper work root
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root
cd root
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
mknod -m 666 dev/null c 1 3; mknod -m 666 dev/zero c 1 5; mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8; mknod -m 666 dev/urandom c 1 9; mknod -m 666 dev/tty c 5 0; mknod -m 600 dev/console c 5 1
mkdir dev/shm dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
rm -rf etc/systemd/system opt var/log
mkdir -p etc/systemd/system opt var/log
: > etc/machine-id
printf '[Unit]\\nDefaultDependencies=no\\nRequires=systemd-journald.service\\nAfter=systemd-journald.service\\n' > etc/systemd/system/scratch.target
ip link set lo up
mkdir old
pivot_root . old
umount -l old
exec env -i container=scratch PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin ${systemd} --unit=scratch.target --log-target=journal
`;

const separate = [
  '--mount',
  '--pid',
  '--fork',
  '--cgroup',
  '--ipc',
  '--uts',
  '--net',
  '--propagation',
  'private',
  '--kill-child',
];

/** Options of a test that needs one: skipped where there can be none, saying why. */
export function needsScratchSystemd(): { skip: string | false } {
  const missing = [systemd, '/usr/bin/nsenter', '/usr/sbin/ip', '/usr/sbin/pivot_root'].find(
    (path) => !existsSync(path) && !existsSync(path.replace('/usr', '')),
  );
  if (missing !== undefined) return { skip: `${missing} is not installed` };
  if (unified === undefined) return { skip: 'there are no control groups' };
  const { status, stderr } = spawnSync('unshare', [...separate, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], {
    encoding: 'utf8',
  });
  return { skip: status === 0 ? false : `namespaces cannot be made here: ${stderr}` };
}

export interface ScratchSystemd {
  /** Runs a script there, as root in `/root`; what it wrote, and how it ended. */
  readonly run: (script: string, stdin?: Buffer) => { readonly code: number | null; readonly output: string };
}

/** @param directory empty; what is written there goes with the test. */
export async function startScratchSystemd(t: Test, directory: string): Promise<ScratchSystemd> {
  const group = join(unified ?? '', `regression-test-${process.pid}`);
  mkdirSync(group);
  const enter = `echo $$ > '${group}/cgroup.procs'; exec setpriv --pdeathsig KILL unshare "$@"`;
  const child = spawn('sh', ['-c', enter, 'sh', ...separate, 'sh', '-c', boot, 'boot', directory], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL'); // and with it systemd, and with that all that it has started
    await ended;
    await removeGroup(group);
  });
  const run: ScratchSystemd['run'] = (script, stdin) => {
    const pid = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
    // tap puts NODE_OPTIONS into whatever environment a process is given.
    const words = [
      '-t',
      pid,
      '-a',
      '-r',
      '-w',
      'sh',
      '-c',
      `unset NODE_OPTIONS; cd /root; export HOME=/root; exec 2>&1; ${script}`,
    ];
    const { status, output } = spawnSync('nsenter', words, {
      encoding: 'utf8',
      ...(stdin === undefined ? {} : { input: stdin }),
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
      maxBuffer: 64 * 1024 * 1024,
      timeout: 60_000, // a test that waits for this process cannot be timed out from outside
    });
    return { code: status, output: output.join('') };
  };
  while (run('systemctl is-system-running --wait').code !== 0) {
    if (child.exitCode !== null) throw new Error(`systemd does not start: ${said}`);
    await delay(50);
  }
  return { run };
}

/** Groups of processes that have just been killed go a moment later. */
async function removeGroup(path: string): Promise<void> {
  for (const { name } of readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
    await removeGroup(join(path, name));
  }
  for (;;) {
    try {
      rmdirSync(path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
      await delay(10);
    }
  }
}
