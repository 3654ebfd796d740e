/**
 * What a generation's content was at a few offsets, each four times as far as the one before: tells a shorter file that begins as it
 * did from one that only has the same head, long after the content itself is gone. Stored with the position, so there are few.
 */
import type { FileHandle } from 'node:fs/promises';
import type { Mark } from '../../record/batch.ts';
import { checkBytes, readAt, sha256 } from './fingerprint.ts';

const firstMarkEnd = 2048;
const factor = 4;
const sumLength = 16;

/** @param before the last bytes that were read before `bytes`, `checkBytes` of them where there are so many. @param offset of `bytes`. */
export function withMarks(marks: readonly Mark[], before: Buffer, bytes: Buffer, offset: number): readonly Mark[] {
  const end = offset + bytes.length;
  let all = marks;
  for (let at = firstMarkEnd; at <= end; at *= factor) {
    if (at <= offset || at - checkBytes < offset - before.length) continue;
    const near = bytes.subarray(Math.max(0, at - offset - checkBytes), at - offset);
    const far = before.subarray(before.length - (checkBytes - near.length));
    const mark = { end: at, sum: sumOf(near.length === checkBytes ? near : Buffer.concat([far, near])) };
    all = [...all.filter((other) => other.end !== at), mark];
  }
  return all;
}

/** How far the first `size` bytes of the file are surely what the marks were taken of; 0 when no mark says so. */
export async function markedPrefix(file: FileHandle, marks: readonly Mark[], size: number): Promise<number> {
  let prefix = 0;
  for (const { end, sum } of marks.filter(({ end }) => end <= size).toSorted((a, b) => a.end - b.end)) {
    if (sumOf(await readAt(file, end - checkBytes, checkBytes)) !== sum) break;
    prefix = end;
  }
  return prefix;
}

/** True when the marks below `size` all say that the file has the same beginning, and there is one not far from its end. */
export async function isMarkedBeginning(file: FileHandle, marks: readonly Mark[], size: number): Promise<boolean> {
  const prefix = await markedPrefix(file, marks, size);
  return prefix > 0 && prefix * factor > size;
}

function sumOf(bytes: Buffer): string {
  return sha256(bytes).slice(0, sumLength);
}
