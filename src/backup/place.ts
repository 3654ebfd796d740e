/** Puts the files of a backup into an empty directory, as a data directory has them, and proves each by its checksum. */
import { link, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RegressionError } from '../runtime/errors.ts';
import type { FileJobRunner } from '../store/file-jobs.ts';
import { type Backup, syncDirectory } from './manifest.ts';

export interface PlaceOptions {
  /** Share the segments with the backup where the file system can, instead of copying them: for a drill. */
  readonly mayLink: boolean;
  readonly jobs: FileJobRunner;
  readonly signal: AbortSignal;
  readonly progress: (share: number, doing: string) => void;
}

/** @returns the files that are not what the manifest says, or not there. */
export async function placeBackup(
  { directory, manifest }: Backup,
  target: string,
  { mayLink, jobs, signal, progress }: PlaceOptions,
): Promise<readonly string[]> {
  await rm(target, { recursive: true, force: true });
  await mkdir(join(target, 'segments'), { recursive: true, mode: 0o700 });
  const wrong: string[] = [];
  for (const [index, file] of manifest.files.entries()) {
    signal.throwIfAborted();
    progress(index / manifest.files.length, file.path);
    const from = join(directory, file.path);
    const to = join(target, file.path);
    try {
      const isLinked = mayLink && file.kind !== 'hot' && (await linked(from, to));
      const found = await (isLinked ? jobs.run({ job: 'hash', path: to }) : jobs.run({ job: 'copy', from, to }));
      if (found.sha256 !== file.sha256 || found.bytes !== file.bytes) wrong.push(file.path);
    } catch (error) {
      if (signal.aborted) throw error;
      wrong.push(file.path); // it is not there, or the disk does not give it back
    }
  }
  await syncDirectory(join(target, 'segments'));
  await syncDirectory(target);
  await syncDirectory(dirname(target));
  return wrong;
}

/** @throws RegressionError `BACKUP_INVALID` when a file is not what the manifest says. Writes nothing. */
export async function checkBackup(
  { directory, manifest }: Backup,
  { jobs, signal, progress }: Omit<PlaceOptions, 'mayLink'>,
): Promise<void> {
  for (const [index, file] of manifest.files.entries()) {
    progress(index / manifest.files.length, file.path);
    const found = await jobs.run({ job: 'hash', path: join(directory, file.path) }).catch(() => null);
    signal.throwIfAborted();
    if (found?.sha256 === file.sha256 && found.bytes === file.bytes) continue;
    throw new RegressionError('BACKUP_INVALID', `${join(directory, file.path)} is not what was backed up`, {
      hint: 'Try an older backup.',
    });
  }
}

/** False where the file system has no hard links, or the file is not there: then it is copied. */
export async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch {
    return false;
  }
}
