/**
 * Memory of large pages, used again: to touch megabytes that the system gives anew takes as long as to write the rows into them. It goes to a
 * reader thread with a question and comes back as the bytes of the page; who has sent them on gives it back here.
 *
 * Pages in order of arrival have no part in it: those who ask for them keep the bytes for themselves.
 */
import { free } from '../runtime/free.ts';
import { memoryBudget } from '../runtime/memory-budget.ts';
import type { SearchPage, SearchRequest } from '../search/request.ts';
import type { ReaderCalls } from './protocol.ts';
import type { ThreadLink } from './thread-link.ts';

/** Smaller pages take what the allocator has at hand; others may have the same bytes (query/query-cache.ts), so they are never taken back. */
export const leastReusedBytes = 2 * 1024 * 1024;
/** Pages that may be larger. */
const fewestRows = 4000;
/** The bound, of all that wait for the next page. */
const mostBytes = 16 * 1024 * 1024;
/** So long after the last page. */
const idleMs = 5000;

export class PageMemory {
  #waiting: ArrayBuffer[] = [];
  readonly #mostBytes: number;
  readonly #idleMs: number;
  #idle: NodeJS.Timeout | undefined;

  constructor(limits: { readonly mostBytes: number; readonly idleMs: number }) {
    this.#mostBytes = limits.mostBytes;
    this.#idleMs = limits.idleMs;
  }

  get bytes(): number {
    return this.#waiting.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** For a page that may be large, if there is any. */
  takeFor({ asBytes, order, limit }: SearchRequest): ArrayBuffer | undefined {
    return asBytes === true && order !== 'arrival' && limit >= fewestRows ? this.#waiting.pop() : undefined;
  }

  /** Nobody reads the page's bytes any more, if it is a large one. */
  giveBack(buffer: ArrayBuffer): void {
    if (buffer.byteLength < leastReusedBytes) return;
    if (this.bytes + buffer.byteLength > this.#mostBytes) {
      free(buffer);
      return;
    }
    this.#waiting.push(buffer);
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      for (const unused of this.#waiting.splice(0)) free(unused);
    }, this.#idleMs).unref();
  }
}

export const pageMemory = new PageMemory({ mostBytes: memoryBudget().isSmall ? 0 : mostBytes, idleMs });

export function searchIn(
  reader: ThreadLink<ReaderCalls>,
  snapshot: string,
  request: SearchRequest,
): Promise<SearchPage> {
  const memory = pageMemory.takeFor(request);
  return memory === undefined
    ? reader.call('search', [snapshot, request])
    : reader.call('search', [snapshot, request, memory], [memory]);
}
