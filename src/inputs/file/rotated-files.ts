/**
 * When a followed file is over: renamed and quiet, gone, or held too long. Until then it is read on through its descriptor, since its
 * writer may keep it open.
 */
import type { BigIntStats } from 'node:fs';
import type { Continuations } from './continuations.ts';
import type { FileWork } from './file-work.ts';
import type { Followed } from './followed-files.ts';
import type { RotationSearch } from './rotation-search.ts';
import type { UnseenFiles } from './unseen-files.ts';

export class RotatedFiles {
  readonly #work: FileWork;
  readonly #continuations: Continuations;
  readonly #unseen: UnseenFiles;

  constructor(work: FileWork, continuations: Continuations, unseen: UnseenFiles) {
    this.#work = work;
    this.#continuations = continuations;
    this.#unseen = unseen;
  }

  /** Renamed within the globs and quiet: it has ended, its unfinished last line too. It stays known, and is met again if it grows. */
  lookAtRenamed(followed: Followed): void {
    const nowMs = this.#work.context.clock.monotonicMs();
    const { renamedAtMs, lastReadAtMs } = followed;
    const quietSinceMs = Math.max(renamedAtMs ?? nowMs, lastReadAtMs);
    if (nowMs - quietSinceMs < this.#work.options.rotate_wait || this.#work.loop.isReady(followed)) return;
    followed.renamedAtMs = null;
    this.#end(followed, 'finish');
  }

  /** Not under any path of the globs any more: renamed away, replaced or deleted. */
  async lookAtRotated(followed: Followed, search: RotationSearch): Promise<void> {
    const { tail } = followed;
    if (followed.ending === 'drop' || followed.ending === 'closing') return;
    const nowMs = this.#work.context.clock.monotonicMs();
    followed.rotatedAtMs ??= nowMs;
    this.#unseen.expectAfter(tail.position, followed.mtimeNs);
    const stat = await tail.stat();
    if (stat === null) return this.#continuations.closedAndGone(followed, search);
    followed.isDeleted = stat.nlink === 0n;
    this.wakeIfChanged(followed, stat);
    if (this.#isHeldTooLong(followed, nowMs)) {
      this.#work.context.logger.warn(
        { path: tail.position.path, bytes: Number(followed.size) - tail.readOffset },
        'a deleted file was held too long; the rest is dropped',
      );
      this.#end(followed, 'drop');
      return tail.detach(); // its disk space is free from now on, whenever the store takes the gap
    }
    if (this.#work.loop.isReady(followed)) return;
    const quietSinceMs = Math.max(followed.rotatedAtMs, followed.lastReadAtMs);
    if (nowMs - quietSinceMs >= this.#work.options.rotate_wait) this.#end(followed, 'finish');
  }

  wakeIfChanged(followed: Followed, stat: BigIntStats): void {
    const { size, mtimeNs, ctimeNs } = stat;
    const isRead = size === BigInt(followed.tail.readOffset);
    const isSame = size === followed.size && mtimeNs === followed.mtimeNs && ctimeNs === followed.ctimeNs;
    if (isSame && isRead && followed.lastError === null) return;
    // How long it was when it was longest, and when it was written until then, tells what a truncation may have taken.
    if (size >= followed.size) {
      followed.size = size;
      followed.mtimeNs = mtimeNs;
      followed.ctimeNs = ctimeNs;
      followed.tail.saw(stat);
    }
    this.#work.loop.wake(followed);
  }

  /** Unread bytes of deleted files take disk space that nobody else can free. */
  #isHeldTooLong(followed: Followed, nowMs: number): boolean {
    const { deleted_hold_time, deleted_hold_bytes } = this.#work.options;
    const isUnread = Number(followed.size) > followed.tail.readOffset;
    if (!followed.isDeleted || !isUnread) return false;
    if (nowMs - (followed.rotatedAtMs ?? nowMs) > deleted_hold_time) return true;
    const deleted = [...this.#work.followed].filter(({ isDeleted, ending }) => isDeleted && ending !== 'drop');
    const heldBytes = deleted.reduce((sum, { size, tail }) => sum + Number(size) - tail.readOffset, 0);
    const oldest = deleted.toSorted((a, b) => (a.rotatedAtMs ?? 0) - (b.rotatedAtMs ?? 0))[0];
    return heldBytes > deleted_hold_bytes && oldest === followed;
  }

  #end(followed: Followed, how: 'finish' | 'drop'): void {
    followed.ending = how;
    this.#work.loop.wake(followed);
  }
}
