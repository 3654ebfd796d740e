/**
 * Brings a backup back: the whole of it in the place of the data, which is set aside, or single segments beside the data.
 *
 * Everything is copied and proven by its checksum before anything of the old data is touched.
 */
import { join } from 'node:path';
import { RegressionError } from '../runtime/errors.ts';
import { makeDirectory } from '../runtime/make-directory.ts';
import type { FileJobRunner } from '../store/file-jobs.ts';
import { replaceData, unfinishedRestore } from '../store/replaced-data.ts';
import { hotFileName } from '../store/segments.ts';
import type { Backup } from './manifest.ts';
import { placeBackup } from './place.ts';

export interface RestoreOptions {
  /** The caller holds its lock. */
  readonly dataDir: string;
  readonly nowMs: number;
  readonly jobs: FileJobRunner;
  readonly signal: AbortSignal;
  readonly progress: (share: number, doing: string) => void;
}

export interface Restored {
  /** Where the data that was there before is now; null when there was none. */
  readonly replaced: string | null;
}

/** @throws RegressionError `BACKUP_INVALID`: nothing is changed then. */
export async function restoreBackup(
  backup: Backup,
  { dataDir, nowMs, jobs, signal, progress }: RestoreOptions,
): Promise<Restored> {
  await makeDirectory(dataDir);
  const place = unfinishedRestore(dataDir);
  const wrong = await placeBackup(backup, place, { mayLink: false, jobs, signal, progress });
  if (wrong.length > 0) {
    throw new RegressionError('BACKUP_INVALID', `${backup.directory}: ${wrong.join(', ')} is not what was backed up`, {
      hint: 'Nothing was changed. Try an older backup.',
    });
  }
  await jobs.run({ job: 'renew_origin', path: join(place, hotFileName) });
  return { replaced: replaceData(dataDir, nowMs) };
}
