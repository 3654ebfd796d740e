/** Copies what a snapshot of the hot file sees into a file that can take its place (the online backup), and prepares it for that. */
import { rmSync } from 'node:fs';
import type { HotCopy, Segment } from '../segments.ts';
import { syncPath } from '../durable-rename.ts';
import { removeDatabase } from './new-database.ts';
import { rangesOf } from './file-checks.ts';
import { Sqlite } from './sqlite.ts';

/**
 * @param source a connection outside a transaction, whose file nobody checkpoints meanwhile.
 * @param path what stands there is replaced; a kill may leave it half written.
 */
export function copyHot(source: Sqlite, segments: readonly Segment[], path: string): HotCopy {
  removeDatabase(path);
  source.run('VACUUM INTO ?', [path]);
  const copy = new Sqlite(path);
  try {
    copy.useWal(); // where a kill costs nothing: see new-database.ts
    const lastId = copy.get<{ id: number }>(`SELECT seq AS id FROM sqlite_sequence WHERE name = 'logs'`)?.id ?? 0;
    return { segments, lastId, firstHotId: rangesOf(copy)?.firstId ?? null };
  } finally {
    close(copy, path);
  }
}

/**
 * Gives the store whose hot file is at `path` another name among those that forward to the same place. Nobody has it open.
 *
 * Ids go on where the copy stood: under the old name upstreams would take new rows for those that had the same ids, and drop them.
 */
export function renewOrigin(path: string): void {
  const copy = new Sqlite(path);
  try {
    copy.useWal();
    copy.run(`UPDATE store_state SET value = lower(hex(randomblob(8))) WHERE key = 'origin'`);
  } finally {
    close(copy, path);
  }
}

function close(copy: Sqlite, path: string): void {
  copy.close();
  for (const suffix of ['-wal', '-journal']) rmSync(`${path}${suffix}`, { force: true }); // emptied by closing
  syncPath(path);
}
