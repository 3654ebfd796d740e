import { test } from 'tap';
import { backupsToRemove } from '../../src/backup/keep.ts';
import type { Backup } from '../../src/backup/manifest.ts';

/** One a day at 02:30 for `days` days up to 2026-11-24, oldest first. */
function daily(days: number, verifiedDay?: string): Backup[] {
  return Array.from({ length: days }, (_, index) => {
    const createdAt = new Date(Date.parse('2026-11-24T02:30:00Z') - (days - 1 - index) * 86_400_000).toISOString();
    return {
      directory: createdAt.slice(0, 10),
      manifest: { created_at: createdAt } as Backup['manifest'],
      verifiedAt: createdAt.startsWith(verifiedDay ?? 'never') ? createdAt : null,
      damaged: [],
    };
  });
}

const left = (backups: readonly Backup[], keep: Parameters<typeof backupsToRemove>[1]): string[] => {
  const removed = new Set(backupsToRemove(backups, keep));
  return backups.filter((backup) => !removed.has(backup)).map(({ directory }) => directory.slice(5));
};

void test('the newest, the last days and the last weeks are kept', async (t) => {
  t.strictSame(left(daily(30), { count: 2, daily: 0, weekly: 0 }), ['11-23', '11-24']);
  t.strictSame(left(daily(30), { count: 1, daily: 4, weekly: 0 }), ['11-21', '11-22', '11-23', '11-24']);
  // 2026-11-24 is a Tuesday: the newest of each week is its Sunday.
  t.strictSame(left(daily(30), { count: 1, daily: 0, weekly: 3 }), ['11-15', '11-22', '11-24']);
});

void test('several backups of one day count as one day', async (t) => {
  const [a, b] = daily(2);
  const hourly = [a, b, { ...b, directory: 'later', manifest: { created_at: '2026-11-24T09:00:00Z' } }] as Backup[];

  t.strictSame(left(hourly, { count: 1, daily: 2, weekly: 0 }), ['11-23', '']);
});

void test('the newest, and the last that a drill has proven, stay whatever the numbers say', async (t) => {
  t.strictSame(left(daily(10, '2026-11-17'), { count: 0, daily: 0, weekly: 0 }), ['11-17', '11-24']);
});
