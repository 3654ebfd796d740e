/**
 * At the start: what the store knows and no scan has met, since it was rotated, packed, truncated or deleted since the last run.
 * What is left of it is found and read to its end; what cannot be found is a gap.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { StoredPosition } from '../../record/batch.ts';
import { systemCodeOf } from '../../runtime/errors.ts';
import { sureBirthNs, sureBirthNsOf } from './births.ts';
import type { Continuations } from './continuations.ts';
import type { FileWork } from './file-work.ts';
import type { FileGlobs } from './glob.ts';
import { inodeKey, readEndOf } from './known-generations.ts';
import { lossBehind, quietNs } from './losses.ts';
import { type Neighbour, openNeighbour } from './neighbour.ts';
import type { PackedReadings } from './packed-readings.ts';
import type { RotationSearch } from './rotation-search.ts';

/** So long, and not shorter than `rotate_wait`, is a file looked for again that may be there but could not be asked. */
const doubtMs = 10_000;

export class LostGenerations {
  readonly #work: FileWork;
  readonly #globs: FileGlobs;
  readonly #packed: PackedReadings;
  readonly #continuations: Continuations;
  #lost: readonly StoredPosition[] = [];
  #giveUpAtMs = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(work: FileWork, globs: FileGlobs, packed: PackedReadings, continuations: Continuations) {
    this.#work = work;
    this.#globs = globs;
    this.#packed = packed;
    this.#continuations = continuations;
  }

  /** Behind the first scan. Those of which most was read choose first: what was read of the others says less about which file they are. */
  begin(): void {
    this.#lost = this.#work.known
      .unclaimed()
      .filter(({ path, generation }) => this.#globs.matches(path) && this.#work.followed.takeGeneration(generation))
      .toSorted((a, b) => readEndOf(b) - readEndOf(a));
    this.#giveUpAtMs = this.#work.context.clock.monotonicMs() + Math.max(this.#work.options.rotate_wait, doubtMs);
  }

  /** By every scan: those found are read on; those that are surely in no file any more are gaps. */
  async find(search: RotationSearch): Promise<void> {
    const inDoubt: StoredPosition[] = [];
    for (const position of this.#lost) {
      if (this.#isMetSince(position)) continue;
      const isFound = await this.#find(position, search).catch((error: unknown) => {
        this.#work.report(position.path, `cannot read what became of ${position.path}`, error);
        return isForbidden(error) ? 'forbidden' : null;
      });
      if (isFound === true) continue;
      if (isFound === 'forbidden') {
        inDoubt.push(position); // it is there, and nothing of it is lost
        continue;
      }
      const isOver = this.#work.context.clock.monotonicMs() >= this.#giveUpAtMs;
      if ((isFound === null || search.isInDoubt) && !isOver) inDoubt.push(position);
      else this.#giveUp(position, (await search.byInode(position)) === null ? 'deleted' : 'truncated');
    }
    this.#lost = inDoubt;
  }

  /** Resolves when what is lost has been said. */
  settled(): Promise<void> {
    return this.#writing;
  }

  /** A scan has found it in the globs after all. */
  #isMetSince(position: StoredPosition): boolean {
    return !this.#work.known.unclaimed().includes(position);
  }

  #giveUp(position: StoredPosition, reason: 'deleted' | 'truncated'): void {
    const { path, offset, evidence } = position;
    const ended = { ...position, isEnded: true };
    this.#work.known.forget(position);
    this.#work.remember(ended);
    this.#work.context.logger.warn(
      { path, offset },
      'a followed file is gone since the last run; what was not read of it is lost',
    );
    const gaps = lossBehind(position, offset, evidence?.seen?.bytes ?? 0, reason);
    this.#writing = this.#writing
      .then(() => this.#work.openStream(path).write({ lines: [], position: ended, gaps }))
      .catch((error: unknown) => this.#work.report(path, `cannot say what is lost of ${path}`, error));
  }

  async #find(position: StoredPosition, search: RotationSearch): Promise<boolean> {
    const moved = await search.byInode(position);
    if (moved !== null && !this.#continuations.isTaken(moved) && (await this.#followAt(moved.path, position)))
      return true;
    const copy = await search.byContent(position, (neighbour) => this.#continuations.isTaken(neighbour));
    if (copy === null) return false;
    const original = await search.byInode(position);
    const read = original !== null && isLossy(position, original, copy) ? truncatedBehind(position) : position;
    if (copy.isPacked) this.#packed.begin(copy, read, this.#work.openStream(position.path));
    else await this.#work.followRotated(await openNeighbour(copy), copy.path, read, true);
    this.#work.known.forget(position);
    return true;
  }

  /** By inode, if the content is still the same. */
  async #followAt(path: string, position: StoredPosition): Promise<boolean> {
    const file = await open(path).catch((error: unknown) => {
      if (isForbidden(error)) throw error;
      return null; // gone meanwhile
    });
    if (file === null) return false;
    const isSame = await this.#isSame(file, position);
    if (isSame) await this.#work.followRotated(file, path, position);
    else await file.close(); // the inode has gone to another file
    return isSame;
  }

  async #isSame(file: FileHandle, position: StoredPosition): Promise<boolean> {
    const stat = await file.stat({ bigint: true });
    if (this.#work.followed.isTaken(inodeKey(stat))) return false;
    const claimed = await this.#work.known.claim(file, stat);
    if (claimed !== null && claimed.generation !== position.generation) this.#work.known.add(claimed);
    return claimed?.generation === position.generation;
  }
}

function isForbidden(error: unknown): boolean {
  return ['EACCES', 'EPERM'].includes(systemCodeOf(error) ?? '');
}

/** Whether the original of `copy` may have been written to between the copy and the truncation. */
function isLossy(position: StoredPosition, original: Neighbour, copy: Neighbour): boolean {
  const { seen } = position.evidence ?? {};
  const birthNs = sureBirthNs(original.stat);
  // What packs a file deletes it, and its inode may be used again: only a birth time says that it is still the same.
  if (copy.isPacked) return birthNs !== null && birthNs === sureBirthNsOf(position);
  if (seen === undefined || Number(copy.stat.size) > readEndOf(position)) return true;
  const { birthtimeNs, mtimeNs } = copy.stat;
  return (birthtimeNs === 0n ? mtimeNs : birthtimeNs) - BigInt(seen.writtenNs) < quietNs;
}

function truncatedBehind(position: StoredPosition): StoredPosition {
  const truncatedAtBytes = Math.max(readEndOf(position), position.evidence?.seen?.bytes ?? 0);
  return { ...position, evidence: { ...position.evidence, truncatedAtBytes } };
}
