/** The restore drill by schedule: the newest backup is brought back in a place of its own and asked questions. */
import { z } from 'zod';
import { drill } from '../backup/drill.ts';
import { listBackups, removeUnfinished } from '../backup/manifest.ts';
import { RegressionError } from '../runtime/errors.ts';
import { scheduleOptions } from './schedule-options.ts';
import { type TaskKind, type TaskOutcome, noBackupDir } from './task.ts';

const options = z.strictObject({ ...scheduleOptions('30 4 * * 0') });

export const verify: TaskKind<typeof options> = {
  summary: 'Restore the newest backup in a place of its own, check every page of it and ask it questions',
  options,
  isWanted: (_options, backupDir) => backupDir !== null,
  async run({ backupDir, clock, jobs, signal, progress }): Promise<TaskOutcome> {
    if (backupDir === null) throw noBackupDir();
    await removeUnfinished(backupDir);
    const newest = (await listBackups(backupDir)).at(-1);
    if (newest === undefined) {
      throw new RegressionError('NOT_FOUND', `there is no complete backup in ${backupDir}`, {
        hint: 'regression backup makes one.',
      });
    }
    await drill(newest, { clock, jobs, signal, progress });
    const { rows, created_at: createdAt } = newest.manifest;
    return {
      message: `${newest.directory} can be restored: ${rows} rows, every page and checksum right`,
      details: { backup: newest.directory, rows, created_at: createdAt },
    };
  },
};
