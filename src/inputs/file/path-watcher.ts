/**
 * chokidar as a hint: its events mean "look now" and nothing else. It may be silent, late or wrong (network file systems, full
 * inotify tables): the periodic scan of file-input.ts is what makes tailing correct.
 *
 * Directories alone are watched, never the files in them: a directory's events name the file that changed, and one watch a
 * directory does for thousands of files.
 */
import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { FSWatcher, watch } from 'chokidar';
import { messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { WatcherState } from '../input.ts';

export interface PathHints {
  /** A file that may have grown. */
  onChange(path: string): void;
  /** Files may have come, gone or changed their names. */
  onRename(): void;
}

export class PathWatcher {
  readonly #directories: readonly string[];
  readonly #mayContain: (directory: string) => boolean;
  readonly #logger: Logger;
  readonly #hints: PathHints;
  readonly #watch: typeof watch;
  #watcher: FSWatcher | null = null;
  #watched = new Set<string>();
  #failure: string | null = null;
  #isClosed = false;

  /**
   * @param mayContain whether a directory can hold files that matter, at any depth.
   * @param watchPaths chokidar's, or one that fails as the system may.
   */
  constructor(
    directories: readonly string[],
    mayContain: (directory: string) => boolean,
    hints: PathHints,
    logger: Logger,
    watchPaths: typeof watch,
  ) {
    this.#directories = directories;
    this.#mayContain = mayContain;
    this.#hints = hints;
    this.#logger = logger;
    this.#watch = watchPaths;
  }

  get state(): WatcherState {
    return { kind: this.#failure === null ? 'watching' : 'scanning', reason: this.#failure };
  }

  /** Also called by every scan: a directory that has appeared since is watched from then on. */
  watchExisting(): void {
    if (this.#isClosed) return; // a start or a scan that a stop has overtaken
    const missing = this.#directories.filter((directory) => !this.#watched.has(directory) && existsSync(directory));
    if (missing.length === 0) return;
    for (const directory of missing) this.#watched.add(directory);
    if (this.#watcher !== null) {
      this.#watcher.add(missing);
      return;
    }
    this.#watcher = this.#watch(missing, {
      ignoreInitial: true,
      persistent: true,
      ignorePermissionErrors: true,
      // Without this chokidar walks all that is below: a log beside a source tree would cost a watch for each of its directories.
      ignored: (path, stats) => stats?.isFile() === true || !this.#mayContain(path),
    });
    this.#watcher
      .on('raw', (event, path, details) => this.#onRaw(event, path, details as { watchedPath?: string } | undefined))
      .on('unlinkDir', (path) => {
        this.#watched.delete(path);
        this.#hints.onRename();
      })
      .on('addDir', () => this.#hints.onRename())
      .on('error', (error) => this.#onError(error));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#watcher?.close();
    this.#watcher = null;
    this.#watched = new Set();
  }

  #onRaw(event: string, path: string | null, details: { watchedPath?: string } | undefined): void {
    const directory = details?.watchedPath;
    if (event !== 'change' || path === null || directory === undefined) return this.#hints.onRename();
    this.#hints.onChange(isAbsolute(path) ? path : join(directory, path));
  }

  #onError(error: unknown): void {
    if (this.#failure !== null) return;
    this.#failure = messageOf(error);
    this.#logger.warn(
      { err: error, hint: 'Files are found by scanning instead; see sysctl fs.inotify.' },
      'cannot watch for changes',
    );
  }
}
