/**
 * Keeps the store within its age and its size, a whole segment at a time, and the disk from running full.
 *
 * What goes first, when room is needed: with a full disk, backups beside the newest and the last proven one; then the oldest segments that
 * nobody waits for; then the oldest of the others, as far as they are more than `hold_size`, and with a full disk all of them. Roll-ups
 * of patterns are no part of segments and stay. Each segment that goes is recorded with its reason, in the transaction that removes it.
 *
 * What a restore or damage has set aside is a person's to remove. No rows go for it, which are the ones in use; what it makes of the
 * limits is told with every run.
 */
import { z } from 'zod';
import { exists, listBackups, removeBackup, removeUnfinished } from '../backup/manifest.ts';
import { bytes, duration } from '../runtime/units.ts';
import type { RemovalReason, Segment } from '../store/segments.ts';
import { type SetAside, isSameDisk, setAsideIn, totalBytes } from './disk-use.ts';
import { firstHeldId } from './held-rows.ts';
import { scheduleOptions } from './schedule-options.ts';
import type { TaskContext, TaskKind, TaskOutcome } from './task.ts';

const MiB = 1024 * 1024;

const options = z.strictObject({
  max_age: duration({ min: 60_000 })
    .optional()
    .describe('Segments whose last entry is older than this are removed; without it age is no reason'),
  max_total_size: bytes({ min: 16 * MiB })
    .optional()
    .describe(
      'High water mark of everything: the file being written, its WAL, segments, backups on the same disk. What was set aside there (`replaced-*`, `*.corrupt-*`) is told, and no rows go for it',
    ),
  low_water: z
    .number()
    .min(0.1)
    .max(1)
    .default(0.9)
    .describe('Once above the high water mark it goes down to this share of it'),
  min_free: bytes({ min: 0 })
    .optional()
    .describe('With less free than this on the disk of the data, the oldest go even when they are held'),
  hold_size: bytes({ min: 0 })
    .prefault('1GiB')
    .describe('Segments with rows that a consumer or a sink has not had are kept up to this size'),
  ...scheduleOptions('*/10 * * * *'),
});

type Options = z.output<typeof options>;

export const prune: TaskKind<typeof options> = {
  summary: 'Remove what is older or larger than tasks.prune allows, whole segments at a time',
  options,
  isWanted,
  async run(context, limits): Promise<TaskOutcome> {
    const { backupDir } = context;
    if (backupDir !== null && (await exists(backupDir))) await removeUnfinished(backupDir);
    const removed: Removed = { rows: 0, segments: 0, bytes: 0, held_rows: 0, backups: 0 };
    const remove = async (segments: readonly Removable[], reason: RemovalReason): Promise<void> => {
      await context.store.removeSegments(
        segments.map(({ firstId }) => firstId),
        reason,
      );
      for (const { firstId, lastId, bytes: length, isHeld } of segments) {
        const rows = lastId - firstId + 1;
        context.rowsRemoved(reason, rows);
        removed.rows += rows;
        removed.segments++;
        removed.bytes += length;
        if (isHeld) removed.held_rows += rows;
      }
    };

    const old = (await removable(context, limits)).filter(
      (segment) => !segment.isHeld && isOld(segment, context, limits),
    );
    if (old.length > 0) await remove(old, 'age');

    if (limits.max_total_size !== undefined) {
      const total = await totalBytes(context);
      if (total > limits.max_total_size) {
        const excess = total - limits.max_total_size * limits.low_water;
        await remove(
          oldestOf(
            (await removable(context, limits)).filter(({ isHeld }) => !isHeld),
            excess,
          ),
          'size',
        );
      }
    }

    if (limits.min_free !== undefined && (await context.freeBytes(context.dataDir)) < limits.min_free) {
      removed.backups = await sacrificeBackups(context, limits.min_free);
      const missing = limits.min_free - (await context.freeBytes(context.dataDir));
      if (missing > 0) {
        const candidates = await removable(context, limits);
        const inOrder = [...candidates.filter(({ isHeld }) => !isHeld), ...candidates.filter(({ isHeld }) => isHeld)];
        await remove(oldestOf(inOrder, missing), 'disk_full');
      }
    }
    const aside = await setAsideIn(context.dataDir);
    return {
      message: `${messageOf(removed, limits)}${asideText(aside)}`,
      details: { ...removed, set_aside_bytes: aside.bytes },
    };
  },
};

interface Removed {
  rows: number;
  segments: number;
  bytes: number;
  /** Of the rows, those that somebody waited for. */
  held_rows: number;
  backups: number;
}

function messageOf(removed: Removed, limits: Options): string {
  if (removed.segments + removed.backups === 0) {
    const why = isWanted(limits) ? '' : ': none of max_age, max_total_size and min_free is set';
    return `nothing to prune${why}`;
  }
  const held = removed.held_rows === 0 ? '' : `, ${removed.held_rows} of them not yet consumed or forwarded`;
  return `removed ${removed.rows} rows in ${removed.segments} segments (${removed.bytes} bytes)${held}, and ${removed.backups} backups`;
}

function asideText({ bytes: length, paths }: SetAside): string {
  return paths.length === 0 ? '' : `; beside that ${length} bytes were set aside, yours to remove: ${paths.join(', ')}`;
}

function isWanted({ max_age: maxAge, max_total_size: maxTotalSize, min_free: minFree }: Options): boolean {
  return [maxAge, maxTotalSize, minFree].some((limit) => limit !== undefined);
}

interface Removable extends Segment {
  /** Somebody waits for its rows, and `hold_size` has room for it. */
  readonly isHeld: boolean;
  /** Its age counts from here. */
  readonly bornAt: string;
}

/** Sealed segments, oldest first: a closed one is about to be replaced. */
async function removable({ store }: TaskContext, { hold_size: holdBytes }: Options): Promise<readonly Removable[]> {
  const firstHeld = (await firstHeldId(store)) ?? Infinity;
  const restored = new Map(
    (await store.state.removedSegments()).map(({ firstId, restoredAt }) => [firstId, restoredAt]),
  );
  let heldBytes = 0;
  // The newest have the first claim on the room.
  return (await store.segments())
    .toReversed()
    .map((segment) => {
      const isWanted = segment.lastId >= firstHeld;
      if (isWanted) heldBytes += segment.bytes;
      const restoredAt = restored.get(segment.firstId) ?? '';
      const bornAt = restoredAt > segment.maxTimestamp ? restoredAt : segment.maxTimestamp;
      return { ...segment, isHeld: isWanted && heldBytes <= holdBytes, bornAt };
    })
    .toReversed()
    .filter(({ state }) => state === 'sealed');
}

function isOld({ bornAt }: Removable, { clock }: TaskContext, { max_age: maxAgeMs }: Options): boolean {
  return maxAgeMs !== undefined && bornAt < new Date(clock.nowMs() - maxAgeMs).toISOString();
}

/** As many, from the first on, as it takes to free `missing` bytes. */
function oldestOf(segments: readonly Removable[], missing: number): readonly Removable[] {
  const chosen: Removable[] = [];
  let freed = 0;
  for (const segment of segments) {
    if (freed >= missing) break;
    chosen.push(segment);
    freed += segment.bytes;
  }
  return chosen;
}

/** Newest and last proven stay. @returns how many went. */
async function sacrificeBackups(
  { dataDir, backupDir, signal, freeBytes }: TaskContext,
  minFree: number,
): Promise<number> {
  if (backupDir === null || !(await isSameDisk(dataDir, backupDir))) return 0;
  const backups = await listBackups(backupDir);
  const proven = backups.findLast(({ verifiedAt }) => verifiedAt !== null);
  let removed = 0;
  for (const backup of backups.slice(0, -1)) {
    if (backup === proven) continue;
    if (signal.aborted || (await freeBytes(dataDir)) >= minFree) break;
    await removeBackup(backup);
    removed++;
  }
  return removed;
}
