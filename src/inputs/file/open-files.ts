/**
 * How many files may be open at once, and which are let go of when there are more: those at rest, the longest unread first. A file
 * that is in no path any more is never let go of: nobody could open it again.
 */
import { readFileSync } from 'node:fs';

/** What the process needs beside followed files: database, threads, sockets, the watcher, directories being read. */
const reservedDescriptors = 96;

/** At most `wanted`, and what the process's limit on open files leaves. */
export function openFilesLimit(wanted: number, limits = readLimits()): number {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? [];
  if (soft === undefined) return wanted;
  return Math.max(Math.min(wanted, Math.max(Number(soft) - reservedDescriptors, Number(soft) / 4)), 8);
}

function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'latin1');
  } catch {
    return ''; // not Linux, or no /proc: the configured number counts
  }
}

export interface Openable {
  readonly isAttached: boolean;
  detach(): Promise<void>;
}

export class OpenFiles<File extends Openable> {
  readonly limit: number;
  /** In the order of their last use. */
  readonly #open = new Set<File>();

  constructor(limit: number) {
    this.limit = limit;
  }

  get count(): number {
    return this.#open.size;
  }

  used(file: File): void {
    this.#open.delete(file);
    this.#open.add(file);
  }

  forget(file: File): void {
    this.#open.delete(file);
  }

  /** Closes files until there is room for one more. @param mayClose false for those that nobody could open again. */
  async makeRoom(mayClose: (file: File) => boolean): Promise<void> {
    for (const file of this.#open) {
      if (this.#open.size < this.limit) return;
      if (!mayClose(file)) continue;
      this.#open.delete(file);
      await file.detach();
    }
  }
}
