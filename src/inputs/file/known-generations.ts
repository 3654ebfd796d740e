/**
 * The generations the store knows, and which of them an open file is.
 *
 * Device and inode say where to look first; the content says whether it is still the same, since inodes are used again. A file
 * whose inode is not known may be a known generation too: copied by a copytruncate, or under another device number since the last
 * boot. Then the content alone decides, and must say enough.
 */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { FilePosition } from '../../record/batch.ts';
import { isAnotherLife } from './births.ts';
import { holdsContentOf, packingOf, readAt, sha256 } from './fingerprint.ts';
import { isRotatedName } from './rotated-names.ts';

/** A head that is at least this long and not of equal lines is taken for one content wherever it is found. */
export const tellingBytes = 512;

/** What tells packed files, see `packingOf`. */
const magicBytes = 4;

export class KnownGenerations<Position extends FilePosition = FilePosition> {
  readonly #byInode = new Map<string, Position[]>();
  /** Positions by head, `fingerprintBytes:fingerprint`. */
  readonly #byHead = new Map<string, Set<Position>>();
  readonly #headLengths = new Set<number>();

  constructor(positions: readonly Position[]) {
    for (const position of positions) this.add(position);
  }

  add(position: Position): void {
    const key = `${position.device}:${position.inode}`;
    this.#byInode.set(key, [...(this.#byInode.get(key) ?? []), position]);
    const head = headKey(position.fingerprintBytes, position.fingerprint);
    this.#headLengths.add(position.fingerprintBytes);
    this.#byHead.set(head, (this.#byHead.get(head) ?? new Set()).add(position));
  }

  /**
   * The newest known generation that `file` is by its inode, those not ended first, taken out of the known; null for content
   * never seen.
   *
   * @param size of the content, where that is not the file's (compressed files).
   */
  async claim(file: FileHandle, stat: BigIntStats, size = Number(stat.size)): Promise<Position | null> {
    for (const position of unendedFirst(this.#byInode.get(inodeKey(stat)) ?? [])) {
      if (size < position.offset || isAnotherLife(stat, position.evidence)) continue;
      if (!(await saysEnough(position, file))) continue;
      if (await holdsContentOf(file, position)) return this.#take(position);
    }
    return null;
  }

  /** The known generation that `file` is by its content, taken out of the known. */
  async claimByContent(file: FileHandle, path: string, stat: BigIntStats, head: Buffer): Promise<Position | null> {
    for (const position of this.withHead(head)) {
      if (position.offset === 0 || Number(stat.size) < position.offset) continue;
      if (!isTelling(position, path, stat, head)) continue;
      if (await holdsContentOf(file, position)) return this.#take(position);
    }
    return null;
  }

  hasInode(stat: BigIntStats): boolean {
    return this.#byInode.has(inodeKey(stat));
  }

  /** Those that were last seen in this inode, the newest first. */
  ofInode(stat: BigIntStats): readonly Position[] {
    return (this.#byInode.get(inodeKey(stat)) ?? []).toReversed();
  }

  /** Generations not claimed and not at their end: their files have been renamed out of sight, replaced or deleted. */
  unclaimed(): readonly Position[] {
    return [...this.#byInode.values()].flat().filter(({ isEnded }) => !isEnded);
  }

  /** Generations that are over. */
  ended(): readonly Position[] {
    return [...this.#byInode.values()].flat().filter(({ isEnded }) => isEnded);
  }

  /** Drops a generation that cannot be found again. */
  forget(position: Position): void {
    this.#take(position);
  }

  #take(position: Position): Position {
    const key = `${position.device}:${position.inode}`;
    const others = (this.#byInode.get(key) ?? []).filter((other) => other !== position);
    if (others.length > 0) this.#byInode.set(key, others);
    else this.#byInode.delete(key);
    this.#byHead.get(headKey(position.fingerprintBytes, position.fingerprint))?.delete(position);
    return position;
  }

  /** Those whose head is the beginning of `head`. */
  withHead(head: Buffer): readonly Position[] {
    const found = [...this.#headLengths]
      .filter((bytes) => bytes > 0 && bytes <= head.length)
      .flatMap((bytes) => [...(this.#byHead.get(headKey(bytes, sha256(head.subarray(0, bytes)))) ?? [])]);
    return unendedFirst(found);
  }
}

export function inodeKey(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}`;
}

/** How far it was read, the unfinished line included, whether that is committed or not. */
export function readEndOf({ offset, evidence }: FilePosition): number {
  return Math.max(offset, evidence?.check?.end ?? 0);
}

function headKey(bytes: number, fingerprint: string): string {
  return `${bytes}:${fingerprint}`;
}

/**
 * Whether the same inode and no contradiction mean the same generation. Nothing contradicts a generation of which nothing was read:
 * its inode may have gone to any file since, to a packed one too, whose bytes are no lines.
 */
async function saysEnough(position: FilePosition, file: FileHandle): Promise<boolean> {
  if (position.fingerprintBytes === 0 && position.isEnded) return false;
  return position.fingerprintBytes >= magicBytes || packingOf(await readAt(file, 0, magicBytes)) === null;
}

/** Newest first within both groups. */
function unendedFirst<Position extends FilePosition>(positions: readonly Position[]): Position[] {
  const newestFirst = positions.toReversed();
  return [...newestFirst.filter(({ isEnded }) => !isEnded), ...newestFirst.filter(({ isEnded }) => isEnded)];
}

/**
 * Whether the same content means the same generation. Short or repetitive content does not, unless the place says so too: a new
 * file often begins as its predecessor did.
 */
function isTelling(position: FilePosition, path: string, stat: BigIntStats, head: Buffer): boolean {
  const isSamePath = position.path === path;
  // The same file on a device that has another number since the last boot.
  if (isSamePath && String(stat.ino) === position.inode && String(stat.dev) !== position.device) return true;
  if (!isSamePath && dirname(path) === dirname(position.path) && isRotatedName(path, position.path)) return true;
  const isRelated = isSamePath || basename(path) === basename(position.path);
  return isRelated && position.fingerprintBytes >= tellingBytes && !isRepetitive(head);
}

export function isRepetitive(head: Buffer): boolean {
  const [first, ...others] = head.toString('latin1').split('\n').slice(0, -1);
  return first !== undefined && others.length > 0 && others.every((line) => line === first);
}

/** The bytes before `offset`, for comparing later; fewer at the beginning of the file. */
export function bytesBefore(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const wanted = Math.min(length, offset);
  return readAt(file, offset - wanted, wanted);
}
