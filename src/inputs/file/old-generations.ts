/**
 * Forgets generations that are over, long gone from disk and will not come back: a position a file for ever would slow each start and
 * fill the store.
 */
import { stat as statPath } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { StoredPosition } from '../../record/batch.ts';
import type { FileWork } from './file-work.ts';
import { RotationSearch } from './rotation-search.ts';

const dayMs = 24 * 3_600_000;
const forgetAfterMs = 90 * dayMs;
/** What was on a file system that is not mounted may come back with it. */
const forgetUnmountedAfterMs = 400 * dayMs;
/** A start has better things to do. */
const firstAfterMs = 60_000;
/** Looking for a file takes reading its neighbours: the rest has its turn the next day. */
const maxLookedFor = 500;

export class OldGenerations {
  readonly #work: FileWork;
  #nextAtMs: number;

  constructor(work: FileWork) {
    this.#work = work;
    this.#nextAtMs = work.context.clock.monotonicMs() + firstAfterMs;
  }

  /** Behind each scan; it looks soon after the start, and then once a day. */
  async forgetWhenDue(): Promise<void> {
    const { clock } = this.#work.context;
    if (clock.monotonicMs() < this.#nextAtMs) return;
    this.#nextAtMs = clock.monotonicMs() + dayMs;
    try {
      await this.#forget();
    } catch (error) {
      this.#work.report('', 'cannot forget files that are long gone', error);
    }
  }

  async #forget(): Promise<void> {
    const { known, context } = this.#work;
    const oldest = known
      .ended()
      .filter((position) => this.#ageMs(position) > forgetAfterMs)
      .toSorted((a, b) => this.#ageMs(b) - this.#ageMs(a))
      .slice(0, maxLookedFor);
    const search = new RotationSearch();
    const gone: StoredPosition[] = [];
    for (const position of oldest) if (await this.#isGone(position, search)) gone.push(position);
    if (gone.length === 0) return;
    await context.forgetGenerations(gone.map(({ generation }) => generation));
    for (const position of gone) known.forget(position);
    context.logger.info({ files: gone.length }, 'positions of files that are long gone were forgotten');
  }

  #ageMs({ updatedAt }: StoredPosition): number {
    return this.#work.context.clock.nowMs() - Date.parse(updatedAt);
  }

  async #isGone(position: StoredPosition, search: RotationSearch): Promise<boolean> {
    const directory = await statPath(dirname(position.path), { bigint: true }).catch(() => null);
    const isMounted = directory !== null && String(directory.dev) === position.device;
    if (!isMounted && this.#ageMs(position) <= forgetUnmountedAfterMs) return false;
    const isThere =
      (await search.byInode(position)) !== null || (await search.byContent(position, () => false)) !== null;
    return !isThere && !search.isInDoubt;
  }
}
