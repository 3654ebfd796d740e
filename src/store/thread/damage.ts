/**
 * Finds out whether a hot file can be used, and replaces one that cannot: what can be read of it goes into a new file, the damaged
 * one is set aside as `regression.db.corrupt-<time>`, the loss is counted.
 */
import { closeSync, existsSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { RegressionError, messageOf } from '../../runtime/errors.ts';
import { type Damage, setAsidePath } from '../damage.ts';
import { durableRename } from '../durable-rename.ts';
import { readMigrations, tooNew } from './migrate.ts';
import { applicationId, createDatabase } from './new-database.ts';
import { completeRotation, nextPathOf } from './rotation.ts';
import { salvageInto } from './salvage.ts';
import { Sqlite } from './sqlite.ts';
import { forgetKeptWal } from './wal-keeper.ts';

export interface Verdict {
  /** Why the file cannot be used; null when nothing speaks against it. */
  readonly reason: string | null;
  /** True when the rows were not looked at. */
  readonly isUnchecked: boolean;
}

/**
 * Whether the file can be used. Nothing is written to it unless it is ours.
 *
 * `PRAGMA quick_check` reads the whole file: half a second for 128 MiB. Of one longer than `maxBytesCheckedFirst` only the header is
 * looked at; the rest is read through while the daemon works (../hot-check.ts), so that a start takes no longer the more is stored.
 * @throws RegressionError `STORE_TOO_NEW`, and for errors of the disk what sqlite.ts throws.
 */
export function damageOf(path: string, maxBytesCheckedFirst: number): Verdict {
  const header = readHeader(path);
  const foreignReason = foreignReasonOf(header);
  if (foreignReason !== null) return { reason: foreignReason, isUnchecked: false };
  const version = header.readUInt32BE(60); // https://sqlite.org/fileformat.html section 1.3
  if (version > (readMigrations().at(-1)?.version ?? 0)) throw tooNew(path, version);
  const isUnchecked = statSync(path).size > maxBytesCheckedFirst;
  return { reason: isUnchecked ? null : damageByReading(path), isUnchecked };
}

function damageByReading(path: string): string | null {
  try {
    const database = new Sqlite(path);
    try {
      database.useWal();
      const found = database.all<{ quick_check: string }>('PRAGMA quick_check(1)')[0]?.quick_check;
      return found === 'ok' ? null : `it is damaged: ${found}`;
    } finally {
      database.close();
    }
  } catch (error) {
    if (isDamage(error)) return `it is damaged: ${messageOf(error)}`;
    throw error;
  }
}

/**
 * Puts a new file, with what could be salvaged, in the place of the damaged one. A kill in between leaves the damaged file in its
 * place, or the new one complete.
 * @param lastSegmentId id of the last row in any segment: the file's own rows begin behind it.
 */
export function replaceDamaged(path: string, reason: string, lastSegmentId: number, nowMs: number): Damage {
  const nextPath = nextPathOf(path);
  const foundAt = new Date(nowMs).toISOString();
  const setAsideAs = setAsidePath(path, foundAt);
  rmSync(`${path}.lock`, { recursive: true, force: true });
  createDatabase(nextPath, nowMs);
  const { salvagedRows, lastId } = salvageInto(path, nextPath, lastSegmentId);
  durableRename(path, setAsideAs);
  setAsideWal(path, setAsideAs);
  completeRotation(path);
  return {
    foundAt,
    setAsideAs,
    reason,
    salvagedRows,
    lostRows: lastId === null ? null : lastId - lastSegmentId - salvagedRows,
  };
}

/** Whether it is the file's fault, and not the disk's or of a missing right, which may be another the next time. */
export function isDamage(error: unknown): boolean {
  return error instanceof RegressionError && error.code === 'STORE_CORRUPT';
}

/** Why a file cannot be one of the store's, by its header; null when it can. */
export function foreignReasonOf(header: Buffer): string | null {
  if (header.length === 0) return 'it is empty';
  if (header.length < 100 || header.toString('latin1', 0, 16) !== 'SQLite format 3\0')
    return 'it is no SQLite database';
  // Its place, as that of the user version: https://sqlite.org/fileformat.html section 1.3, both big-endian.
  return header.readUInt32BE(68) === applicationId ? null : 'it is a SQLite database of another program';
}

/** A WAL without its database must never stand beside a new one: it would be replayed into it. */
export function setAsideWal(path: string, setAsideAs: string): void {
  forgetKeptWal(path);
  if (existsSync(`${path}-wal`)) durableRename(`${path}-wal`, `${setAsideAs}-wal`);
  rmSync(`${path}-shm`, { force: true });
}

/** The first 100 bytes, fewer of a shorter file. */
export function readHeader(path: string): Buffer {
  const buffer = Buffer.alloc(100);
  const descriptor = openSync(path, 'r');
  try {
    return buffer.subarray(0, readSync(descriptor, buffer, 0, 100, 0));
  } finally {
    closeSync(descriptor);
  }
}
