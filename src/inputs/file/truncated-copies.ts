/**
 * Copies that a copytruncate has left. They are younger than the file at the path, which no renamed file is. One that is shorter than
 * what was read of its original is in the store already, though the original has other content by now.
 */
import type { BigIntStats } from 'node:fs';
import { type FileHandle, stat as statPath } from 'node:fs/promises';
import type { FilePosition } from '../../record/batch.ts';
import { sureBirthNs } from './births.ts';
import type { FileWork } from './file-work.ts';
import { readEndOf } from './known-generations.ts';
import { isMarkedBeginning } from './marks.ts';

/** False also where birth times are not known, and for packed files: packing is later than whatever happened before. */
export async function isTruncatedCopy(stat: BigIntStats, path: string): Promise<boolean> {
  const original = await statPath(path, { bigint: true }).catch(() => null);
  const birthNs = original === null ? null : sureBirthNs(original);
  return birthNs !== null && birthNs < stat.birthtimeNs;
}

/** True when a generation that begins with `head` was read at least so far, and the file is what it began with. */
export async function isBeginningOfRead(
  work: FileWork,
  file: FileHandle,
  size: number,
  head: Buffer,
): Promise<boolean> {
  const followed = [...work.followed].map(({ tail }) => tail.identity);
  const read: FilePosition[] = [...work.known.withHead(head), ...followed];
  for (const position of read) {
    const marks = position.evidence?.marks ?? [];
    if (readEndOf(position) >= size && (await isMarkedBeginning(file, marks, size))) return true;
  }
  return false;
}
