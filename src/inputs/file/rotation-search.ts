/**
 * Looks around a log file's path for what rotation made of it: by inode, by content, compressed or not. One search sees each
 * directory once; nothing here is opened for good.
 */
import type { Dirent } from 'node:fs';
import { readdir, stat as statPath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { FilePosition } from '../../record/batch.ts';
import { isAnotherLife, sureBirthNs, sureBirthNsOf } from './births.ts';
import { holdsContentOf } from './fingerprint.ts';
import { inodeKey } from './known-generations.ts';
import { type Neighbour, openNeighbour } from './neighbour.ts';
import { isPackedCopyOf } from './packed-rest.ts';
import { isPackedName, originalsOf } from './rotated-names.ts';

/** Directories below a log's own that are searched too (`archive/`, `old/`). */
const maxSubdirectories = 20;
const statsAtOnce = 32;
/** At most as often is a directory looked at that is changing under our eyes. */
const maxLooks = 5;

/** Times of files have the kernel's tick (up to 10 ms), and what packs them rounds: within this they say nothing. */
const sameTimeNs = 50_000_000n;

export class RotationSearch {
  readonly #directories = new Map<string, Promise<Tree>>();
  #isInDoubt = false;

  /** A file that may have been the one that was looked for could not be asked: renamed meanwhile, or not packed to its end. */
  get isInDoubt(): boolean {
    return this.#isInDoubt;
  }

  /** Where the file of `position` is now, whatever it is called. */
  async byInode(position: FilePosition): Promise<Neighbour | null> {
    const wanted = `${position.device}:${position.inode}`;
    for (const directory of directoriesOf(position)) {
      const found = (await this.#tree(directory)).byInode.get(wanted);
      if (found !== undefined && !isAnotherLife(found.stat, position.evidence)) return found;
    }
    return null;
  }

  /** A file that holds all that was read of `position`, and maybe more; not the one at its path. */
  async byContent(position: FilePosition, isTaken: (neighbour: Neighbour) => boolean): Promise<Neighbour | null> {
    if (position.offset === 0 && position.fingerprintBytes === 0) return null;
    const neighbours = (await this.#rotatedOf(position))
      .filter((neighbour) => !isTaken(neighbour))
      .toSorted((a, b) => Number(b.stat.mtimeNs - a.stat.mtimeNs));
    for (const neighbour of neighbours) {
      try {
        if (await holdsOrThrows(neighbour, position)) return neighbour;
      } catch {
        this.#isInDoubt = true;
      }
    }
    return null;
  }

  /**
   * Files that were at the path after `before` was and have been rotated away unseen: those born later, or written later where
   * birth times say nothing. Oldest first. The caller leaves out what it knows.
   */
  async successors(before: FilePosition, lastWrittenNs: bigint): Promise<readonly Neighbour[]> {
    const birthNs = sureBirthNsOf(before);
    return (await this.#rotatedOf(before))
      .filter(({ stat, isPacked }) => {
        const own = sureBirthNs(stat);
        // Packing makes a new inode and keeps the time of the last write.
        if (isPacked || own === null || birthNs === null) return stat.mtimeNs > lastWrittenNs - sameTimeNs;
        return own >= birthNs;
      })
      .toSorted((a, b) => Number(a.stat.mtimeNs - b.stat.mtimeNs) || Number(a.isPacked) - Number(b.isPacked));
  }

  /** Files with names that rotation may have made of the one of `position`. */
  async #rotatedOf(position: FilePosition): Promise<readonly Neighbour[]> {
    const found = await Promise.all(directoriesOf(position).map((directory) => this.#tree(directory)));
    return found.flatMap(({ byOriginal }) => byOriginal.get(basename(position.path)) ?? []);
  }

  #tree(directory: string): Promise<Tree> {
    const known = this.#directories.get(directory) ?? listTree(directory);
    this.#directories.set(directory, known);
    return known;
  }
}

interface Tree {
  /** By the names their rotation may have begun with. */
  readonly byOriginal: ReadonlyMap<string, readonly Neighbour[]>;
  readonly byInode: ReadonlyMap<string, Neighbour>;
}

function directoriesOf({ path, evidence }: FilePosition): readonly string[] {
  return [...new Set([dirname(path), ...(evidence?.realPath ? [dirname(evidence.realPath)] : [])])];
}

/** True when `neighbour` holds what was read of `position`. False also when that cannot be found out now. */
export async function holds(neighbour: Neighbour, position: FilePosition): Promise<boolean> {
  try {
    return await holdsOrThrows(neighbour, position);
  } catch {
    return false; // gone, not readable, or not packed to its end yet: the next search sees it again
  }
}

async function holdsOrThrows(neighbour: Neighbour, position: FilePosition): Promise<boolean> {
  if (neighbour.isPacked) return isPackedCopyOf(neighbour, position);
  if (Number(neighbour.stat.size) < position.offset) return false;
  await using file = await openNeighbour(neighbour);
  return await holdsContentOf(file, position);
}

/** Rotation may rename while we look, and a file be missed under both its names: two looks must see the same. */
async function listTree(directory: string): Promise<Tree> {
  let before = await look(directory);
  for (let attempt = 1; attempt < maxLooks; attempt++) {
    const now = await look(directory);
    if (isSame(before, now)) break;
    before = now;
  }
  return treeOf(before);
}

function isSame(some: readonly Neighbour[], others: readonly Neighbour[]): boolean {
  const inodes = new Map(others.map(({ path, stat }) => [path, inodeKey(stat)]));
  return some.length === others.length && some.every(({ path, stat }) => inodes.get(path) === inodeKey(stat));
}

async function look(directory: string): Promise<readonly Neighbour[]> {
  const entries = await entriesOf(directory);
  const subdirectories = entries.filter((entry) => entry.isDirectory()).slice(0, maxSubdirectories);
  const below = await Promise.all(
    subdirectories.map(async ({ name }) => {
      const path = join(directory, name);
      return (await entriesOf(path)).map((entry) => ({ entry, path: join(path, entry.name) }));
    }),
  );
  const all = [...entries.map((entry) => ({ entry, path: join(directory, entry.name) })), ...below.flat()];
  const paths = all.filter(({ entry }) => entry.isFile()).map(({ path }) => path);
  const found: Neighbour[] = [];
  for (let from = 0; from < paths.length; from += statsAtOnce) {
    const stats = paths.slice(from, from + statsAtOnce).map(async (path): Promise<Neighbour[]> => {
      const stat = await statPath(path, { bigint: true }).catch(() => null); // gone meanwhile
      return stat?.isFile() ? [{ path, stat, isPacked: isPackedName(path) }] : [];
    });
    found.push(...(await Promise.all(stats)).flat());
  }
  return found;
}

function treeOf(found: readonly Neighbour[]): Tree {
  const byOriginal = new Map<string, Neighbour[]>();
  for (const neighbour of found) {
    for (const original of originalsOf(neighbour.path)) {
      const name = basename(original);
      const others = byOriginal.get(name);
      if (others === undefined) byOriginal.set(name, [neighbour]);
      else others.push(neighbour);
    }
  }
  return { byOriginal, byInode: new Map(found.map((neighbour) => [inodeKey(neighbour.stat), neighbour])) };
}

async function entriesOf(directory: string): Promise<readonly Dirent[]> {
  return readdir(directory, { withFileTypes: true }).catch(() => []); // gone, or not ours to read: nothing to find
}
