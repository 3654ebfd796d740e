/** Requests that send entries and have not been answered: how many there may be, and how long their bodies, bounds what they take of memory. */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { atMost, memoryBudget } from '../runtime/memory-budget.ts';

const maxRequests = 64;

export interface PostBounds {
  /** Longest body, also after decompression. */
  readonly maxBodyBytes: number;
  /** Of all bodies together; one alone may be longer. Without it, how many there are is the bound. */
  readonly maxBytesAtOnce?: number | undefined;
}

/** @param configured longest body that the configuration allows. */
export function postBounds(configured: number, { parts: { postedBytes } } = memoryBudget()): PostBounds {
  return { maxBodyBytes: atMost(configured, postedBytes), maxBytesAtOnce: postedBytes };
}

export class PostsUnderWay {
  readonly #bounds: PostBounds;
  #requests = 0;
  #bytes = 0;

  constructor(bounds: PostBounds) {
    this.#bounds = bounds;
  }

  /** False when the request must come again later; else it counts until it has been answered, or its sender has gone. */
  enter(headers: IncomingHttpHeaders, response: ServerResponse): boolean {
    const bytes = this.#bytesOf(headers);
    const { maxBytesAtOnce = Infinity } = this.#bounds;
    const isTooLong = this.#requests > 0 && this.#bytes + bytes > maxBytesAtOnce;
    if (isTooLong || this.#requests >= maxRequests) return false;
    this.#requests++;
    this.#bytes += bytes;
    response.once('close', () => {
      this.#requests--;
      this.#bytes -= bytes;
    });
    return true;
  }

  /** A body that is compressed, or does not say how long it is, may be as long as any. */
  #bytesOf(headers: IncomingHttpHeaders): number {
    const { maxBodyBytes } = this.#bounds;
    const length = headers['content-encoding'] === undefined ? Number(headers['content-length']) : Number.NaN;
    return length < maxBodyBytes ? length : maxBodyBytes;
  }
}
