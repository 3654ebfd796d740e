/**
 * What the decoders of posted bodies answer: the entries that could be read, and by name each one that could not.
 */
import type { Entry } from '../../parsers/parser.ts';

export interface Posted {
  readonly entries: readonly PostedEntry[];
  readonly rejected: readonly Rejected[];
}

export interface PostedEntry {
  /** Its place among the entries of the request, from 0. */
  readonly index: number;
  readonly entry: Entry;
  /** Where the entry came from, if it says so itself (a file, an instrumentation scope). */
  readonly source?: string | undefined;
}

/** An entry before its place is known. */
export type ReadEntry = Omit<PostedEntry, 'index'>;

/** An entry of a request that is not stored. */
export interface Rejected {
  /** Its place among the entries of the request, from 0. */
  readonly index: number;
  readonly reason: string;
}

/** The body as a whole is not of its format: nothing of it is stored. */
export class UnreadableBody extends Error {
  override readonly name = 'UnreadableBody';
}

/** An entry longer than this is rejected, as a file's line would be cut. */
export const maxEntryBytes = 1024 * 1024;
