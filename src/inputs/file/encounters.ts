/**
 * What a file is that a scan finds and nobody follows: ours, no text, known from before, a copy in the making, or new.
 */
import { type BigIntStats, fstatSync, realpathSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { FilePosition, StoredPosition } from '../../record/batch.ts';
import { isAnotherLife } from './births.ts';
import { type Copies, asOriginal, plainLikenessTo } from './copies.ts';
import type { FileWork } from './file-work.ts';
import { matchesFingerprint, readAt, refusalOf } from './fingerprint.ts';
import { inodeKey, readEndOf } from './known-generations.ts';
import { lineStartBefore } from './line-start.ts';
import { markedPrefix } from './marks.ts';
import { isNameOfPacker, originalsOf } from './rotated-names.ts';
import type { Sighting } from './sightings.ts';
import { isBeginningOfRead, isTruncatedCopy } from './truncated-copies.ts';

export class Encounters {
  readonly #work: FileWork;
  readonly #copies: Copies;
  /** Files that were refused, as they were: looked into again once they have changed. */
  readonly #refused = new Map<string, { readonly version: string; readonly reason: string }>();
  /** Files with nothing to read, as they were: met again once they have changed. Most are ended generations, read to their end. */
  readonly #atRest = new Map<string, string>();
  readonly #ownInodes: ReadonlySet<string>;
  #ownPaths: readonly string[] = [];
  /** The newest time a position moved before this run; null on the very first. */
  #checkpointMs: number | null = null;
  #isFirstScan = true;

  constructor(work: FileWork, copies: Copies) {
    this.#work = work;
    this.#copies = copies;
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
    for (const key of this.#refused.keys()) if (!seen.has(key)) this.#refused.delete(key);
    for (const key of this.#atRest.keys()) if (!seen.has(key)) this.#atRest.delete(key);
  }

  /**
   * Known inodes first: what is one must not be taken for a copy of itself by another file's content.
   * @returns the sightings whose inode says nothing.
   */
  async meetKnown(sightings: readonly Sighting[]): Promise<readonly Sighting[]> {
    const others: Sighting[] = [];
    for (const sighting of sightings) {
      if (!this.#isWanted(sighting) || this.#isAtRest(sighting)) continue;
      const isKnown = this.#work.known.hasInode(sighting.stat);
      const isFollowed = isKnown && (await this.#opened(sighting, (file) => this.#followKnown(sighting, file)));
      if (!isFollowed && !this.#isAtRest(sighting)) others.push(sighting);
    }
    return others;
  }

  async meetOthers(sightings: readonly Sighting[]): Promise<void> {
    for (const sighting of sightings) await this.#opened(sighting, (file) => this.#followOther(sighting, file));
  }

  /** Content that replaced other content in place is new, whatever it looks like. Takes the handle over. */
  async followAnew(file: FileHandle, path: string, offset: number): Promise<void> {
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
      this.#work.leftOut.found(path, "it is the daemon's own");
      this.#work.report(path, `${path} is not followed: it is the daemon's own`);
      return false;
    }
    if (followed.isReserved(key)) return false;
    if (followed.isTakenByAnother(key)) {
      this.#work.leftOut.found(path, 'it is followed by another input already; its lines are stored once');
      this.#work.report(path, `${path} is followed by another input already; its lines are stored once`);
      return false;
    }
    const refused = this.#refused.get(key);
    if (refused?.version !== versionOf(stat)) return true;
    this.#work.leftOut.found(path, refused.reason);
    return false;
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
      if (isMissing(error)) return false;
      this.#work.leftOut.foundUnreadable(path, error);
      this.#work.report(path, `cannot read ${path}`, error);
      return false;
    }
  }

  #isAtRest({ key, stat }: Sighting): boolean {
    return this.#atRest.get(key) === versionOf(stat);
  }

  async #followKnown(sighting: Sighting, file: FileHandle): Promise<boolean> {
    const { path, key } = sighting;
    const stat = await file.stat({ bigint: true });
    if (inodeKey(stat) !== key) return false; // replaced since the scan: the next one meets it
    const known = await this.#work.known.claim(file, stat);
    if (known === null) return false;
    if (known.isEnded && known.offset >= Number(stat.size)) {
      this.#work.known.add(known);
      this.#atRest.set(key, versionOf(sighting.stat));
      return false;
    }
    const head = await readAt(file, 0, this.#work.options.fingerprint_bytes);
    await this.#follow(file, stat, { ...known, path }, head);
    return true;
  }

  async #followOther(sighting: Sighting, file: FileHandle): Promise<boolean> {
    const { path, key } = sighting;
    const { known, options, context } = this.#work;
    const stat = await file.stat({ bigint: true });
    if (inodeKey(stat) !== key) return false;
    const head = await readAt(file, 0, options.fingerprint_bytes);
    // A packer makes its file before it writes: what comes will be no lines, and is met then.
    if (head.length === 0 && isNameOfPacker(path)) {
      this.#atRest.set(key, versionOf(stat));
      return false;
    }
    const sameContent = await known.claimByContent(file, path, stat, head);
    if (sameContent !== null) {
      await this.#follow(file, stat, { ...sameContent, path }, head);
      return true;
    }
    if (await this.#isCopyUnderWay(sighting, stat, file, head)) return false;
    if (await this.#isReadAlready(path, stat, file, head)) {
      this.#atRest.set(key, versionOf(stat));
      return false;
    }
    const isDecoded = options.encoding === 'utf-16le' || options.encoding === 'utf-16be';
    const refusal = isDecoded ? null : refusalOf(head);
    if (refusal !== null) {
      this.#refused.set(key, { version: versionOf(stat), reason: refusal });
      this.#work.leftOut.found(path, refusal);
      this.#work.report(path, `${path} is not followed: ${refusal}`);
      context.metrics.inputErrors.inc({ input: context.name, code: 'not_text' });
      return false;
    }
    const kept = await this.#keptWhileStopped(file, stat, head);
    const offset = this.#isSkipped(stat) ? await this.#work.endOf(file, stat, head) : kept;
    const followed = await this.#follow(file, stat, this.#work.newGeneration(path, stat, head, offset), head);
    // That its beginning was passed over must be remembered from the start.
    if (offset > 0) followed?.tail.moveTo({ path });
    return true;
  }

  async #follow(file: FileHandle, stat: BigIntStats, position: FilePosition, head: Buffer) {
    const realPath = realPathOf(position.path);
    const { realPath: _before, ...evidence } = position.evidence ?? {};
    const now = { ...evidence, ...(realPath === position.path ? {} : { realPath }) };
    const followed = await this.#work.follow(file, stat, { ...position, evidence: now }, head);
    if (followed !== null && this.#work.isRotatedHere(position.path)) {
      followed.renamedAtMs = this.#work.context.clock.monotonicMs();
    }
    return followed;
  }

  /** Cut to a shorter length while nobody looked: as much as the marks of what was read say is still there, in whole lines. */
  async #keptWhileStopped(file: FileHandle, stat: BigIntStats, head: Buffer): Promise<number> {
    const size = Number(stat.size);
    for (const position of this.#work.known.ofInode(stat)) {
      if (readEndOf(position) <= size || isAnotherLife(stat, position.evidence)) continue;
      const prefix = await markedPrefix(file, position.evidence?.marks ?? [], size);
      if (prefix > 0 && (await matchesFingerprint(file, position))) {
        return lineStartBefore(file, prefix, this.#work.encodingOf(head));
      }
    }
    return 0;
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
  async #isCopyUnderWay({ path, key }: Sighting, stat: BigIntStats, file: FileHandle, head: Buffer): Promise<boolean> {
    for (const original of originalsOf(path)) {
      const tail = this.#work.followed.at(original)?.tail;
      if (tail === undefined || head.length === 0) continue;
      const bytes = Math.min(head.length, tail.head.length);
      if (!head.subarray(0, bytes).equals(tail.head.subarray(0, bytes))) continue;
      const likeness = await asOriginal(tail, (readOriginal) => plainLikenessTo(readOriginal, file, Number(stat.size)));
      // When it is open, the original has been truncated already, and its reader will notice.
      if (likeness !== 'other') return !this.#copies.hasStoodStill(key, stat.size);
    }
    return false;
  }

  /** The copy of a copytruncate that we met too late: its original was read beyond it, and is truncated by now. */
  async #isReadAlready(path: string, stat: BigIntStats, file: FileHandle, head: Buffer): Promise<boolean> {
    for (const original of originalsOf(path)) {
      if (this.#work.followed.at(original) === undefined || !(await isTruncatedCopy(stat, original))) continue;
      if (await isBeginningOfRead(this.#work, file, Number(stat.size), head)) return true;
    }
    return false;
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
