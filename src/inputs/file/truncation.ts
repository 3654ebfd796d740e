/**
 * A followed file was truncated: its content was replaced in place. What was read and is still there goes on; else the rest of the
 * old content is looked for in a copy (copytruncate), and what is in none is a gap. The new content is read from its beginning, if the
 * file is still at its path; one that has a rotated name is met anew, since it may be the copy of another.
 */
import type { FileHandle } from 'node:fs/promises';
import type { Continuations } from './continuations.ts';
import type { Encounters } from './encounters.ts';
import type { FileWork } from './file-work.ts';
import type { Followed } from './followed-files.ts';
import { inodeKey } from './known-generations.ts';
import { quietNs, seenLoss } from './losses.ts';
import type { Neighbour } from './neighbour.ts';
import { RotationSearch, holds } from './rotation-search.ts';
import type { UnseenFiles } from './unseen-files.ts';

const maxAttempts = 5;

/** A copy, and whose copy it was before. */
interface Overwritten {
  readonly copy: Neighbour;
  readonly before: Followed;
}

export class Truncation {
  readonly #work: FileWork;
  readonly #encounters: Encounters;
  readonly #continuations: Continuations;
  readonly #unseen: UnseenFiles;

  constructor(work: FileWork, encounters: Encounters, continuations: Continuations, unseen: UnseenFiles) {
    this.#work = work;
    this.#encounters = encounters;
    this.#continuations = continuations;
    this.#unseen = unseen;
  }

  /** Called by the reading loop: decides in its turn, then writes, which may take long. */
  truncated(followed: Followed): Promise<void> {
    return this.#work.reserved(followed, async () => {
      const write = await this.#work.decisions.run(() => this.#decide(followed));
      await write();
    });
  }

  async #decide(followed: Followed): Promise<() => Promise<void>> {
    const { tail, isCopy } = followed;
    const { path } = tail.position;
    const { readOffset } = tail;
    const stat = await tail.stat();
    const size = Number(stat?.size ?? 0);
    const kept = await tail.keptPrefix(size);
    this.#work.context.logger.info({ path, offset: readOffset, size, kept }, 'a followed file was truncated');
    this.#unseen.expectAfter(tail.position, followed.mtimeNs); // it may have been truncated twice
    // What has grown since it was last seen may have grown anew.
    const lastSize = size < Number(followed.size) ? Number(followed.size) : readOffset;
    const unread = seenLoss(tail.position, readOffset, lastSize, 'truncated');
    if (isCopy) return () => this.#work.finish(followed, unread);
    // Something was written around the truncation: then something may have been written between the copy and it.
    const isBusy = size > 0 || unread.length > 0 || (stat?.mtimeNs ?? 0n) - followed.mtimeNs < quietNs;
    const isHere = this.#work.followed.at(path) === followed;
    if (isBusy && !(isHere && kept > 0)) tail.loseBehindCopy(lastSize);
    if (!isHere) return () => this.#work.finish(followed);
    // The new content is read through the descriptor at hand: the path may lead elsewhere by now.
    const file = tail.takeFile();
    if (file === null) return async () => undefined;
    try {
      if (kept > 0) return this.#thenAnew(file, path, kept, () => this.#work.finish(followed, unread));
      const { overwritten, copy } = await this.#findCopy(followed);
      if (copy !== null && !copy.isPacked && Number(copy.stat.size) > readOffset) tail.loseBehindCopy(lastSize);
      const isGoingOn = copy !== null && (await this.#continuations.goOnIn(followed, copy));
      return this.#thenAnew(file, path, 0, async () => {
        if (overwritten !== null) await this.#work.finish(overwritten.before, unreadOf(overwritten.before));
        if (!isGoingOn) await this.#work.finish(followed);
      });
    } catch (error) {
      await file.close(); // the next look opens it again, and decides again
      throw error;
    }
  }

  #thenAnew(file: FileHandle, path: string, offset: number, write: () => Promise<void>) {
    return async (): Promise<void> => {
      try {
        await write();
      } catch (error) {
        await file.close();
        throw error;
      }
      await this.#encounters.followAnew(file, path, offset);
    };
  }

  /** What was found may be renamed before it is asked: then it is looked for again. */
  async #findCopy(followed: Followed): Promise<{ overwritten: Overwritten | null; copy: Neighbour | null }> {
    for (let attempt = 1; ; attempt++) {
      const search = new RotationSearch();
      const overwritten = await this.#overwrittenBy(followed, search);
      const copy = overwritten?.copy ?? (await this.#continuations.copyOf(followed, search));
      if (copy !== null || !search.isInDoubt || attempt === maxAttempts) return { overwritten, copy };
    }
  }

  /** The copy of the rotation before is still read, and the copy of this one was written over it: that generation is over. */
  async #overwrittenBy(followed: Followed, search: RotationSearch): Promise<Overwritten | null> {
    const holderOf = ({ stat }: Neighbour): Followed | undefined => this.#work.followed.get(inodeKey(stat));
    const copy = await search.byContent(followed.tail.identity, (neighbour) => holderOf(neighbour)?.isCopy !== true);
    const before = copy === null ? undefined : holderOf(copy);
    if (copy === null || before === undefined || before.ending === 'closing') return null;
    if (await holds(copy, before.tail.identity)) return null;
    this.#work.followed.remove(before);
    return { copy, before };
  }
}

function unreadOf({ tail, size }: Followed) {
  return seenLoss(tail.position, tail.readOffset, Number(size), 'truncated');
}
