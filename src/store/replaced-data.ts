/**
 * Puts restored data in the place of what a data directory holds, so that a kill at any moment leaves either the old or the new data;
 * the old is moved aside, never deleted. The caller holds the directory's lock.
 *
 *   restore.unfinished     being filled; removed when it is found
 *   restore.ready-TIME     complete: from here on the new data counts. What lies in the data directory is old: -> replaced-TIME/
 *   restore.placing-TIME   everything old is away; what lies in the data directory is new
 */
import { existsSync, mkdirSync, readdirSync, rmSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { hotFileName, segmentsDirectoryName } from './segments.ts';
import { durableRename, syncDirectory } from './durable-rename.ts';

const states = /^restore\.(ready|placing)-(\w+)$/;

export const unfinishedRestore = (dataDir: string): string => join(dataDir, 'restore.unfinished');

/** What is in `unfinishedRestore` becomes the data. @returns where the old data is; null when there was none. */
export function replaceData(dataDir: string, nowMs: number): string | null {
  const time = new Date(nowMs).toISOString().replaceAll(/[-:.]/g, '');
  syncDirectory(unfinishedRestore(dataDir));
  durableRename(unfinishedRestore(dataDir), join(dataDir, `restore.ready-${time}`));
  completeRestore(dataDir);
  const replaced = join(dataDir, `replaced-${time}`);
  return existsSync(replaced) ? replaced : null;
}

/** Completes a restore that a kill interrupted, or undoes it. Call it before the data is opened. */
export function completeRestore(dataDir: string): void {
  rmSync(unfinishedRestore(dataDir), { recursive: true, force: true });
  for (const name of readdirSync(dataDir)) {
    const [, state, time] = states.exec(name) ?? [];
    if (state === undefined || time === undefined) continue;
    const placing = join(dataDir, `restore.placing-${time}`);
    if (state === 'ready') {
      moveAside(dataDir, join(dataDir, `replaced-${time}`));
      durableRename(join(dataDir, name), placing);
    }
    for (const entry of readdirSync(placing)) durableRename(join(placing, entry), join(dataDir, entry));
    rmdirSync(placing);
    syncDirectory(dataDir);
  }
}

function moveAside(dataDir: string, replaced: string): void {
  const names = readdirSync(dataDir).filter((name) => isData(name));
  if (names.length === 0) return;
  mkdirSync(replaced, { recursive: true, mode: 0o700 });
  for (const name of names) durableRename(join(dataDir, name), join(replaced, name));
}

/** The hot file with all that belongs to it, and the segments; damaged files that were set aside stay where they are. */
function isData(name: string): boolean {
  return name === segmentsDirectoryName || (name.startsWith(hotFileName) && !name.includes('.corrupt-'));
}
