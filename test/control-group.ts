/** A control group with limits, for a daemon that is granted little. Linux with the first version of control groups, as root. */
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';

const root = '/sys/fs/cgroup';
const periodMicros = 100_000;

export interface Limits {
  readonly memoryBytes?: number;
  /** Of a core. */
  readonly cpuShare?: number;
}

export interface ControlGroup {
  /** What a program is started through, so that it is in the group from the beginning. */
  readonly through: readonly string[];
  /** How often something in it was ended for want of memory. */
  kills(): Promise<number>;
}

/** Options of a test that needs one: skipped where none can be made, saying why. */
export function needsControlGroups(): { skip: string | false } {
  try {
    for (const controller of ['memory', 'cpu']) {
      const path = join(root, controller, `regression-probe-${process.pid}`);
      mkdirSync(path);
      rmdirSync(path);
    }
    return { skip: false };
  } catch (error) {
    return { skip: `control groups cannot be made here: ${String(error)}` };
  }
}

let made = 0;

export function controlGroup(t: Test, { memoryBytes, cpuShare }: Limits): ControlGroup {
  const name = `regression-test-${process.pid}-${++made}`;
  const groups: string[] = [];
  const make = (controller: string, settings: Readonly<Record<string, number>>): void => {
    const path = join(root, controller, name);
    mkdirSync(path);
    for (const [setting, value] of Object.entries(settings)) writeFileSync(join(path, setting), String(value));
    groups.push(path);
  };
  if (memoryBytes !== undefined) make('memory', { 'memory.limit_in_bytes': memoryBytes });
  if (cpuShare !== undefined) {
    make('cpu', { 'cpu.cfs_period_us': periodMicros, 'cpu.cfs_quota_us': periodMicros * cpuShare });
  }
  // Registered before the daemon is started, so run after it was killed.
  t.teardown(() => {
    for (const path of groups) rmdirSync(path);
  });
  const enter = groups.map((path) => `echo $$ > '${path}/cgroup.procs'; `).join('');
  return {
    through: ['sh', '-c', `${enter}exec "$@"`, 'in-control-group'],
    async kills() {
      const told = await readFile(join(root, 'memory', name, 'memory.oom_control'), 'utf8');
      return Number(/^oom_kill (\d+)$/m.exec(told)?.[1] ?? 0);
    },
  };
}
