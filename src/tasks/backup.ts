/** Backs the store up while it is in use, and removes backups that are old enough (see backup/). */
import { resolve } from 'node:path';
import { z } from 'zod';
import { backupsToRemove } from '../backup/keep.ts';
import { listBackups, removeBackup } from '../backup/manifest.ts';
import { takeBackup } from '../backup/take-backup.ts';
import { RegressionError } from '../runtime/errors.ts';
import { scheduleOptions } from './schedule-options.ts';
import { type TaskKind, type TaskOutcome, noBackupDir } from './task.ts';

const keepNumber = (max: number) => z.int().min(0).max(max);

const options = z.strictObject({
  dir: z
    .string()
    .min(1)
    .optional()
    .describe('Directory of the backups; without it there are none. Better on another disk than the data'),
  keep: z
    .strictObject({
      count: keepNumber(1000).default(3).describe('The newest so many are kept'),
      daily: keepNumber(1000).default(7).describe('and the newest of each of the last so many days that have one'),
      weekly: keepNumber(1000).default(4).describe('and of each of the last so many weeks'),
    })
    .prefault({})
    .describe('Which backups are kept; the last one that a drill has proven is never removed'),
  ...scheduleOptions('30 2 * * *'),
});

export const backup: TaskKind<typeof options> = {
  summary: 'Back up the store while it is in use; segments that have not changed are not copied again',
  options,
  isWanted: ({ dir }) => dir !== undefined,
  async run({ store, dataDir, clock, jobs, signal, progress }, { dir, keep }): Promise<TaskOutcome> {
    if (dir === undefined) throw noBackupDir();
    const directory = resolve(dir);
    if (directory === resolve(dataDir)) {
      throw new RegressionError('CONFIG_INVALID', 'tasks.backup.dir is the data directory itself');
    }
    const made = await takeBackup({ store, dataDir: resolve(dataDir), directory, clock, jobs, signal, progress });
    const removable = backupsToRemove(await listBackups(directory), keep);
    for (const old of removable) await removeBackup(old);
    const { rows, bytes, copied_bytes: copiedBytes, check } = made.manifest;
    return {
      message: `backed up ${rows} rows to ${made.directory} (${copiedBytes} of ${bytes} bytes were new); removed ${removable.length} old backups`,
      details: { backup: made.directory, rows, bytes, copied_bytes: copiedBytes, check, removed: removable.length },
    };
  },
};
