/**
 * Hands rows to those who watch, the moment they are committed. A watcher that does not keep up loses rows, never holds up the
 * commits, and is told which rows it lost: they are in the store.
 */
import type { EncodedRows } from '../record/batch.ts';
import { Arrivals } from '../runtime/arrivals.ts';
import { matchesFilter } from '../search/match.ts';
import type { Filter } from '../search/request.ts';
import { decodedRows } from '../store/batch-decoding.ts';
import { encodedRows } from '../store/batch-encoding.ts';
import type { Store } from '../store/store.ts';

export type LiveEvent =
  | { readonly kind: 'row'; readonly id: number; readonly json: string }
  /** Rows that matched and were not handed on. */
  | { readonly kind: 'missed'; readonly rows: number; readonly firstId: number; readonly lastId: number };

/** What waits for one watcher, at most: then rows are missed. */
export const watchLimits = { rows: 5000, bytes: 4 * 1024 * 1024 } as const;

export class LiveFeed {
  readonly #watchers = new Set<Watcher>();
  readonly #arrivals = new Arrivals();
  /** Id of the row committed last since the start; 0 before the first. */
  #lastId = 0;

  get watcherCount(): number {
    return this.#watchers.size;
  }

  get lastId(): number {
    return this.#lastId;
  }

  /** A store's append that tells the feed. */
  appendTo(store: Pick<Store, 'append'>): Store['append'] {
    return async (batch) => {
      const records = encodedRows(batch.records);
      const appended = await store.append({ ...batch, records });
      this.publish(records, appended.firstId);
      return appended;
    };
  }

  publish(rows: EncodedRows, firstId: number): void {
    if (rows.count === 0) return;
    this.#lastId = firstId + rows.count - 1;
    this.#arrivals.wake();
    if (this.#watchers.size === 0) return;
    for (const row of decodedRows(rows, firstId)) {
      let json: string | undefined; // written once, for all who want it
      for (const watcher of this.#watchers) {
        if (!matchesFilter(row, watcher.filter)) continue;
        json ??= JSON.stringify(row);
        watcher.offer(row.id, json);
      }
    }
    for (const watcher of this.#watchers) watcher.wake();
  }

  /** Resolves at the next commit, or when `signal` aborts. */
  arrival(signal: AbortSignal): Promise<void> {
    return this.#arrivals.next(signal);
  }

  /** Watches from now on; close it. */
  watch(filter: Filter): Watcher {
    const watcher = new Watcher(filter, () => this.#watchers.delete(watcher));
    this.#watchers.add(watcher);
    return watcher;
  }
}

export class Watcher {
  readonly filter: Filter;
  readonly #onClose: () => void;
  #queue: LiveEvent[] = [];
  #rows = 0;
  #bytes = 0;
  #missed: { rows: number; firstId: number; lastId: number } | null = null;
  #wake: () => void = () => undefined;

  constructor(filter: Filter, onClose: () => void) {
    this.filter = filter;
    this.#onClose = onClose;
  }

  /** What has come since the last call, in order; waits until there is something, or until `signal` aborts (then nothing). */
  async take(signal: AbortSignal): Promise<readonly LiveEvent[]> {
    while (this.#queue.length === 0 && this.#missed === null && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      signal.addEventListener('abort', this.#wake, { once: true });
      await promise;
      signal.removeEventListener('abort', this.#wake);
    }
    this.#endMissed();
    const taken = this.#queue;
    this.#queue = [];
    this.#rows = 0;
    this.#bytes = 0;
    return taken;
  }

  offer(id: number, json: string): void {
    const isFull = this.#rows >= watchLimits.rows || this.#bytes + json.length > watchLimits.bytes;
    // Once rows are missed all are, until the watcher comes: what it lost is one range.
    if (isFull || this.#missed !== null) {
      this.#missed ??= { rows: 0, firstId: id, lastId: id };
      this.#missed.rows++;
      this.#missed.lastId = id;
      return;
    }
    this.#queue.push({ kind: 'row', id, json });
    this.#rows++;
    this.#bytes += json.length;
  }

  wake(): void {
    this.#wake();
  }

  close(): void {
    this.#onClose();
    this.#wake();
  }

  #endMissed(): void {
    if (this.#missed === null) return;
    this.#queue.push({ kind: 'missed', ...this.#missed });
    this.#missed = null;
  }
}
