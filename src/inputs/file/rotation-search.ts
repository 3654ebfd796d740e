/**
 * Looks around a log file's path for what rotation made of it: by inode, by content, compressed or not. One search sees each
 * directory once; nothing here is opened for good.
 */
import type { BigIntStats, Dirent } from 'node:fs';
import { open, readdir, stat as statPath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { FilePosition } from '../../record/batch.ts';
import { birthOf, holdsContentOf } from './fingerprint.ts';
import { inodeKey } from './known-generations.ts';
import { isPackedCopyOf } from './packed-rest.ts';
import { isPackedName, originalsOf } from './rotated-names.ts';

export interface Neighbour {
  readonly path: string;
  readonly stat: BigIntStats;
  readonly isPacked: boolean;
}

/** Directories below a log's own that are searched too (`archive/`, `old/`). */
const maxSubdirectories = 20;

/** Times of files have the kernel's tick (up to 10 ms), and what packs them rounds: within this they say nothing. */
const sameTimeNs = 50_000_000n;

export class RotationSearch {
  readonly #directories = new Map<string, Promise<Tree>>();

  /** Where the file of `position` is now, whatever it is called. */
  async byInode(position: FilePosition): Promise<Neighbour | null> {
    const wanted = `${position.device}:${position.inode}`;
    for (const directory of directoriesOf(position)) {
      const found = (await this.#tree(directory)).byInode.get(wanted);
      if (found !== undefined) return found;
    }
    return null;
  }

  /** A file that holds all that was read of `position`, and maybe more; not the one at its path. */
  async byContent(position: FilePosition, isTaken: (neighbour: Neighbour) => boolean): Promise<Neighbour | null> {
    if (position.offset === 0 && position.fingerprintBytes === 0) return null;
    const neighbours = (await this.#rotatedOf(position))
      .filter((neighbour) => !isTaken(neighbour))
      .toSorted((a, b) => Number(b.stat.mtimeNs - a.stat.mtimeNs));
    for (const neighbour of neighbours) if (await holds(neighbour, position)) return neighbour;
    return null;
  }

  /**
   * Files that were at the path after `before` was and have been rotated away unseen: those born later, or written later where
   * birth times say nothing. Oldest first. The caller leaves out what it knows.
   */
  async successors(before: FilePosition, lastWrittenNs: bigint): Promise<readonly Neighbour[]> {
    const birthNs = before.evidence?.birthNs;
    return (await this.#rotatedOf(before))
      .filter(({ stat, isPacked }) => {
        const own = birthOf(stat).birthNs;
        // Packing makes a new inode and keeps the time of the last write.
        if (isPacked || own === undefined || birthNs === undefined) return stat.mtimeNs > lastWrittenNs - sameTimeNs;
        return BigInt(own) >= BigInt(birthNs);
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

/** Names the file as it is: another one after every write, the same under another name. */
export function versionOf({ stat: { dev, ino, size, mtimeNs, birthtimeNs } }: Neighbour): string {
  return `${dev}:${ino}:${birthtimeNs}:${size}:${mtimeNs}`;
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
export async function holds({ path, stat, isPacked }: Neighbour, position: FilePosition): Promise<boolean> {
  try {
    if (isPacked) return await isPackedCopyOf(path, position);
    if (Number(stat.size) < position.offset) return false;
    await using file = await open(path);
    return await holdsContentOf(file, position);
  } catch {
    return false; // gone, not readable, or not packed to its end yet: the next search sees it again
  }
}

async function listTree(directory: string): Promise<Tree> {
  const entries = await entriesOf(directory);
  const subdirectories = entries.filter((entry) => entry.isDirectory()).slice(0, maxSubdirectories);
  const below = await Promise.all(
    subdirectories.map(async ({ name }) => {
      const path = join(directory, name);
      return (await entriesOf(path)).map((entry) => ({ entry, path: join(path, entry.name) }));
    }),
  );
  const all = [...entries.map((entry) => ({ entry, path: join(directory, entry.name) })), ...below.flat()];
  const found: Neighbour[] = [];
  for (const { entry, path } of all) {
    if (!entry.isFile()) continue;
    const stat = await statPath(path, { bigint: true }).catch(() => null);
    if (stat?.isFile()) found.push({ path, stat, isPacked: isPackedName(path) });
  }
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
