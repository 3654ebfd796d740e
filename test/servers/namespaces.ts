/**
 * Places of their own on this machine's kernel: a copy-on-write view of its files, processes and a network without anybody else. What is done there is gone
 * with the test. Needs root, unshare(1) and nsenter(1).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { find } from '../clients/programs.ts';
import { tempDir } from '../temp-dir.ts';

export interface Outcome {
  readonly code: number | null;
  /** Both outputs, in the order written. */
  readonly said: string;
}

export interface Place {
  /** Its files, as this machine sees them. */
  readonly root: string;
  /** Of its first process, as this machine counts. */
  readonly pid: number;
  /** When its first process is over. */
  readonly ended: Promise<Outcome>;
  /** Runs a command there as root, by sh. */
  run(command: string): Promise<Outcome>;
  /** Runs it until it succeeds. @throws when the place goes down before. */
  until(command: string): Promise<string>;
}

/** Options of a test that needs such places: skipped without, saying so. */
export const needsNamespaces: { skip: string | false } = {
  skip:
    process.getuid?.() !== 0
      ? 'needs root'
      : ['unshare', 'nsenter', 'ip'].some((name) => find(name) === null) && 'needs unshare, nsenter and ip',
};

/** `$root` is a view of all files that can be written; `$1` the directory it lies in. */
const view = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1/files"
mkdir "$1/files/upper" "$1/files/work"
root="$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/files/upper,workdir=$1/files/work" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/tmp"
mount --rbind /dev "$root/dev"
ip link set lo up
`;

/** @param script in sh, behind what makes \`$root\`; becomes the first process of the place. */
export async function startPlace(t: Test, script: string): Promise<Place> {
  const directory = await tempDir(t);
  for (const name of ['files', 'root']) await mkdir(join(directory, name));
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--ipc', '--uts', '--net', '--cgroup'];
  const first = spawn('unshare', [...namespaces, 'sh', '-c', view + script, 'place', directory], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = outcomeOf(first);
  t.teardown(async () => {
    first.kill('SIGKILL');
    await ended;
  });
  let pid = 0;
  while (pid === 0 && first.exitCode === null) {
    pid = Number.parseInt(readFileSync(`/proc/${first.pid}/task/${first.pid}/children`, 'utf8'), 10) || 0;
    await delay(20);
  }
  if (pid === 0) throw new Error(`it ended at once: ${(await ended).said}`);
  const run = (command: string): Promise<Outcome> =>
    outcomeOf(
      spawn('nsenter', ['-t', String(pid), '--all', '--root', '--wd=/', 'sh', '-c', `{ ${command}\n}`], {
        env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', TERM: 'dumb' },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
  const until = async (command: string): Promise<string> => {
    for (;;) {
      const { code, said } = await run(command);
      if (code === 0) return said;
      if (first.exitCode !== null) throw new Error(`it went down (${first.exitCode}): ${(await ended).said}`);
      await delay(100);
    }
  };
  return { root: `/proc/${pid}/root`, pid, ended, run, until };
}

/** A host with a real systemd and journald, booted up. */
export async function startHost(t: Test): Promise<Place> {
  const host = await startPlace(
    t,
    `mount -t sysfs sysfs "$root/sys"
for place in run sys/fs/cgroup; do mount -t tmpfs tmpfs "$root/$place"; done
mkdir "$root/sys/fs/cgroup/systemd"
mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
exec chroot "$root" env -i container=scratch PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=null --unit=basic.target`,
  );
  await host.until('systemctl is-active --quiet basic.target systemd-journald.service');
  return host;
}

async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  let said = '';
  for (const output of [child.stdout, child.stderr])
    output?.setEncoding('utf8').on('data', (text: string) => (said += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}
