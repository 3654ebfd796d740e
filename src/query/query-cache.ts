/**
 * Remembers the answers of recent questions, so that a dashboard which asks the same again and again costs the store nothing while
 * nothing comes in. An answer holds until the next commit, and for `maxAgeMs` at most (retention takes rows without a commit).
 *
 * Where rows come in all the time that is never. There an answer holds as long as it took to get, `maxHeldMs` at most: however many
 * ask the same dear question, it takes half of a thread, and a cheap one is always new. What the store does then is the hot
 * file's part alone (store/thread/segment-answers.ts).
 */
import type { Clock } from '../runtime/clock.ts';
import type { SearchPage } from '../search/request.ts';
import type { Store } from '../store/store.ts';
import type { LiveFeed } from './live-feed.ts';

type Queries = Pick<Store, 'search' | 'hits' | 'fieldCounts'>;

/** The bound: so many answers, and so many bytes of them. Larger ones are not kept. */
export const cacheLimits = {
  entries: 500,
  bytes: 16 * 1024 * 1024,
  bytesPerEntry: 1024 * 1024,
  maxAgeMs: 5000,
  maxHeldMs: 1000,
} as const;

const settledAfterMs = 500;

interface Entry {
  readonly answer: unknown;
  readonly bytes: number;
  readonly lastId: number;
  readonly atMs: number;
  /** It shows all that was committed when it was asked for: see `#isSettled`. */
  readonly isSettled: boolean;
  /** Until when it holds, whatever comes in. */
  readonly heldUntilMs: number;
}

export class QueryCache implements Queries {
  readonly #store: Queries;
  readonly #feed: Pick<LiveFeed, 'lastId'>;
  readonly #clock: Clock;
  /** The least recently used first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  #seenId = 0;
  /** When the feed's last id was first seen here. */
  #seenAtMs = -Infinity;

  get bytes(): number {
    return this.#bytes;
  }

  constructor(store: Queries, feed: Pick<LiveFeed, 'lastId'>, clock: Clock) {
    this.#store = store;
    this.#feed = feed;
    this.#clock = clock;
  }

  search: Queries['search'] = (request, limits) =>
    this.#answer('search', request, () => this.#store.search(request, limits));

  hits: Queries['hits'] = (request, limits) => this.#answer('hits', request, () => this.#store.hits(request, limits));

  fieldCounts: Queries['fieldCounts'] = (request, limits) =>
    this.#answer('fieldCounts', request, () => this.#store.fieldCounts(request, limits));

  async #answer<Answer>(method: keyof Queries, request: object, ask: () => Promise<Answer>): Promise<Answer> {
    const key = `${method} ${JSON.stringify(request)}`;
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#forget(key, known);
      if (this.#holds(known)) {
        this.#keep(key, known);
        return known.answer as Answer;
      }
    }
    const { lastId } = this.#feed;
    const atMs = this.#clock.monotonicMs();
    const isSettled = this.#isSettled(lastId, atMs);
    const answer = await ask();
    const doneAtMs = this.#clock.monotonicMs();
    const heldUntilMs = doneAtMs + Math.min(doneAtMs - atMs, cacheLimits.maxHeldMs);
    this.#keep(key, { answer, bytes: key.length + sizeOf(answer), lastId, atMs, isSettled, heldUntilMs });
    return answer;
  }

  #holds({ lastId, atMs, isSettled, heldUntilMs }: Entry): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < heldUntilMs) return true;
    return isSettled && lastId === this.#feed.lastId && nowMs - atMs <= cacheLimits.maxAgeMs;
  }

  /** A snapshot may be some 200 ms old: what it does not show yet must not be missing for seconds. */
  #isSettled(lastId: number, nowMs: number): boolean {
    if (this.#seenId !== lastId) {
      this.#seenId = lastId;
      this.#seenAtMs = nowMs;
    }
    return nowMs - this.#seenAtMs >= settledAfterMs;
  }

  #keep(key: string, entry: Entry): void {
    if (entry.bytes > cacheLimits.bytesPerEntry) return;
    const replaced = this.#entries.get(key);
    if (replaced !== undefined) this.#forget(key, replaced);
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
    for (const [oldKey, old] of this.#entries) {
      if (this.#entries.size <= cacheLimits.entries && this.#bytes <= cacheLimits.bytes) break;
      this.#forget(oldKey, old);
    }
  }

  #forget(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}

/** In memory, about: two bytes a character. */
function sizeOf(answer: unknown): number {
  if (typeof answer !== 'object' || answer === null || !('ndjson' in answer)) return JSON.stringify(answer).length * 2;
  const { ndjson, bytes } = answer as SearchPage;
  return bytes === undefined ? ndjson.length * 2 : bytes.buffer.byteLength;
}
