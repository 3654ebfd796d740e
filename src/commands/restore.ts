/** `regression restore`: a backup in the place of the data, while no daemon runs. */
import type { Command } from './command.ts';
import { ProgressBar } from './progress-bar.ts';

interface Flags {
  readonly backup: string;
  readonly to?: string;
  readonly dryRun?: boolean;
  readonly range?: string;
}

export const restore: Command<Flags> = {
  usage: 'restore <backup>',
  summary: 'Bring a backup back; what is in the data directory is set aside',
  positionals: {
    backup: { type: 'string', describe: 'Directory of the backup; `latest` for the newest in tasks.backup.dir' },
  },
  flags: {
    to: { type: 'string', describe: 'Directory to restore to, instead of the data directory', requiresArg: true },
    range: {
      type: 'string',
      describe: 'START..END: bring back only the segments with entries between them, out of a backup or an archive',
      requiresArg: true,
    },
    dryRun: { type: 'boolean', describe: 'Only check that the backup is complete and its checksums are right' },
  },
  examples: [
    ['regression restore latest', 'after the daemon was stopped; it goes on from the positions of the backup'],
    ['regression restore /backup/backup-20261124T023000000Z --to ./then', 'look at an old state beside the new one'],
    ['regression restore latest --dry-run', 'is it all there?'],
    ['regression restore /archive --range 2026-10-01..2026-10-31', 'archived rows, beside those that are there'],
  ],
  async run({ backup: name, to, dryRun, range, ...flags }, surroundings) {
    if (range !== undefined) {
      const { restoreRange } = await import('./restore-range.ts');
      return restoreRange({ name, to, range, isDry: dryRun === true }, flags, surroundings);
    }
    const path = await import('node:path');
    const { readBackup } = await import('../backup/manifest.ts');
    const { restoreBackup } = await import('../backup/restore.ts');
    const { checkBackup } = await import('../backup/place.ts');
    const { lockDataDir } = await import('../runtime/data-dir-lock.ts');
    const { FileJobs } = await import('../store/file-jobs.ts');
    const { latestBackup } = await import('./latest-backup.ts');
    const { effectiveConfig } = await import('./effective-config.ts');
    const { config } = await effectiveConfig(flags, surroundings);
    const { cwd, signal, stdout, stderr } = surroundings;
    const backup =
      name === 'latest' ? await latestBackup(config.tasks.backup.dir, cwd) : await readBackup(path.resolve(cwd, name));
    const { rows, created_at: createdAt } = backup.manifest;
    const bar = new ProgressBar(stderr);
    const progress = (share: number, doing: string): void => bar.draw(share, doing);
    const dataDir = path.resolve(cwd, to ?? config.data_dir);
    await using jobs = new FileJobs(signal);
    const details = { backup: backup.directory, rows, created_at: createdAt, data_dir: dataDir };
    try {
      if (dryRun === true) {
        await checkBackup(backup, { jobs, signal, progress });
        bar.clear();
        const text = `${backup.directory} of ${createdAt} is complete: ${rows} rows, every checksum right; nothing was changed`;
        stdout.write(flags.json ? `${JSON.stringify({ ...details, dry_run: true, replaced: null })}\n` : `${text}\n`);
        return;
      }
      const { makeDataDir } = await import('../runtime/data-dir.ts');
      await makeDataDir(dataDir);
      const lock = await lockDataDir(dataDir, 'restore');
      try {
        const { replaced } = await restoreBackup(backup, { dataDir, nowMs: Date.now(), jobs, signal, progress });
        bar.clear();
        const aside = replaced === null ? '' : `; what was there is now in ${replaced}`;
        const text = `restored ${rows} rows of ${createdAt} to ${dataDir}${aside}`;
        stdout.write(flags.json ? `${JSON.stringify({ ...details, dry_run: false, replaced })}\n` : `${text}\n`);
      } finally {
        await lock.release();
      }
    } finally {
      bar.clear();
    }
  },
};
