/**
 * Keeps the compiled form of the program's code from one command to the next: compiling is a good part of what a short one costs.
 *
 * It is code that is run, so it lies where nobody else can put any: in the user's own cache directory, and nowhere for those who have none. Where
 * nothing can be written, or what is there is of another release, Node compiles as ever and says nothing.
 */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { dirname, join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

export function keepCompiledCode(env: Environment): void {
  const directory = compileCacheDirectory(env);
  if (directory === null) return;
  try {
    // Node would make them too, but never comes back from where a directory takes none (/proc).
    for (const made of [dirname(directory), directory]) if (!existsSync(made)) mkdirSync(made, { mode: 0o700 });
  } catch {
    return; // read-only, full, or not a place for files
  }
  enableCompileCache(directory);
}

/** Null when there is no place that is the user's alone to write to. The system's temporary directory, which is Node's choice, is not. */
export function compileCacheDirectory({ XDG_CACHE_HOME: cacheHome, HOME: home }: Environment): string | null {
  if (cacheHome !== undefined && isOurs(cacheHome)) return join(cacheHome, 'regression');
  return home !== undefined && isOurs(home) ? join(home, '.cache/regression') : null;
}

/** Absolute, ours, and for others at most to be read: `sudo` may leave the home of another user in the environment. */
function isOurs(path: string): boolean {
  const found = path.startsWith('/') ? statSync(path, { throwIfNoEntry: false }) : undefined;
  return found !== undefined && found.isDirectory() && found.uid === process.geteuid?.() && (found.mode & 0o022) === 0;
}
