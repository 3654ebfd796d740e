/** What the store and its backups take on a disk, and what lies beside them that a person has to remove. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hotFileName, segmentsDirectoryName } from '../store/segments.ts';
import type { TaskContext } from './task.ts';

/** The file being written, its WAL, segments, and backups on the same disk. */
export async function totalBytes({ store, dataDir, backupDir }: TaskContext): Promise<number> {
  const { databaseBytes, walBytes, segmentBytes } = await store.stats();
  const backups = backupDir !== null && (await isSameDisk(dataDir, backupDir)) ? await bytesBelow(backupDir) : 0;
  return databaseBytes + walBytes + segmentBytes + backups;
}

export interface SetAside {
  readonly bytes: number;
  /** Absolute paths. */
  readonly paths: readonly string[];
}

/** What a restore, damage, or an upgrade has set aside in the data directory. No task removes it: somebody may need it. */
export async function setAsideIn(dataDir: string): Promise<SetAside> {
  const directories = [dataDir, join(dataDir, segmentsDirectoryName)];
  const paths: string[] = [];
  for (const directory of directories) {
    const names = await readdir(directory).catch(() => []); // a store in memory has none
    paths.push(...names.filter((name) => isSetAside(name)).map((name) => join(directory, name)));
  }
  const sizes = await Promise.all(paths.map((path) => bytesBelow(path)));
  return { bytes: sizes.reduce((sum, size) => sum + size, 0), paths };
}

function isSetAside(name: string): boolean {
  return (
    /^replaced-|\.corrupt-/.test(name) || // store/replaced-data.ts, store/damage.ts
    name.startsWith(`${hotFileName}.schema-`) || // before a migration
    name.startsWith(`${hotFileName}.orphan`) // a WAL of another file
  );
}

export async function isSameDisk(a: string, b: string): Promise<boolean> {
  const device = async (path: string): Promise<number | null> => (await stat(path).catch(() => null))?.dev ?? null;
  return (await device(a)) === (await device(b));
}

/** Of a file, or of all files in a directory; one with several names counts once. */
async function bytesBelow(path: string): Promise<number> {
  const inodes = new Map<number, number>();
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => null);
  const paths = entries === null ? [path] : entries.map(({ parentPath, name }) => join(parentPath, name));
  for (const each of paths) {
    const found = await stat(each).catch(() => null); // removed in this moment
    if (found?.isFile() === true) inodes.set(found.ino, found.size);
  }
  return [...inodes.values()].reduce((sum, size) => sum + size, 0);
}
