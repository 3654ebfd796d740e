/**
 * The rows committed last, kept in memory: a sink that keeps up takes them from here and never asks the store, which costs
 * nothing and is at once. One that is behind reads the store until it has caught up.
 */
import type { EncodedRows } from '../../record/batch.ts';
import { Arrivals } from '../../runtime/arrivals.ts';
import { BatchCursor } from '../../store/batch-decoding.ts';
import { encodedRows } from '../../store/batch-encoding.ts';
import type { Store } from '../../store/store.ts';

interface Block {
  readonly firstId: number;
  readonly rows: EncodedRows;
}

export class RecentRows {
  readonly #maxBytes: number;
  /** In order, without gaps between them. */
  #blocks: Block[] = [];
  #bytes = 0;
  #lastId = 0;
  readonly #arrivals = new Arrivals();
  #isKeeping: boolean;

  /** @param isKeeping false while nobody forwards: then nothing is kept. */
  constructor(maxBytes: number, isKeeping = true) {
    this.#maxBytes = maxBytes;
    this.#isKeeping = isKeeping;
  }

  /** What was kept before is not to be trusted: rows have been committed that are not here. */
  keep(isKeeping: boolean): void {
    if (isKeeping !== this.#isKeeping) this.#clear();
    this.#isKeeping = isKeeping;
  }

  /** Of the row committed last since the start; 0 before the first. */
  get lastId(): number {
    return this.#lastId;
  }

  /** A store's append that keeps what it has committed. */
  appendTo(store: Pick<Store, 'append'>): Store['append'] {
    return async (batch) => {
      const records = encodedRows(batch.records);
      const appended = await store.append({ ...batch, records });
      this.add(records, appended.firstId);
      return appended;
    };
  }

  add(rows: EncodedRows, firstId: number): void {
    if (rows.count === 0 || !this.#isKeeping) return;
    if (firstId !== this.#lastId + 1) this.#clear(); // somebody has stored rows past us
    this.#blocks.push({ firstId, rows });
    this.#bytes += rows.bytes.length;
    this.#lastId = firstId + rows.count - 1;
    while (this.#bytes > this.#maxBytes && this.#blocks.length > 1) {
      this.#bytes -= this.#blocks.shift()?.rows.bytes.length ?? 0;
    }
    this.#arrivals.wake();
  }

  /** True when every row behind `position` is here. */
  covers(position: number): boolean {
    const [first] = this.#blocks;
    return first !== undefined && position + 1 >= first.firstId && position <= this.#lastId;
  }

  /** Stands on each row behind `position`, which `covers` it. Take them in one go: the next commit may remove some. */
  *after(position: number): Generator<BatchCursor> {
    for (const { firstId, rows } of this.#blocks) {
      const from = Math.max(position + 1 - firstId, 0);
      if (from >= rows.count) continue;
      const cursor = new BatchCursor(rows, firstId, from);
      while (cursor.next()) yield cursor;
    }
  }

  /** Resolves at the next commit, or when `signal` aborts. */
  arrival(signal: AbortSignal): Promise<void> {
    return this.#arrivals.next(signal);
  }

  #clear(): void {
    this.#blocks = [];
    this.#bytes = 0;
  }
}
