/**
 * At the start: what the store knows and no scan has met, since it was rotated, packed, truncated or deleted since the last run.
 * What is left of it is found and read to its end; what cannot be found is a gap.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { Gap, StoredPosition } from '../../record/batch.ts';
import type { Continuations } from './continuations.ts';
import type { FileWork } from './file-work.ts';
import type { FileGlobs } from './glob.ts';
import { inodeKey } from './known-generations.ts';
import type { PackedReadings } from './packed-readings.ts';
import type { RotationSearch } from './rotation-search.ts';

export class LostGenerations {
  readonly #work: FileWork;
  readonly #globs: FileGlobs;
  readonly #packed: PackedReadings;
  readonly #continuations: Continuations;

  constructor(work: FileWork, globs: FileGlobs, packed: PackedReadings, continuations: Continuations) {
    this.#work = work;
    this.#globs = globs;
    this.#packed = packed;
    this.#continuations = continuations;
  }

  /**
   * Those of which most was read choose first: what was read of the others says less about which file they are.
   *
   * @returns those that are in no file any more.
   */
  async find(search: RotationSearch): Promise<readonly StoredPosition[]> {
    const lost = this.#work.known
      .unclaimed()
      .filter(({ path, generation }) => this.#globs.matches(path) && this.#work.followed.takeGeneration(generation))
      .toSorted((a, b) => readEndOf(b) - readEndOf(a));
    const gone: StoredPosition[] = [];
    for (const position of lost) if (!(await this.#find(position, search))) gone.push(position);
    return gone;
  }

  /** Says of a generation that is in no file any more what is lost. */
  async writeGap(position: StoredPosition): Promise<void> {
    const { generation, path, offset } = position;
    this.#work.context.logger.warn(
      { path, offset },
      'a followed file is gone since the last run; what was not read of it is lost',
    );
    const gap: Gap = { generation, path, startOffset: offset, endOffset: null, reason: 'deleted' };
    await this.#work.openStream(path).write({ lines: [], position: { ...position, isEnded: true }, gaps: [gap] });
  }

  async #find(position: StoredPosition, search: RotationSearch): Promise<boolean> {
    const moved = await search.byInode(position);
    if (moved !== null && !this.#continuations.isTaken(moved) && (await this.#followAt(moved.path, position)))
      return true;
    const copy = await search.byContent(position, (neighbour) => this.#continuations.isTaken(neighbour));
    this.#work.known.forget(position);
    if (copy === null) return false;
    if (copy.isPacked) this.#packed.begin(copy, position, this.#work.openStream(position.path));
    else await this.#work.followRotated(await open(copy.path), copy.path, position);
    return true;
  }

  /** By inode, if the content is still the same. */
  async #followAt(path: string, position: StoredPosition): Promise<boolean> {
    const file = await open(path).catch(() => null);
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

function readEndOf({ offset, evidence }: StoredPosition): number {
  return Math.max(offset, evidence?.check?.end ?? 0);
}
