/**
 * The ids of one state of a file in the order of time, from the newest backwards, as far as they have been taken out of the index: most questions
 * begin there, and a state is asked several.
 */
import type { IdsWanted, IndexCursor } from './pages/index-cursor.ts';
import type { PageReader } from './pages/page-file.ts';

/** The next `limit` ids, fewer at the end. */
export type NextIds = (limit: number) => readonly number[];

export interface Walk {
  readonly firstId: number;
  readonly wanted: IdsWanted;
  /** It ends before this one. */
  readonly stop: number | null;
}

/** Walks that go further are not kept. */
const defaultIds = 65_536;
const idsAtOnce = 500;
const all: IdsWanted = { afterId: -Infinity, untilId: Infinity };

export class KeptOrder {
  readonly #mostIds: number;
  #ids: number[] = [];
  /** Stands behind the last of them; null until there are any. */
  #cursor: IndexCursor | null = null;

  constructor(mostIds = defaultIds) {
    this.#mostIds = mostIds;
  }

  /**
   * Null where the walk does not begin among those that are kept.
   * @param pages of the same state, until the walk is over.
   * @param open a cursor that walks backwards, before the newest row.
   */
  idsOf({ firstId, wanted, stop }: Walk, pages: PageReader, open: () => IndexCursor): NextIds | null {
    const cursor = (this.#cursor ??= open());
    cursor.pages = pages;
    const { afterId, untilId } = wanted;
    let ids = this.#ids;
    const takeMore = (): boolean => {
      const before = ids.length;
      try {
        cursor.takeIds(ids, before + idsAtOnce, all, null);
      } catch (error) {
        this.#forget();
        throw error;
      }
      return ids.length > before;
    };
    if (ids.length === 0) takeMore();
    let at = ids.indexOf(firstId);
    if (at < 0) return null;
    return (limit) => {
      const next: number[] = [];
      while (next.length < limit) {
        if (at === ids.length) {
          if (ids.length >= this.#mostIds) {
            this.#forget();
            [ids, at] = [[], 0];
          }
          if (!takeMore()) break;
        }
        const id = ids[at] ?? 0;
        if (id === stop) break;
        at++;
        if (id > afterId && id <= untilId) next.push(id);
      }
      return next;
    };
  }

  #forget(): void {
    this.#ids = [];
    this.#cursor = null;
  }
}
