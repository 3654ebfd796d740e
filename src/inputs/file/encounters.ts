/**
 * What a file is that a scan finds and nobody follows: ours, no text, known from before, a copy in the making, or new.
 */
import { type BigIntStats, fstatSync, realpathSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { FilePosition, StoredPosition } from '../../record/batch.ts';
import { type FileWork, placeOf } from './file-work.ts';
import { readAt, refusalOf } from './fingerprint.ts';
import { inodeKey } from './known-generations.ts';
import { originalsOf } from './rotated-names.ts';
import type { Tail } from './tail.ts';

/** A path that a scan found, and what was there. */
export interface Sighting {
  readonly path: string;
  readonly key: string;
  readonly stat: BigIntStats;
}

/** How long a file that is as yet the beginning of another may stand still until it counts as a file of its own. */
const copyQuietMs = 5000;
const sampleBytes = 4096;

export class Encounters {
  readonly #work: FileWork;
  /** Files that look like a copytruncate's copy under way: since when they have had this size. */
  readonly #suspects = new Map<string, { readonly size: bigint; readonly sinceMs: number }>();
  /** Files that were refused, as they were: looked into again once they have changed. */
  readonly #refused = new Map<string, string>();
  readonly #ownInodes: ReadonlySet<string>;
  #ownPaths: readonly string[] = [];
  /** The newest time a position moved before this run; null on the very first. */
  #checkpointMs: number | null = null;
  #isFirstScan = true;

  constructor(work: FileWork) {
    this.#work = work;
    this.#ownInodes = new Set([1, 2].flatMap(ownOutput));
  }

  startFrom(positions: readonly StoredPosition[]): void {
    this.#ownPaths = this.#work.context.ownPaths.map(realPathOf);
    const times = positions.map(({ updatedAt }) => Date.parse(updatedAt)).filter(Number.isFinite);
    this.#checkpointMs = times.length === 0 ? null : times.reduce((a, b) => Math.max(a, b));
  }

  /** Called behind each scan: files that come from now on have come while we watched. */
  endScan(seen: ReadonlySet<string>): void {
    this.#isFirstScan = false;
    for (const key of this.#suspects.keys()) if (!seen.has(key)) this.#suspects.delete(key);
    for (const key of this.#refused.keys()) if (!seen.has(key)) this.#refused.delete(key);
  }

  /**
   * Known inodes first: what is one must not be taken for a copy of itself by another file's content.
   * @returns the sightings whose inode says nothing.
   */
  async meetKnown(sightings: readonly Sighting[]): Promise<readonly Sighting[]> {
    const others: Sighting[] = [];
    for (const sighting of sightings) {
      if (!this.#isWanted(sighting)) continue;
      const isKnown = this.#work.known.hasInode(sighting.stat);
      if (!isKnown || !(await this.#opened(sighting, (file) => this.#followKnown(sighting, file))))
        others.push(sighting);
    }
    return others;
  }

  async meetOthers(sightings: readonly Sighting[]): Promise<void> {
    for (const sighting of sightings) await this.#opened(sighting, (file) => this.#followOther(sighting, file));
  }

  /** Content that replaced other content in place is new, whatever it looks like. */
  async followAnew(path: string, offset = 0): Promise<void> {
    const file = await open(path);
    try {
      const stat = await file.stat({ bigint: true });
      const head = await readAt(file, 0, this.#work.options.fingerprint_bytes);
      await this.#follow(file, stat, this.#work.newGeneration(path, stat, head, offset), head);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  #isWanted({ path, key, stat }: Sighting): boolean {
    const { followed } = this.#work;
    if (this.#isOwn(path, key)) {
      this.#work.report(path, `${path} is not followed: it is the daemon's own`);
      return false;
    }
    if (followed.isReserved(key)) return false;
    if (followed.isTakenByAnother(key)) {
      this.#work.report(path, `${path} is followed by another input already; its lines are stored once`);
      return false;
    }
    return this.#refused.get(key) !== versionOf(stat);
  }

  /** Written by ourselves, in the data directory or to standard output and error: reading it would make more of it. */
  #isOwn(path: string, key: string): boolean {
    if (this.#ownInodes.has(key)) return true;
    const real = realPathOf(path);
    return this.#ownPaths.some((own) => real === own || real.startsWith(`${own}/`));
  }

  /** @returns what `decide` says: true when it has taken the handle over. */
  async #opened({ path }: Sighting, decide: (file: FileHandle) => Promise<boolean>): Promise<boolean> {
    try {
      await this.#work.openFiles.makeRoom(() => true);
      const file = await open(path);
      let isTaken = false;
      try {
        isTaken = await decide(file);
      } finally {
        if (!isTaken) await file.close();
      }
      return isTaken;
    } catch (error) {
      if (!isMissing(error)) this.#work.report(path, `cannot read ${path}`, error);
      return false;
    }
  }

  async #followKnown({ path, key }: Sighting, file: FileHandle): Promise<boolean> {
    const stat = await file.stat({ bigint: true });
    if (inodeKey(stat) !== key) return false; // replaced since the scan: the next one meets it
    const known = await this.#work.known.claim(file, stat);
    if (known === null) return false;
    const head = await readAt(file, 0, this.#work.options.fingerprint_bytes);
    await this.#follow(file, stat, { ...known, path }, head);
    return true;
  }

  async #followOther({ path, key }: Sighting, file: FileHandle): Promise<boolean> {
    const { known, options, context } = this.#work;
    const stat = await file.stat({ bigint: true });
    if (inodeKey(stat) !== key) return false;
    const head = await readAt(file, 0, options.fingerprint_bytes);
    const sameContent = await known.claimByContent(file, path, stat, head);
    if (sameContent !== null) {
      await this.#follow(file, stat, { ...sameContent, path }, head);
      return true;
    }
    if (await this.#isCopyUnderWay(path, key, stat, file)) return false;
    const isDecoded = options.encoding === 'utf-16le' || options.encoding === 'utf-16be';
    const refusal = isDecoded ? null : refusalOf(head);
    if (refusal !== null) {
      this.#refused.set(key, versionOf(stat));
      this.#work.report(path, `${path} is not followed: ${refusal}`);
      context.metrics.inputErrors.inc({ input: 'file', code: 'not_text' });
      return false;
    }
    const offset = this.#isSkipped(stat) ? await this.#work.endOf(file, stat, head) : 0;
    const followed = await this.#follow(file, stat, this.#work.newGeneration(path, stat, head, offset), head);
    if (followed !== null && this.#work.isRotatedHere(path)) {
      followed.renamedAtMs = this.#work.context.clock.monotonicMs();
    }
    // That its beginning was passed over must be remembered from the start.
    if (offset > 0) followed?.tail.moveTo({ path });
    return true;
  }

  async #follow(file: FileHandle, stat: BigIntStats, position: FilePosition, head: Buffer) {
    const realPath = realPathOf(position.path);
    const { realPath: _before, ...evidence } = position.evidence ?? {};
    const now = { ...evidence, ...(realPath === position.path ? {} : { realPath }) };
    return this.#work.follow(file, stat, { ...position, evidence: now }, head);
  }

  #isSkipped(stat: BigIntStats): boolean {
    const { from, ignore_older } = this.#work.options;
    const writtenMs = Number(stat.mtimeMs);
    if (ignore_older !== undefined && this.#work.context.clock.nowMs() - writtenMs > ignore_older) return true;
    if (!this.#isFirstScan || from === 'beginning') return false;
    return from === 'end' || this.#checkpointMs === null || writtenMs < this.#checkpointMs;
  }

  /**
   * `cp app.log app.log.1` has begun and the truncation will follow: read now, every line would be there twice. Once the original
   * is truncated the copy is found by its content; a file that stays as it is, or says something else, is one of its own.
   */
  async #isCopyUnderWay(path: string, key: string, stat: BigIntStats, file: FileHandle): Promise<boolean> {
    const nowMs = this.#work.context.clock.monotonicMs();
    const before = this.#suspects.get(key);
    if (before?.size === stat.size && nowMs - before.sinceMs >= copyQuietMs) return false;
    for (const original of originalsOf(path)) {
      const tail = this.#work.followed.at(original)?.tail;
      if (tail === undefined || !(await isBeginningOf(file, Number(stat.size), tail))) continue;
      if (before?.size !== stat.size) this.#suspects.set(key, { size: stat.size, sinceMs: nowMs });
      return true;
    }
    return false;
  }
}

/** True when the file of `size` bytes may be a copy of what `tail` reads, as far as it goes. */
async function isBeginningOf(file: FileHandle, size: number, tail: Tail): Promise<boolean> {
  const ownHead = await readAt(file, 0, Math.min(size, tail.head.length));
  if (size === 0 || !ownHead.equals(tail.head.subarray(0, ownHead.length))) return false;
  try {
    await using original = await open(placeOf(tail.position));
    const stat = await original.stat();
    const originalHead = await readAt(original, 0, ownHead.length);
    if (stat.size < tail.readOffset || !originalHead.equals(ownHead)) return true; // truncated already; the reader will notice
    for (const at of [Math.floor(size / 2), Math.max(0, size - sampleBytes)]) {
      const wanted = Math.min(sampleBytes, size - at);
      const [ours, theirs] = [await readAt(file, at, wanted), await readAt(original, at, wanted)];
      if (!ours.equals(theirs)) return false;
    }
    return true;
  } catch {
    return false; // the original is gone: the next scan knows more
  }
}

function versionOf({ size, mtimeNs }: BigIntStats): string {
  return `${size}:${mtimeNs}`;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** The path behind symbolic links; the path itself when it cannot be followed. */
export function realPathOf(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}

/** The file that standard output or error goes to, if it is one. */
function ownOutput(descriptor: number): string[] {
  try {
    const stat = fstatSync(descriptor, { bigint: true });
    return stat.isFile() ? [inodeKey(stat)] : [];
  } catch {
    return []; // closed
  }
}
