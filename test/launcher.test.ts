/** bin/regression, the installed command: a script that becomes Node. */
import { execFileSync } from 'node:child_process';
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import type { Test } from 'tap';
import { controlGroup, needsControlGroups } from './control-group.ts';
import { tempDir } from './temp-dir.ts';

const MiB = 1024 * 1024;

/** Installed beside a Node that only says what it was told about the allocator. */
async function launcher(t: Test): Promise<string> {
  const directory = await tempDir(t);
  const [bin, node] = [join(directory, 'bin'), join(directory, 'node_modules', '.bin')];
  for (const path of [bin, node]) await mkdir(path, { recursive: true });
  await copyFile(fileURLToPath(new URL('../bin/regression', import.meta.url)), join(bin, 'regression'));
  await writeFile(join(node, 'node'), '#!/bin/sh\necho "${MALLOC_ARENA_MAX-unset}"\n');
  await chmod(join(node, 'node'), 0o755);
  return join(bin, 'regression');
}

function told(through: readonly string[], path: string, ...variables: readonly string[]): string {
  return execFileSync('env', ['-u', 'MALLOC_ARENA_MAX', ...variables, ...through, path], { encoding: 'utf8' }).trim();
}

void test(
  'where little memory is granted all threads share one arena, unless somebody has said otherwise',
  needsControlGroups(),
  async (t) => {
    const path = await launcher(t);
    const [scarce, enough] = [128, 192].map((mebibytes) => controlGroup(t, { memoryBytes: mebibytes * MiB }).through);

    t.equal(told(scarce ?? [], path), '1');
    t.equal(told(scarce ?? [], path, 'MALLOC_ARENA_MAX=3'), '3');
    t.equal(told(enough ?? [], path), 'unset');
  },
);
