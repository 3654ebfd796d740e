/**
 * Files that were at a followed path and rotated away before anybody looked: between two scans, or while we were stopped. They are
 * looked for behind each generation that has lost its path, for as long as a rotation may be under way, and read from their beginning.
 *
 * What is found is something known, a copy of something known, something unseen, or not to be told yet: then the next scan decides.
 */
import type { FilePosition, StoredPosition } from '../../record/batch.ts';
import type { Continuations } from './continuations.ts';
import { type Copies, likenessToKnown, likenessToTail } from './copies.ts';
import type { FileWork } from './file-work.ts';
import { packingOf, readAt } from './fingerprint.ts';
import type { FileGlobs } from './glob.ts';
import { KnownGenerations, inodeKey, isRepetitive, tellingBytes } from './known-generations.ts';
import type { PackedReadings } from './packed-readings.ts';
import { packedHead, unpacks } from './packed-rest.ts';
import { type Neighbour, openNeighbour, versionOf } from './neighbour.ts';
import { type RotationSearch, holds } from './rotation-search.ts';
import { isBeginningOfRead, isTruncatedCopy } from './truncated-copies.ts';

/** What rotated so shortly before the last run ended may not have been decided then. */
const undecidedMs = 600_000;
const maxSettled = 10_000;

/** A generation that has lost its path. */
interface Anchor {
  readonly before: FilePosition;
  readonly lastWrittenNs: bigint;
  /** Until when files that came after it are looked for (monotonic). */
  untilMs: number;
}

type Verdict = 'known' | 'unseen' | 'open';

export class UnseenFiles {
  readonly #work: FileWork;
  readonly #globs: FileGlobs;
  readonly #packed: PackedReadings;
  readonly #continuations: Continuations;
  readonly #copies: Copies;
  readonly #anchors = new Map<string, Anchor>();
  /** Versions of files that are known for good. */
  readonly #settled = new Set<string>();

  constructor(work: FileWork, globs: FileGlobs, packed: PackedReadings, continuations: Continuations, copies: Copies) {
    this.#work = work;
    this.#globs = globs;
    this.#packed = packed;
    this.#continuations = continuations;
    this.#copies = copies;
  }

  /** The generation has lost its path: files that were there after it are looked for from now on. */
  expectAfter(before: FilePosition, lastWrittenNs: bigint): void {
    const untilMs = this.#work.context.clock.monotonicMs() + this.#work.options.rotate_wait;
    const anchor = this.#anchors.get(before.generation);
    if (anchor === undefined) this.#anchors.set(before.generation, { before, lastWrittenNs, untilMs });
    else anchor.untilMs = untilMs;
  }

  /** At the start, behind the first scan: paths whose newest generation is not there any more, or has come but lately. */
  expectSinceLastRun(positions: readonly StoredPosition[]): void {
    const lastMoveMs = positions.reduce((newest, { updatedAt }) => Math.max(newest, Date.parse(updatedAt)), 0);
    const sinceMs = lastMoveMs - undecidedMs;
    for (const [path, generations] of Map.groupBy(positions, (position) => position.path)) {
      const newest = generations.at(-1);
      if (newest === undefined || !this.#globs.matches(path)) continue;
      const isThere = this.#work.followed.at(path)?.tail.position.generation === newest.generation;
      if (isThere && (generations.length === 1 || !isBornAfter(newest, sinceMs))) continue;
      const before = generations.findLast(({ updatedAt }) => Date.parse(updatedAt) <= sinceMs) ?? generations[0];
      if (before !== undefined) this.expectAfter(before, lastWrittenNsOf(before));
    }
  }

  /** Behind each scan: everything that the globs name has been met. */
  async look(search: RotationSearch): Promise<void> {
    if (this.#settled.size > maxSettled) this.#settled.clear();
    for (const [generation, { before, lastWrittenNs, untilMs }] of this.#anchors) {
      let isOpen = false;
      for (const neighbour of await search.successors(before, lastWrittenNs)) {
        if (this.#settled.has(versionOf(neighbour)) || this.#continuations.isTaken(neighbour)) continue;
        if (this.#globs.isExcluded(neighbour.path)) continue;
        if (!neighbour.isPacked && this.#globs.matches(neighbour.path)) continue; // the scan meets it
        const verdict = await this.#verdictOn(before.path, neighbour, search);
        if (verdict === 'open') isOpen = true;
        if (verdict === 'unseen' && !(await this.#read(before.path, neighbour))) isOpen = true;
      }
      if (!isOpen && this.#work.context.clock.monotonicMs() >= untilMs) this.#anchors.delete(generation);
    }
  }

  async #verdictOn(path: string, neighbour: Neighbour, search: RotationSearch): Promise<Verdict> {
    const head = await headOf(neighbour, this.#work.options.fingerprint_bytes).catch(() => null);
    if (head === null) return this.#onceStoodStill(neighbour, () => this.#giveUp(neighbour));
    if (head.length === 0) return 'known'; // nothing that could be read
    // Being packed, under a name of its own until it is whole. Not settled: what it is called then says what it is.
    if (!neighbour.isPacked && packingOf(head) !== null) return this.#onceStoodStill(neighbour, () => 'known');
    const tails = [...this.#work.followed].map(({ tail }) => tail).filter((tail) => isAlike(tail.head, head));
    const alike = this.#work.known.withHead(head);
    const known = alike.filter(({ offset }) => offset > 0);
    for (const tail of tails) if (tail.readOffset > 0 && (await holds(neighbour, tail.identity))) return 'known';
    for (const position of known) if (await holds(neighbour, position)) return this.#settle(neighbour);
    if (this.#isBeingRead(head)) return 'open';
    if (await this.#isReadAlready(path, neighbour, head)) return this.#settle(neighbour);
    // What is known by an unfinished line only may be looking for this very file.
    const isWantedByOther = alike.some(({ offset, isEnded }) => offset === 0 && !isEnded);
    const isSuspect = neighbour.isPacked
      ? tails.length + known.length > 0 && !(await unpacks(neighbour))
      : head.length < this.#work.options.fingerprint_bytes;
    if (isSuspect && neighbour.isPacked) return this.#onceStoodStill(neighbour, () => this.#giveUp(neighbour));
    const likenesses = [
      ...(await mapInTurn(tails, (tail) => likenessToTail(neighbour, tail))),
      ...(await mapInTurn(known, (position) => likenessToKnown(neighbour, position, search))),
    ];
    if (likenesses.includes('same') && head.length >= tellingBytes && !isRepetitive(head))
      return this.#settle(neighbour);
    const isOther = likenesses.every((likeness) => likeness === 'other');
    return isOther && !isSuspect && !isWantedByOther ? 'unseen' : this.#onceStoodStill(neighbour, () => 'unseen');
  }

  /** False when it is gone meanwhile, or packed. */
  async #isReadAlready(path: string, neighbour: Neighbour, head: Buffer): Promise<boolean> {
    if (!(await this.#isTruncatedCopy(path, neighbour))) return false;
    try {
      await using file = await openNeighbour(neighbour);
      return await isBeginningOfRead(this.#work, file, Number(neighbour.stat.size), head);
    } catch {
      return false;
    }
  }

  async #isTruncatedCopy(path: string, { stat, isPacked }: Neighbour): Promise<boolean> {
    return !isPacked && isTruncatedCopy(stat, path);
  }

  #onceStoodStill(neighbour: Neighbour, decide: () => Verdict): Verdict {
    const { stat } = neighbour;
    return this.#copies.hasStoodStill(inodeKey(stat), stat.size) ? decide() : 'open';
  }

  #settle(neighbour: Neighbour): Verdict {
    this.#settled.add(versionOf(neighbour));
    return 'known';
  }

  #giveUp(neighbour: Neighbour): Verdict {
    this.#work.report(neighbour.path, `${neighbour.path} cannot be read to its end; what it holds may not be stored`);
    return this.#settle(neighbour);
  }

  /** Whether the file may be one of a generation that is being read from a packed file: known when that is over. */
  #isBeingRead(head: Buffer): boolean {
    const positions = this.#packed.positions();
    const isShorter = positions.some(({ fingerprintBytes }) => fingerprintBytes > head.length);
    return isShorter || new KnownGenerations(positions).withHead(head).length > 0;
  }

  /** @returns false when it has gone from its path meanwhile. */
  async #read(path: string, neighbour: Neighbour): Promise<boolean> {
    try {
      const head = await headOf(neighbour, this.#work.options.fingerprint_bytes);
      const known = this.#work.newGeneration(path, neighbour.stat, head, 0);
      const isCopy = await this.#isTruncatedCopy(path, neighbour);
      const position = isCopy ? { ...known, evidence: { ...known.evidence, truncatedAtBytes: 0 } } : known;
      this.#work.context.logger.info({ path: neighbour.path }, 'a file that rotated away unseen is read');
      if (neighbour.isPacked) this.#packed.begin(neighbour, position, this.#work.openStream(path));
      else await this.#work.followRotated(await openNeighbour(neighbour), neighbour.path, position, isCopy);
      return true;
    } catch (error) {
      this.#work.report(neighbour.path, `cannot read ${neighbour.path}`, error);
      return false;
    }
  }
}

/** When the store was told says less: a reader that is late tells it of files that were written, and rotated away, long before. */
function lastWrittenNsOf({ evidence, updatedAt }: StoredPosition): bigint {
  return evidence?.seen === undefined ? BigInt(Date.parse(updatedAt)) * 1_000_000n : BigInt(evidence.seen.writtenNs);
}

function isBornAfter({ evidence }: FilePosition, sinceMs: number): boolean {
  return evidence?.birthNs === undefined || Number(BigInt(evidence.birthNs) / 1_000_000n) > sinceMs;
}

/** As far as both go. */
function isAlike(head: Buffer, other: Buffer): boolean {
  const bytes = Math.min(head.length, other.length);
  return bytes > 0 && head.subarray(0, bytes).equals(other.subarray(0, bytes));
}

async function headOf(neighbour: Neighbour, bytes: number): Promise<Buffer> {
  if (neighbour.isPacked) return packedHead(neighbour, bytes);
  await using file = await openNeighbour(neighbour);
  return await readAt(file, 0, bytes);
}

async function mapInTurn<From, To>(all: readonly From[], map: (one: From) => Promise<To>): Promise<readonly To[]> {
  const mapped: To[] = [];
  for (const one of all) mapped.push(await map(one));
  return mapped;
}
