/** Which backups are kept: the newest few, the newest of each of the last days and weeks, and always the last one that is proven. */
import type { Backup } from './manifest.ts';

export interface Keep {
  readonly count: number;
  /** Days and weeks (from Monday, UTC) that have a backup; those without one do not count. */
  readonly daily: number;
  readonly weekly: number;
}

const dayMs = 86_400_000;

/** @param backups oldest first. */
export function backupsToRemove(backups: readonly Backup[], { count, daily, weekly }: Keep): readonly Backup[] {
  const newestFirst = backups.toReversed();
  const kept = new Set(newestFirst.slice(0, Math.max(count, 1)));
  const keepNewestOf = (periods: number, periodOf: (day: number) => number): void => {
    const seen = new Set<number>();
    for (const backup of newestFirst) {
      const period = periodOf(Math.floor(Date.parse(backup.manifest.created_at) / dayMs));
      if (seen.has(period)) continue;
      seen.add(period);
      if (seen.size > periods) return;
      kept.add(backup);
    }
  };
  keepNewestOf(daily, (day) => day);
  keepNewestOf(weekly, (day) => Math.floor((day + 3) / 7)); // 1970-01-01 was a Thursday
  const verified = newestFirst.find(({ verifiedAt }) => verifiedAt !== null);
  if (verified !== undefined) kept.add(verified);
  return backups.filter((backup) => !kept.has(backup));
}
