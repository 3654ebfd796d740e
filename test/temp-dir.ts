/** A directory of its own for a test, removed with everything in it when the test ends, however it ends. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

/** The same in memory where the system has such a place: for tests of very many short file lives, not of a disk. */
export async function memoryDir(t: Test): Promise<string> {
  const path = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'regression-test-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

export async function tempDir(t: Test): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'regression-test-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}
