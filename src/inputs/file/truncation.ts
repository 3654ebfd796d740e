/**
 * A followed file was truncated: its content was replaced in place. What was read and is still there goes on; else the rest of the
 * old content is looked for in a copy (copytruncate), and what is in none is a gap. The new content is read from its beginning.
 */
import type { Gap } from '../../record/batch.ts';
import type { Continuations } from './continuations.ts';
import type { Encounters } from './encounters.ts';
import type { FileWork } from './file-work.ts';
import type { Followed } from './followed-files.ts';
import { RotationSearch } from './rotation-search.ts';

export class Truncation {
  readonly #work: FileWork;
  readonly #encounters: Encounters;
  readonly #continuations: Continuations;

  constructor(work: FileWork, encounters: Encounters, continuations: Continuations) {
    this.#work = work;
    this.#encounters = encounters;
    this.#continuations = continuations;
  }

  /** Called by the reading loop: decides in its turn, then writes, which may take long. */
  truncated(followed: Followed): Promise<void> {
    return this.#work.reserved(followed, async () => {
      const write = await this.#work.decisions.run(() => this.#decide(followed));
      await write();
    });
  }

  async #decide(followed: Followed): Promise<() => Promise<void>> {
    const { tail } = followed;
    const { path, generation } = tail.position;
    const { readOffset } = tail;
    const lastSize = Number(followed.size);
    const size = Number((await tail.stat())?.size ?? 0);
    const kept = await tail.keptPrefix(size);
    this.#work.context.logger.info({ path, offset: readOffset, size, kept }, 'a followed file was truncated');
    const gapFrom = (startOffset: number, endOffset: number | null): Gap[] => [
      { generation, path, startOffset, endOffset, reason: 'truncated' },
    ];
    const seen = lastSize > readOffset ? gapFrom(readOffset, lastSize) : [];
    // Something was written around the truncation: then something may have been written between the copy and it.
    const lostBehind = (copyEnd: number): Gap[] => {
      if (lastSize > copyEnd) return gapFrom(copyEnd, lastSize);
      return size > 0 || copyEnd > readOffset ? gapFrom(copyEnd, null) : [];
    };
    // The new content is read through the descriptor at hand: the path may lead elsewhere by now.
    const file = tail.takeFile();
    if (file === null) return async () => undefined;
    const thenAnew =
      (write: () => Promise<void>, offset = 0) =>
      async (): Promise<void> => {
        try {
          await write();
        } catch (error) {
          await file.close();
          throw error;
        }
        await this.#encounters.followAnew(file, path, offset);
      };
    if (kept > 0) return thenAnew(() => this.#work.finish(followed, seen), kept);
    const copy = await this.#continuations.copyOf(followed, new RotationSearch());
    if (copy === null) return thenAnew(() => this.#work.finish(followed, lostBehind(readOffset)));
    const lost = await this.#continuations.goOnIn(followed, copy, lostBehind);
    if (lost === null) return thenAnew(() => this.#work.finish(followed, seen)); // somebody else reads the copy
    return thenAnew(async () => {
      if (lost.length > 0) await tail.writeGaps(lost);
    });
  }
}
