/** Copies what a snapshot of the hot file sees into a file that can take its place: the online backup. */
import { rmSync } from 'node:fs';
import type { HotCopy, Segment } from '../segments.ts';
import { syncPath } from '../durable-rename.ts';
import { removeDatabase } from './new-database.ts';
import { rangesOf } from './segment-directory.ts';
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
    copy.close();
    removeWal(path);
    syncPath(path);
  }
}

/** Emptied when the connection closed. */
function removeWal(path: string): void {
  for (const suffix of ['-wal', '-journal']) rmSync(`${path}${suffix}`, { force: true });
}
