/** A directory of its own for a test, removed with everything in it when the test ends, however it ends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

export async function tempDir(t: Test): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'regression-test-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}
