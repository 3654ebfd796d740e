/** A control group with limits, of cgroup v1 or v2, for a process that a test starts. Needs root and a hierarchy that may be written. */
import { accessSync, constants, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';

export interface Limits {
  readonly memoryBytes: number;
  /** Of one processor. */
  readonly cpus?: number;
}

export interface Cgroup {
  /** Command and arguments in front of a program that is to run in it. */
  readonly through: readonly string[];
  /** Processes that the kernel has ended for want of memory. */
  oomKills(): number;
}

const root = '/sys/fs/cgroup';
const periodMicros = 100_000;

type Version = 1 | 2;

function versionHere(): Version | null {
  const mayWrite = (path: string): boolean => {
    try {
      accessSync(path, constants.W_OK);
      return true;
    } catch {
      return false;
    }
  };
  if (process.getuid?.() !== 0) return null;
  if (mayWrite(join(root, 'memory/tasks')) && mayWrite(join(root, 'cpu/tasks'))) return 1;
  return mayWrite(join(root, 'cgroup.subtree_control')) ? 2 : null;
}

export const needsCgroup: { skip: string | false } = {
  skip: versionHere() === null && 'needs root and a cgroup hierarchy that can be written',
};

/** Removed with the test, when what ran in it is over. */
export function makeCgroup(t: Test, limits: Limits): Cgroup {
  const name = `regression-test-${process.pid}-${Date.now()}`;
  return versionHere() === 1 ? makeFirst(t, name, limits) : makeSecond(t, name, limits);
}

function makeFirst(t: Test, name: string, { memoryBytes, cpus }: Limits): Cgroup {
  const memory = join(root, 'memory', name);
  const cpu = join(root, 'cpu', name);
  for (const folder of [memory, cpu]) make(t, folder);
  writeFileSync(join(memory, 'memory.limit_in_bytes'), String(memoryBytes));
  writeFileSync(join(cpu, 'cpu.cfs_period_us'), String(periodMicros));
  if (cpus !== undefined) writeFileSync(join(cpu, 'cpu.cfs_quota_us'), String(cpus * periodMicros));
  return {
    through: throughOf([join(memory, 'cgroup.procs'), join(cpu, 'cgroup.procs')]),
    oomKills: () => countIn(join(memory, 'memory.oom_control')),
  };
}

function makeSecond(t: Test, name: string, { memoryBytes, cpus }: Limits): Cgroup {
  writeFileSync(join(root, 'cgroup.subtree_control'), '+memory +cpu');
  const folder = join(root, name);
  make(t, folder);
  writeFileSync(join(folder, 'memory.max'), String(memoryBytes));
  if (cpus !== undefined) writeFileSync(join(folder, 'cpu.max'), `${cpus * periodMicros} ${periodMicros}`);
  return {
    through: throughOf([join(folder, 'cgroup.procs')]),
    oomKills: () => countIn(join(folder, 'memory.events')),
  };
}

function make(t: Test, folder: string): void {
  mkdirSync(folder);
  t.teardown(async () => {
    // The processes in it are killed by teardowns of their own; what is killed leaves a moment later.
    for (;;) {
      try {
        return rmdirSync(folder);
      } catch {
        await delay(50);
      }
    }
  });
}

function throughOf(places: readonly string[]): string[] {
  return ['sh', '-c', `${places.map((place) => `echo $$ > ${place}`).join(' && ')} && exec "$@"`, 'in-cgroup'];
}

function countIn(file: string): number {
  return Number(/^oom_kill (\d+)/m.exec(readFileSync(file, 'utf8'))?.[1] ?? 0);
}
