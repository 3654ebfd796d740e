/**
 * What snapshots of a killed process left (see thread/alias.ts): directories of links, and of the engine's locks, which are directories
 * too. Files are nobody's but the user's, who may have named a directory with a `snapshots` of their own.
 */
import { readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

/** @param directory is kept itself. */
export function removeStaleAliases(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isSymbolicLink()) unlinkSync(path);
    else if (entry.isDirectory()) {
      removeStaleAliases(path);
      if (readdirSync(path).length === 0) rmdirSync(path);
    }
  }
}
