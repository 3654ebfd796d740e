/** Files that the globs name and that are not followed, with the reason, as the last look at all of them found it: for `status` and `doctor`. */

export interface FileLeftOut {
  readonly path: string;
  /** A sentence of its own: `it is a binary file`. */
  readonly reason: string;
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

  found(path: string, reason: string): void {
    if (this.#found.size < maxRemembered) this.#found.set(path, { path, reason });
  }

  endScan(): void {
    this.#all = [...this.#found.values()];
    this.#found = new Map();
  }
}
