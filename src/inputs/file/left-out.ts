/** Files that the globs name and that are not followed, with the reason, as the last look at all of them found it: for `status` and `doctor`. */
import { messageOf, systemCodeOf } from '../../runtime/errors.ts';

export interface FileLeftOut {
  readonly path: string;
  /** A sentence of its own: `it is a binary file`. */
  readonly reason: string;
  /** The system's, of a file that it does not let us read: `EACCES`. */
  readonly code: string | null;
}

/** A host with more of them has one reason for all. */
const maxRemembered = 1000;

export class FilesLeftOut {
  #found = new Map<string, FileLeftOut>();
  #all: readonly FileLeftOut[] = [];

  /** Those of the last complete look. */
  get all(): readonly FileLeftOut[] {
    return this.#all;
  }

  found(path: string, reason: string, code: string | null = null): void {
    if (this.#found.size < maxRemembered) this.#found.set(path, { path, reason, code });
  }

  /** A file, or a directory that may hold some: what is in it is not known. */
  foundUnreadable(path: string, error: unknown): void {
    this.found(path, `it cannot be read (${messageOf(error)})`, systemCodeOf(error) ?? null);
  }

  endScan(): void {
    this.#all = [...this.#found.values()];
    this.#found = new Map();
  }
}
