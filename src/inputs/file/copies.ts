/**
 * Tells a file that is the beginning of another one, a copy in the making or one made earlier, from a file of its own that begins
 * alike. Which of the two a short file is may be open until it has grown or stood still.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { FilePosition } from '../../record/batch.ts';
import type { Clock } from '../../runtime/clock.ts';
import { placeOf } from './file-work.ts';
import { readAt } from './fingerprint.ts';
import { type Neighbour, openNeighbour, openPacked } from './neighbour.ts';
import { type RotationSearch, holds } from './rotation-search.ts';
import type { Tail } from './tail.ts';

/** How long a file that is as yet the beginning of another may stand still until it counts as a file of its own. */
const copyQuietMs = 5000;
const sampleBytes = 4096;

/**
 * `same`: as far as it goes it is the other's beginning. `other`: it is not. `open`: the other cannot be asked, since it has been
 * truncated or is gone, or the file itself is not packed to its end.
 */
export type Likeness = 'same' | 'other' | 'open';

/** Bytes of the file that another one is held against; fewer where it ends, null when it cannot be read any more. */
export type ReadOriginal = (offset: number, length: number) => Promise<Buffer | null>;

export class Copies {
  readonly #clock: Clock;
  /** Since when they have had this size, and whether this scan has asked. */
  readonly #suspects = new Map<string, { size: bigint; sinceMs: number; isAsked: boolean }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True once the file has had this size for `copyQuietMs`, from the first time this was asked. */
  hasStoodStill(key: string, size: bigint): boolean {
    const nowMs = this.#clock.monotonicMs();
    const before = this.#suspects.get(key);
    const sinceMs = before?.size === size ? before.sinceMs : nowMs;
    this.#suspects.set(key, { size, sinceMs, isAsked: true });
    return nowMs - sinceMs >= copyQuietMs;
  }

  /** Behind each scan: those that nobody has asked for are forgotten. */
  endScan(): void {
    for (const [key, suspect] of this.#suspects) {
      if (!suspect.isAsked) this.#suspects.delete(key);
      suspect.isAsked = false;
    }
  }
}

/** The file against what `tail` reads. */
export async function likenessToTail(neighbour: Neighbour, tail: Tail): Promise<Likeness> {
  return asOriginal(tail, (readOriginal) => likenessTo(neighbour, readOriginal));
}

/** The file against what a generation was read from, if that is still on disk. */
export async function likenessToKnown(
  neighbour: Neighbour,
  position: FilePosition,
  search: RotationSearch,
): Promise<Likeness> {
  const isItself = ({ path }: Neighbour): boolean => path === neighbour.path;
  const moved = await search.byInode(position);
  const original =
    moved !== null && !isItself(moved) && (await holds(moved, position))
      ? moved
      : await search.byContent(position, isItself);
  if (original === null || (original.isPacked && neighbour.isPacked)) return 'open';
  try {
    if (!original.isPacked) {
      await using file = await openNeighbour(original);
      return await likenessTo(neighbour, (offset, length) => readAt(file, offset, length));
    }
    await using file = await openNeighbour(neighbour);
    return await packedLikenessTo((offset, length) => readAt(file, offset, length), original, neighbour.stat.size);
  } catch {
    return 'open'; // gone meanwhile
  }
}

async function likenessTo(neighbour: Neighbour, readOriginal: ReadOriginal): Promise<Likeness> {
  if (neighbour.isPacked) return packedLikenessTo(readOriginal, neighbour);
  await using file = await openNeighbour(neighbour);
  return await plainLikenessTo(readOriginal, file, Number(neighbour.stat.size)); // before the file is closed
}

/** By samples: copies of many gigabytes are looked at while they grow. */
export async function plainLikenessTo(readOriginal: ReadOriginal, file: FileHandle, size: number): Promise<Likeness> {
  for (const at of new Set([0, Math.floor(size / 2), Math.max(0, size - sampleBytes)])) {
    const wanted = Math.min(sampleBytes, size - at);
    const [ours, theirs] = [await readAt(file, at, wanted), await readOriginal(at, wanted)];
    if (theirs === null) return 'open';
    if (!ours.equals(theirs)) return 'other';
  }
  return size === 0 ? 'other' : 'same';
}

/** The first `limit` bytes of the unpacked content of the file, or all of it. */
async function packedLikenessTo(readOriginal: ReadOriginal, neighbour: Neighbour, limit?: bigint): Promise<Likeness> {
  const wanted = limit === undefined ? Infinity : Number(limit);
  try {
    await using whole = await openPacked(neighbour);
    let end = 0;
    for await (const chunk of whole.content() as AsyncIterable<Buffer>) {
      const ours = chunk.subarray(0, wanted - end);
      const theirs = await readOriginal(end, ours.length);
      if (theirs === null) return 'open';
      if (!ours.equals(theirs)) return 'other';
      end += ours.length;
      if (end >= wanted) break;
    }
    return end > 0 ? 'same' : 'other';
  } catch {
    return 'open'; // not packed to its end, or gone
  }
}

/** Asks what `tail` reads, through its descriptor or from where it can be opened; `open` when that is not what was read before. */
export async function asOriginal(
  tail: Tail,
  ask: (readOriginal: ReadOriginal) => Promise<Likeness>,
): Promise<Likeness> {
  try {
    if (tail.isAttached) {
      const readOriginal: ReadOriginal = (offset, length) => tail.readBack(offset, length);
      return (await isUnchanged(tail, readOriginal)) ? await ask(readOriginal) : 'open';
    }
    await using file = await open(placeOf(tail.position));
    const readOriginal: ReadOriginal = (offset, length) => readAt(file, offset, length);
    return (await isUnchanged(tail, readOriginal)) ? await ask(readOriginal) : 'open';
  } catch {
    return 'open'; // gone meanwhile
  }
}

/** Not truncated since, as far as the first and the last byte read say. */
async function isUnchanged(tail: Tail, readOriginal: ReadOriginal): Promise<boolean> {
  const last = await readOriginal(Math.max(0, tail.readOffset - 1), 1);
  const head = await readOriginal(0, tail.head.length);
  return (tail.readOffset === 0 || last?.length === 1) && head?.equals(tail.head) === true;
}
