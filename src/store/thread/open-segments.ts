/**
 * The segments a thread has open for reading: opened when first asked, the longest unused closed when there are too many.
 */
import { join } from 'node:path';
import type { Segment } from '../segments.ts';
import { closeAlias, openAlias } from './alias.ts';
import type { Sqlite } from './sqlite.ts';

const maxOpen = 8;
/** Of one segment. */
const cacheBytes = 4 * 1024 * 1024;

interface OpenSegment {
  readonly database: Sqlite;
  readonly directory: string;
}

export class OpenSegments {
  readonly #directory: string;
  /** By path, the longest unused first. */
  readonly #open = new Map<string, OpenSegment>();
  #opened = 0;

  /** @param directory the thread's own; alias directories are made in it. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  get({ path }: Segment): Sqlite {
    const known = this.#open.get(path);
    if (known !== undefined) {
      this.#open.delete(path);
      this.#open.set(path, known);
      return known.database;
    }
    for (const oldest of this.#open.keys()) {
      if (this.#open.size < maxOpen) break;
      this.#close(oldest);
    }
    // Who reads a long history from its beginning comes back to no file: what was kept of the others makes room for this one, since memory
    // that a thread once took it never gives back. Questions that come again find their files open, and nothing is dropped.
    for (const { database } of this.#open.values()) database.exec('PRAGMA shrink_memory');
    const directory = join(this.#directory, `segment-${++this.#opened}`);
    const database = openAlias(path, directory, { withWal: false, cacheBytes });
    this.#open.set(path, { database, directory });
    return database;
  }

  /** Closes what is not among `segments` any more: sealed meanwhile, or dropped. */
  keepOnly(segments: readonly Segment[]): void {
    const paths = new Set(segments.map(({ path }) => path));
    for (const path of this.#open.keys()) if (!paths.has(path)) this.#close(path);
  }

  close(): void {
    for (const path of this.#open.keys()) this.#close(path);
  }

  #close(path: string): void {
    const open = this.#open.get(path);
    this.#open.delete(path);
    if (open !== undefined) closeAlias(open.database, open.directory);
  }
}
