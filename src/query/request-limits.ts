/**
 * How many requests are let in: so many a second for each token, and so many at once for all. What is refused costs next to
 * nothing, so that a flood takes neither memory nor the store's time.
 */
import type { FastifyReply } from 'fastify';
import type { Clock } from '../runtime/clock.ts';

export interface RequestLimitOptions {
  /** Requests a second and token, sustained; twice as many in a burst. */
  readonly requestsPerSecond: number;
  /** Requests that wait for the store at once. */
  readonly maxAtOnce: number;
}

export const defaultRequestLimits: RequestLimitOptions = { requestsPerSecond: 500, maxAtOnce: 128 };

const maxTokens = 10_000;

interface Bucket {
  readonly left: number;
  readonly atMs: number;
}

export class RequestLimits {
  readonly #options: RequestLimitOptions;
  readonly #clock: Clock;
  #buckets = new Map<string, Bucket>();
  #atOnce = 0;

  constructor(options: RequestLimitOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** @returns null when the request is let in, else the seconds after which it may come again. */
  enter(tokenName: string, isLongLived: boolean, reply: FastifyReply): number | null {
    const { requestsPerSecond, maxAtOnce } = this.#options;
    const burst = requestsPerSecond * 2;
    const nowMs = this.#clock.monotonicMs();
    const last = this.#buckets.get(tokenName) ?? { left: burst, atMs: nowMs };
    const left = Math.min(last.left + ((nowMs - last.atMs) / 1000) * requestsPerSecond, burst);
    if (left < 1) return Math.max(Math.ceil((1 - left) / requestsPerSecond), 1);
    if (!isLongLived && this.#atOnce >= maxAtOnce) return 1;
    if (this.#buckets.size >= maxTokens) this.#buckets = new Map();
    this.#buckets.set(tokenName, { left: left - 1, atMs: nowMs });
    if (!isLongLived) {
      this.#atOnce++;
      reply.raw.once('close', () => this.#atOnce--); // also when the asker hangs up
    }
    return null;
  }
}
