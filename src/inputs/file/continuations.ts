/**
 * A generation goes on in another file: under a name out of the globs, in a copytruncate's copy, packed. What was read of it is
 * found there and the rest is read; what cannot be found was read to its end, as far as anybody knows.
 */
import { birthOf } from './births.ts';
import type { FileWork } from './file-work.ts';
import type { Followed } from './followed-files.ts';
import { inodeKey } from './known-generations.ts';
import { type Neighbour, openNeighbour } from './neighbour.ts';
import type { PackedReadings } from './packed-readings.ts';
import type { RotationSearch } from './rotation-search.ts';

/** So long is a file looked for again that may be there but could not be asked. */
const doubtMs = 10_000;

export class Continuations {
  readonly #work: FileWork;
  readonly #packed: PackedReadings;

  constructor(work: FileWork, packed: PackedReadings) {
    this.#work = work;
    this.#packed = packed;
  }

  isTaken(neighbour: Neighbour): boolean {
    return this.#work.followed.isTaken(inodeKey(neighbour.stat)) || this.#packed.isReading(neighbour);
  }

  /** A file that holds all that was read of `followed` and that nobody reads; null when there is none. */
  copyOf({ tail }: Followed, search: RotationSearch): Promise<Neighbour | null> {
    return search.byContent(tail.identity, (neighbour) => this.isTaken(neighbour));
  }

  /**
   * The file of a followed generation is in no path any more and not open. Its continuation is looked for; without one it is over,
   * and what was seen of it but not read is lost.
   */
  async closedAndGone(followed: Followed, search: RotationSearch): Promise<void> {
    const { tail } = followed;
    const moved = await search.byInode(tail.position);
    if (moved !== null && !this.#work.followed.isTakenByAnother(inodeKey(moved.stat))) {
      tail.moveTo({ realPath: moved.path });
      this.#work.loop.wake(followed);
      return;
    }
    const copy = await this.copyOf(followed, search);
    if (copy !== null && (await this.goOnIn(followed, copy))) return;
    const lostForMs = this.#work.context.clock.monotonicMs() - (followed.rotatedAtMs ?? 0);
    if (search.isInDoubt && lostForMs < doubtMs) return; // the next scan sees more
    followed.ending = 'drop';
    this.#work.loop.wake(followed);
  }

  /**
   * The rest is read from `copy` from now on.
   *
   * @returns false when `copy` has come to be followed.
   */
  async goOnIn(followed: Followed, copy: Neighbour): Promise<boolean> {
    if (copy.isPacked) {
      const stream = this.#work.streamOf(followed.tail);
      await this.#work.letGo(followed);
      this.#packed.begin(copy, followed.tail.position, stream);
      return true;
    }
    const { tail } = followed;
    const file = await openNeighbour(copy);
    const stat = await file.stat({ bigint: true });
    if (this.#work.followed.isTaken(inodeKey(stat))) {
      await file.close();
      return false;
    }
    followed.rotatedAtMs = this.#work.context.clock.monotonicMs();
    this.#work.followed.changeKey(followed, inodeKey(stat));
    await tail.detach();
    tail.moveTo({
      device: String(stat.dev),
      inode: String(stat.ino),
      realPath: copy.path,
      birthNs: birthOf(stat).birthNs ?? null,
    });
    await this.#work.attach(followed, file);
    followed.size = stat.size;
    followed.isCopy = true;
    followed.ending = 'finish';
    this.#work.loop.wake(followed);
    return true;
  }
}
