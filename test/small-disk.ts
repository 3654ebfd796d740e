/** A disk that really runs full: a small tmpfs. Needs root on Linux. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

/** Options of a test that needs one: skipped where there can be none, saying why. */
export function needsSmallDisk(): { skip: string | false } {
  const path = mkdtempSync(join(tmpdir(), 'regression-test-'));
  const reason = mount(path, 1024 * 1024);
  if (reason === null) unmount(path);
  rmdirSync(path);
  return { skip: reason ?? false };
}

/** @param path a directory that is made; it is gone with the test. */
export function smallDisk(t: Test, path: string, bytes: number): void {
  mkdirSync(path);
  t.equal(mount(path, bytes), null);
  t.teardown(() => unmount(path));
}

function mount(path: string, bytes: number): string | null {
  const { status, stderr, error } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path], {
    encoding: 'utf8',
  });
  return status === 0 ? null : `a tmpfs cannot be mounted here: ${stderr ?? error?.message}`;
}

/** Lazily: a test that failed half-way may still have files open on it. */
function unmount(path: string): void {
  spawnSync('umount', ['--lazy', path]);
}
