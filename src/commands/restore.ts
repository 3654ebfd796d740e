/** `regression restore`: a backup in the place of the data, while no daemon runs. */
import type { Command, CommonFlags, Surroundings } from './command.ts';
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
    if (range !== undefined) return restoreRange({ name, to, range, isDry: dryRun === true }, flags, surroundings);
    const path = await import('node:path');
    const { readBackup } = await import('../backup/manifest.ts');
    const { restoreBackup } = await import('../backup/restore.ts');
    const { checkBackup } = await import('../backup/place.ts');
    const { lockDataDir } = await import('../runtime/data-dir-lock.ts');
    const { FileJobs } = await import('../store/file-jobs.ts');
    const { effectiveConfig } = await import('./effective-config.ts');
    const { config } = await effectiveConfig(flags, surroundings);
    const { cwd, signal, stdout, stderr } = surroundings;
    const backup =
      name === 'latest' ? await latest(config.tasks.backup.dir, cwd) : await readBackup(path.resolve(cwd, name));
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
      const { mkdir } = await import('node:fs/promises');
      await mkdir(dataDir, { recursive: true, mode: 0o700 });
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

async function restoreRange(
  { name, to, range, isDry }: { name: string; to: string | undefined; range: string; isDry: boolean },
  flags: CommonFlags,
  { cwd, env, signal, stdout, stderr }: Surroundings,
): Promise<void> {
  const path = await import('node:path');
  const { bringBack, wouldBringBack } = await import('../archive/bring-back.ts');
  const { lockDataDir } = await import('../runtime/data-dir-lock.ts');
  const { RegressionError } = await import('../runtime/errors.ts');
  const { loadConfig } = await import('../config/load.ts');
  const { FileJobs } = await import('../store/file-jobs.ts');
  const [, from, until] = /^(.+?)\.\.(.+)$/.exec(range) ?? [];
  const start = isoOf(from, '00:00:00.000000Z');
  const end = isoOf(until, '23:59:59.999999Z');
  if (start === null || end === null) {
    throw new RegressionError('USAGE', `--range ${range}: expected START..END`, {
      hint: '2026-10-01..2026-10-31, or times like 2026-10-01T12:00:00Z.',
    });
  }
  const { config } = await loadConfig({ configPath: flags.config, dataDir: flags.dataDir, env, cwd });
  const dataDir = path.resolve(cwd, to ?? config.data_dir);
  const source = name === 'latest' ? (await latest(config.tasks.backup.dir, cwd)).directory : path.resolve(cwd, name);
  const bar = new ProgressBar(stderr);
  await using jobs = new FileJobs(signal);
  const options = {
    source,
    dataDir,
    start,
    end,
    jobs,
    progress: (share: number, doing: string) => bar.draw(share, doing),
  };
  try {
    const back = isDry
      ? await wouldBringBack(options)
      : await lockedDuring(() => bringBack({ ...options, nowMs: Date.now() }));
    bar.clear();
    const said = isDry
      ? ['would bring', 'there; every checksum right, nothing was changed']
      : ['brought', 'there already'];
    const text = `${said[0]} ${back.rows} rows back in ${back.segments} segments; ${back.present} are ${said[1]}`;
    stdout.write(flags.json ? `${JSON.stringify({ ...back, dry_run: isDry })}\n` : `${text}\n`);
  } finally {
    bar.clear();
  }

  async function lockedDuring<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    const lock = await lockDataDir(dataDir, 'restore');
    try {
      return await work();
    } finally {
      await lock.release();
    }
  }
}

/** @param timeOfDay what a day alone stands for. */
function isoOf(text: string | undefined, timeOfDay: string): string | null {
  if (text === undefined) return null;
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return `${text}T${timeOfDay}`;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : new Date(ms).toISOString().replace('Z', '000Z');
}

async function latest(directory: string | undefined, cwd: string) {
  const path = await import('node:path');
  const { listBackups } = await import('../backup/manifest.ts');
  const { RegressionError } = await import('../runtime/errors.ts');
  const { noBackupDir } = await import('../tasks/task.ts');
  if (directory === undefined) throw noBackupDir();
  const newest = (await listBackups(path.resolve(cwd, directory))).at(-1);
  if (newest === undefined) throw new RegressionError('NOT_FOUND', `there is no complete backup in ${directory}`);
  return newest;
}
