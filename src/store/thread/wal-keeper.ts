/**
 * Keeps the writer's WAL from vanishing under foreign hands.
 *
 * A native SQLite tool does not see this engine's lock. When it closes the hot file it writes what it knows of the WAL into the
 * database file and deletes the WAL, while the writer goes on appending to the file that has lost its name: a kill would then
 * lose what was acknowledged. So the WAL has a second name, which no tool knows, and gets its first one back from it.
 *
 * A tool that is connected while the WAL is emptied is worse: on closing it would copy stale frames over newer pages. It betrays
 * itself by its shared-memory file, which the writer never makes: while there is one, nothing is checkpointed.
 */
import { existsSync, linkSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncDirectory } from '../durable-rename.ts';

const walPathOf = (path: string): string => `${path}-wal`;
const keptPathOf = (path: string): string => `${path}-wal.kept`;

/** Before the hot file is opened: a WAL that lost its name gets it back. Its frames are a superset of what the tool copied. */
export function recoverKeptWal(path: string): void {
  const kept = statSync(keptPathOf(path), { throwIfNoEntry: false });
  if (kept === undefined) return;
  const isLost = inodeOf(walPathOf(path)) !== kept.ino && kept.size > 0 && existsSync(path);
  if (isLost) renameSync(keptPathOf(path), walPathOf(path));
  else rmSync(keptPathOf(path), { force: true });
  syncDirectory(dirname(path));
}

/** Once the hot file is closed for good, or about to be renamed: its WAL is nobody's any more. */
export function forgetKeptWal(path: string): void {
  rmSync(keptPathOf(path), { force: true });
}

export class WalKeeper {
  readonly #path: string;
  readonly #fileInode: number;
  readonly #inode: number;
  readonly #isKept: boolean;

  /** @param path of the hot file, which has just been opened. */
  constructor(path: string) {
    this.#path = path;
    this.#fileInode = inodeOf(path);
    this.#inode = inodeOf(walPathOf(path));
    this.#isKept = keep(path);
  }

  /** False when the database file has lost its name, or the name stands for another file: nobody will find what is written. */
  get isFileInPlace(): boolean {
    return inodeOf(this.#path) === this.#fileInode;
  }

  /** False when the WAL has lost its name, or the name stands for another file. */
  get isInPlace(): boolean {
    return inodeOf(walPathOf(this.#path)) === this.#inode;
  }

  /** Gives the WAL its name back. False on a file system without hard links: then everything must be checkpointed at once. */
  restore(): boolean {
    if (!this.#isKept) return false;
    // The second name becomes the first; then it is made anew.
    renameSync(keptPathOf(this.#path), walPathOf(this.#path));
    syncDirectory(dirname(this.#path));
    return keep(this.#path) && this.isInPlace;
  }
}

/** True while another program has the file open, as far as this system tells. */
export function hasForeignReader(path: string): boolean {
  const sharedMemoryPath = `${path}-shm`;
  if (!existsSync(sharedMemoryPath)) return false;
  if (!isLockedByOthers(path)) {
    rmSync(sharedMemoryPath, { force: true }); // its program was killed
    return false;
  }
  return true;
}

/** A SQLite connection in WAL mode holds a shared lock on the database file for as long as it lives (proc_locks(5)). */
function isLockedByOthers(path: string): boolean {
  try {
    const inode = inodeOf(path);
    return readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .some((line) => new RegExp(`:${inode} `).test(line) && !line.includes(` ${process.pid} `));
  } catch {
    return true; // no /proc: believe the file
  }
}

function keep(path: string): boolean {
  try {
    rmSync(keptPathOf(path), { force: true });
    linkSync(walPathOf(path), keptPathOf(path));
    return true;
  } catch {
    return false;
  }
}

function inodeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? 0;
}
