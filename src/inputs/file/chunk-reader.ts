/**
 * What the reading loop does with one file at its turn: a chunk of it, or its end. All that writes to a file's stream is here, and
 * may wait for the store.
 */
import { open } from 'node:fs/promises';
import type { Gap } from '../../record/batch.ts';
import { messageOf, systemCodeOf } from '../../runtime/errors.ts';
import { isAnotherLife } from './births.ts';
import { type FileWork, placeOf } from './file-work.ts';
import type { Followed } from './followed-files.ts';
import { inodeKey } from './known-generations.ts';

export class ChunkReader {
  readonly #work: FileWork;
  readonly #truncated: (followed: Followed) => Promise<void>;

  /** @param truncated what becomes of a file whose content is not what was read before. */
  constructor(work: FileWork, truncated: (followed: Followed) => Promise<void>) {
    this.#work = work;
    this.#truncated = truncated;
  }

  /** True when the file may have more at once. Never throws. */
  async read(followed: Followed): Promise<boolean> {
    const { tail } = followed;
    if (this.#work.followed.get(followed.key) !== followed || followed.ending === 'closing') return false;
    try {
      if (followed.ending === 'drop') return await this.#drop(followed);
      if (!tail.isAttached && !(await this.#reopen(followed))) return false;
      const before = tail.readOffset;
      const outcome = await tail.read();
      this.#work.openFiles.used(tail);
      followed.lastError = null;
      // At its end it is as long as was read: what was seen behind that has been cut off since.
      if (outcome === 'end' || BigInt(tail.readOffset) > followed.size) followed.size = BigInt(tail.readOffset);
      if (tail.readOffset !== before) {
        followed.lastReadAtMs = this.#work.context.clock.monotonicMs();
        if (followed.ending === 'finish' && !followed.isCopy) followed.ending = null; // it was not quiet after all
      }
      if (outcome === 'truncated') await this.#truncated(followed);
      else if (outcome === 'end' && followed.ending === 'finish') await this.#work.finish(followed);
      else if (outcome === 'end' && tail.isMoved) await tail.writePosition();
      return outcome === 'more';
    } catch (error) {
      followed.lastError = messageOf(error); // the next scan tries again
      this.#work.report(tail.position.path, `cannot read ${tail.position.path}`, error);
      return false;
    }
  }

  /** @returns false when the file is no longer where it was: the scan looks for it. */
  async #reopen(followed: Followed): Promise<boolean> {
    const { position } = followed.tail;
    const handle = await open(placeOf(position)).catch((error: unknown) => {
      if (systemCodeOf(error) === 'ENOENT') return null;
      throw error;
    });
    if (handle === null) return false;
    const stat = await handle.stat({ bigint: true });
    if (inodeKey(stat) !== followed.key || isAnotherLife(stat, position.evidence)) {
      await handle.close();
      return false;
    }
    await this.#work.attach(followed, handle);
    return true;
  }

  /** It cannot or must not be read any further: what was seen of it and not read is lost. */
  async #drop(followed: Followed): Promise<boolean> {
    const { tail, size } = followed;
    const { generation, path } = tail.position;
    const endOffset = Number(size);
    const gap: Gap = { generation, path, startOffset: tail.readOffset, endOffset, reason: 'deleted' };
    await this.#work.finish(followed, endOffset > tail.readOffset ? [gap] : []);
    return false;
  }
}
