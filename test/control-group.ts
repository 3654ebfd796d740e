/** A control group that grants a program little of a processor. Linux with the first version of control groups, as root. */
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';

const root = '/sys/fs/cgroup/cpu';
const periodMicros = 100_000;

/** Options of a test that needs one: skipped where none can be made, saying why. */
export function needsControlGroups(): { skip: string | false } {
  try {
    const path = join(root, `regression-probe-${process.pid}`);
    mkdirSync(path);
    rmdirSync(path);
    return { skip: false };
  } catch (error) {
    return { skip: `control groups cannot be made here: ${String(error)}` };
  }
}

/**
 * @param share of a core.
 * @returns what a program is started through, so that it is in the group from the beginning. Once a test.
 */
export function withShareOfProcessor(t: Test, share: number): readonly string[] {
  const path = join(root, `regression-test-${process.pid}`);
  mkdirSync(path);
  writeFileSync(join(path, 'cpu.cfs_period_us'), String(periodMicros));
  writeFileSync(join(path, 'cpu.cfs_quota_us'), String(periodMicros * share));
  t.teardown(() => rmdirSync(path)); // registered before the daemon is started, so run after it was killed
  return ['sh', '-c', `echo $$ > '${path}/cgroup.procs'; exec "$@"`, 'in-control-group'];
}
