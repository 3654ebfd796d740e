/** What `latest` stands for on the command line: the newest backup in the configured directory. */
import { resolve } from 'node:path';
import { type Backup, listBackups } from '../backup/manifest.ts';
import { RegressionError } from '../runtime/errors.ts';
import { noBackupDir } from '../tasks/task.ts';

/** @param directory of backups. @throws RegressionError `CONFIG_INVALID`, `NOT_FOUND`. */
export async function latestBackup(directory: string | undefined, cwd: string): Promise<Backup> {
  if (directory === undefined) throw noBackupDir();
  const newest = (await listBackups(resolve(cwd, directory))).at(-1);
  if (newest === undefined) {
    throw new RegressionError('NOT_FOUND', `there is no complete backup in ${directory}`, {
      hint: 'regression backup makes one; what ends in .unfinished is none.',
    });
  }
  return newest;
}
