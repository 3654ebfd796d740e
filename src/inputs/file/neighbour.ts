/**
 * A file beside a log, as a search found it. Rotation renames while we look: what is at its path by now may be another file, so that
 * whoever opens it opens this one or none.
 */
import type { BigIntStats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { RegressionError } from '../../runtime/errors.ts';
import { inodeKey } from './known-generations.ts';
import { type WholeFile, openWholeFile } from './whole-file.ts';

export interface Neighbour {
  readonly path: string;
  readonly stat: BigIntStats;
  /** By its name. */
  readonly isPacked: boolean;
}

/** Names the file as it is: another one after every write, the same under another name. */
export function versionOf({ stat: { dev, ino, size, mtimeNs, birthtimeNs } }: Neighbour): string {
  return `${dev}:${ino}:${birthtimeNs}:${size}:${mtimeNs}`;
}

/** @throws RegressionError `FILE_UNREADABLE` when another file is there by now. */
export async function openNeighbour(neighbour: Neighbour): Promise<FileHandle> {
  const file = await open(neighbour.path);
  await mustBe(file, neighbour);
  return file;
}

/** @throws RegressionError `FILE_UNREADABLE` also when the file does not begin as a packed one: it has but been made. */
export async function openPacked(neighbour: Neighbour): Promise<WholeFile> {
  const whole = await openWholeFile(neighbour.path);
  await mustBe(whole.handle, neighbour);
  if (whole.isCompressed) return whole;
  await whole.handle.close();
  throw new RegressionError('FILE_UNREADABLE', `${neighbour.path} is not packed yet`);
}

/** Closes the file when it is another one. */
async function mustBe(file: FileHandle, { path, stat }: Neighbour): Promise<void> {
  const now = await file.stat({ bigint: true });
  if (inodeKey(now) === inodeKey(stat)) return;
  await file.close();
  throw new RegressionError('FILE_UNREADABLE', `${path} is another file by now`);
}
