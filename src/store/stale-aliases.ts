/**
 * What snapshots of a killed process left (see thread/alias.ts): directories of links, and of the engine's locks, which are directories
 * too. Files are nobody's but the user's, who may have named a directory with a `snapshots` of their own; all but the engine's, which it would
 * take for those of the file that is linked there next.
 */
import { readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Of an alias. */
const engineFile = /^x\.db-(journal|wal|shm)$/;

/** @param directory is kept itself. */
export function removeStaleAliases(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isSymbolicLink() || (entry.isFile() && engineFile.test(entry.name))) unlinkSync(path);
    else if (entry.isDirectory()) {
      removeStaleAliases(path);
      if (readdirSync(path).length === 0) rmdirSync(path);
    }
  }
}
