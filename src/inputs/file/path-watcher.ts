/**
 * chokidar as a hint: its events mean "look now" and nothing else. It may be silent, late or wrong (network file systems, full
 * inotify tables): the periodic scan of file-input.ts is what makes tailing correct.
 */
import { existsSync } from 'node:fs';
import { type FSWatcher, watch } from 'chokidar';
import type { Logger } from '../../runtime/logger.ts';

export interface PathHints {
  /** A file that may have grown. */
  onChange(path: string): void;
  /** Files may have come, gone or changed their names. */
  onRename(): void;
}

export class PathWatcher {
  readonly #directories: readonly string[];
  readonly #logger: Logger;
  readonly #hints: PathHints;
  #watcher: FSWatcher | null = null;
  #watched = new Set<string>();
  #hasWarned = false;

  constructor(directories: readonly string[], hints: PathHints, logger: Logger) {
    this.#directories = directories;
    this.#hints = hints;
    this.#logger = logger;
  }

  /** Also called by every scan: a directory that has appeared since is watched from then on. */
  watchExisting(): void {
    const missing = this.#directories.filter((directory) => !this.#watched.has(directory) && existsSync(directory));
    if (missing.length === 0) return;
    for (const directory of missing) this.#watched.add(directory);
    if (this.#watcher !== null) {
      this.#watcher.add(missing);
      return;
    }
    this.#watcher = watch(missing, { ignoreInitial: true, persistent: true, ignorePermissionErrors: true });
    this.#watcher
      .on('change', (path) => this.#hints.onChange(path))
      .on('add', () => this.#hints.onRename())
      .on('unlink', () => this.#hints.onRename())
      .on('unlinkDir', (path) => {
        this.#watched.delete(path);
        this.#hints.onRename();
      })
      .on('error', (error) => {
        if (this.#hasWarned) return;
        this.#hasWarned = true;
        this.#logger.warn(
          { err: error, hint: 'Files are found by scanning instead; see sysctl fs.inotify.' },
          'cannot watch for changes',
        );
      });
  }

  async close(): Promise<void> {
    await this.#watcher?.close();
    this.#watcher = null;
    this.#watched = new Set();
  }
}
