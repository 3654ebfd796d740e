/** Which rows somebody still waits for: consumers that have not acknowledged them, sinks that have not delivered them. */
import type { Store } from '../store/store.ts';

/** Id of the first row that somebody still waits for; null when nobody does. */
export type HeldRows = (store: Pick<Store, 'state'>) => Promise<number | null>;

const byConsumers: HeldRows = async ({ state }) =>
  lowest((await state.consumers()).map(({ position }) => position + 1));

const bySinks: HeldRows = async ({ state }) => lowest((await state.sinks()).map(({ position }) => position + 1));

/** Whoever reads rows by id and must not miss any stands here. */
const holders: readonly HeldRows[] = [byConsumers, bySinks];

/** The lowest of them all. */
export const firstHeldId: HeldRows = async (store) => {
  const ids = await Promise.all(holders.map((holder) => holder(store)));
  return lowest(ids.filter((id) => id !== null));
};

function lowest(ids: readonly number[]): number | null {
  return ids.length === 0 ? null : Math.min(...ids);
}
