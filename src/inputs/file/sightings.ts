/** Which files there are: every path that the globs name, with the inode behind it. */
import type { BigIntStats } from 'node:fs';
import { stat as statPath } from 'node:fs/promises';
import { systemCodeOf } from '../../runtime/errors.ts';
import { learnFromDirectoryOf } from './births.ts';
import type { FileWork } from './file-work.ts';
import type { FileGlobs } from './glob.ts';
import { inodeKey } from './known-generations.ts';

/** A path that a scan found, and what was there. */
export interface Sighting {
  readonly path: string;
  readonly key: string;
  readonly stat: BigIntStats;
}

/** Stats under way at once during a scan. */
const statsAtOnce = 32;

/** By inode: two names of one file are read once, under the first. */
export async function sightings(
  globs: FileGlobs,
  work: FileWork,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Sighting>> {
  const { paths, problems } = await globs.find();
  for (const { path, error } of problems) {
    work.leftOut.foundUnreadable(path, error);
    work.report(path, `cannot read directory ${path}`, error);
  }
  const seen = new Map<string, Sighting>();
  for (let from = 0; from < paths.length && !signal.aborted; from += statsAtOnce) {
    const some = paths.slice(from, from + statsAtOnce);
    for (const sighting of await Promise.all(some.map((path) => sightingOf(path, work)))) {
      if (sighting !== null && !seen.has(sighting.key)) seen.set(sighting.key, sighting);
    }
  }
  return seen;
}

async function sightingOf(path: string, work: FileWork): Promise<Sighting | null> {
  try {
    const stat = await statPath(path, { bigint: true });
    if (stat.isFile()) {
      await learnFromDirectoryOf(path, stat);
      return { path, key: inodeKey(stat), stat };
    }
    work.leftOut.found(path, 'it is not a regular file');
    if (stat.isDirectory()) work.report(path, `${path} is a directory, not a file`);
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    work.leftOut.foundUnreadable(path, error);
    work.report(path, `cannot read ${path}`, error);
  }
  return null;
}
