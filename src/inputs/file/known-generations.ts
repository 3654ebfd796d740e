/**
 * The generations the store knows, and which of them an open file is.
 *
 * Device and inode say where to look, the fingerprint says whether it is still the same content: inodes are used again.
 */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { FilePosition } from '../../record/batch.ts';
import { matchesFingerprint } from './fingerprint.ts';

export class KnownGenerations {
  readonly #byInode = new Map<string, FilePosition[]>();

  constructor(positions: readonly FilePosition[]) {
    for (const position of positions) {
      const key = `${position.device}:${position.inode}`;
      this.#byInode.set(key, [...(this.#byInode.get(key) ?? []), position]);
    }
  }

  /**
   * The newest known generation that `file` is, those not ended first, taken out of the known; null for content never seen.
   *
   * @param size of the content, where that is not the file's (compressed files).
   */
  async claim(file: FileHandle, stat: BigIntStats, size = Number(stat.size)): Promise<FilePosition | null> {
    const candidates = this.#byInode.get(inodeKey(stat)) ?? [];
    const newestFirst = candidates.toReversed();
    for (const position of [
      ...newestFirst.filter(({ isEnded }) => !isEnded),
      ...newestFirst.filter(({ isEnded }) => isEnded),
    ]) {
      if (size < position.offset) continue; // truncated since: another generation
      if (!(await matchesFingerprint(file, position))) continue;
      this.#byInode.set(
        inodeKey(stat),
        candidates.filter((other) => other !== position),
      );
      return position;
    }
    return null;
  }

  /** Generations not claimed and not at their end: their files have been renamed out of sight, replaced or deleted. */
  unclaimed(): readonly FilePosition[] {
    return [...this.#byInode.values()].flat().filter(({ isEnded }) => !isEnded);
  }

  /** Drops a generation that cannot be found again. */
  forget(position: FilePosition): void {
    const key = `${position.device}:${position.inode}`;
    this.#byInode.set(
      key,
      (this.#byInode.get(key) ?? []).filter((other) => other !== position),
    );
  }
}

export function inodeKey(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}`;
}
