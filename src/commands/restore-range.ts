/** `regression restore --range`: segments of a span of time, out of a backup or an archive, beside what is there. */
import type { Span } from '../archive/candidates.ts';
import { timestampOfMs } from '../record/timestamp.ts';
import { RegressionError } from '../runtime/errors.ts';
import type { CommonFlags, Surroundings } from './command.ts';
import { ProgressBar } from './progress-bar.ts';

export async function restoreRange(
  { name, to, range, isDry }: { name: string; to: string | undefined; range: string; isDry: boolean },
  flags: CommonFlags,
  { cwd, env, signal, stdout, stderr }: Surroundings,
): Promise<void> {
  const path = await import('node:path');
  const { bringBack, wouldBringBack } = await import('../archive/bring-back.ts');
  const { lockDataDir } = await import('../runtime/data-dir-lock.ts');
  const { loadConfig } = await import('../config/load.ts');
  const { latestBackup } = await import('./latest-backup.ts');
  const { makeDataDir } = await import('../runtime/data-dir.ts');
  const { FileJobs } = await import('../store/file-jobs.ts');
  const { start, end } = spanOf(range);
  const { config } = await loadConfig({ configPath: flags.config, dataDir: flags.dataDir, env, cwd });
  const dataDir = path.resolve(cwd, to ?? config.data_dir);
  const source =
    name === 'latest' ? (await latestBackup(config.tasks.backup.dir, cwd)).directory : path.resolve(cwd, name);
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
    await makeDataDir(dataDir);
    const lock = await lockDataDir(dataDir, 'restore');
    try {
      return await work();
    } finally {
      await lock.release();
    }
  }
}

/** @throws RegressionError `USAGE`. */
function spanOf(range: string): Span {
  const [, from = '', until = ''] = /^(.+?)\.\.(.+)$/.exec(range) ?? [];
  const start = isoOf(from, '00:00:00.000000Z');
  const end = isoOf(until, '23:59:59.999999Z');
  const refused = (reason: string): RegressionError =>
    new RegressionError('USAGE', `--range ${range}: ${reason}`, {
      hint: '2026-10-01..2026-10-31, or times like 2026-10-01T12:00:00Z.',
    });
  if (start === null || end === null) throw refused('expected START..END');
  if (start > end) throw refused('it ends before it begins');
  return { start, end };
}

/** Null for what is no day or time. @param timeOfDay what a day alone stands for. */
function isoOf(text: string, timeOfDay: string): string | null {
  const [, day, time = ''] = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}.*)?$/.exec(text) ?? [];
  if (day === undefined) return null;
  const dayMs = Date.parse(`${day}T00:00:00Z`);
  if (Number.isNaN(dayMs) || !new Date(dayMs).toISOString().startsWith(day)) return null; // 02-30 would be read as 03-02
  if (time === '') return `${day}T${timeOfDay}`;
  const ms = Date.parse(/(?:Z|[+-]\d{2}:?\d{2})$/i.test(time) ? text : `${text}Z`);
  return Number.isNaN(ms) ? null : timestampOfMs(ms);
}
