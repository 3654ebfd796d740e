/**
 * How many requests are let in: so many a second for each token, so many at once for all, and none while too much waits to be read by
 * those who asked for it. What is refused costs next to nothing, so that a flood takes neither memory nor the store's time.
 */
import { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../runtime/clock.ts';
import { RegressionError } from '../runtime/errors.ts';

export interface RequestLimitOptions {
  /** Requests a second and token, sustained; twice as many in a burst. */
  readonly requestsPerSecond: number;
  /** Requests that wait for the store at once. */
  readonly maxAtOnce: number;
  /** Answers that are made and not yet read to their end, together; one more may be as long as an answer can be. */
  readonly maxUnsentBytes: number;
  /** Who reads nothing of an answer for this long is cut off. */
  readonly stalledAnswerMs: number;
}

export const defaultRequestLimits: RequestLimitOptions = {
  requestsPerSecond: 500,
  maxAtOnce: 128,
  maxUnsentBytes: 32 * 1024 * 1024,
  stalledAnswerMs: 60_000,
};

const maxTokens = 10_000;
/** So long an answer waits for room at most: who is to come again must not be kept waiting. */
const roomWaitMs = 2000;
/** An answer as short as this needs no room kept for it. */
const shortBytes = 256 * 1024;

interface Bucket {
  readonly left: number;
  readonly atMs: number;
}

interface Waiting {
  readonly bytes: number;
  readonly grant: () => void;
}

export class RequestLimits {
  readonly #options: RequestLimitOptions;
  readonly #clock: Clock;
  #buckets = new Map<string, Bucket>();
  #atOnce = 0;
  #unsentBytes = 0;
  /** Kept for answers that are being made. */
  #keptBytes = 0;
  readonly #waiting: Waiting[] = [];

  constructor(options: Partial<RequestLimitOptions>, clock: Clock) {
    this.#options = { ...defaultRequestLimits, ...options };
    this.#clock = clock;
  }

  /** @returns null when the request is let in, else the seconds after which it may come again. */
  enter(tokenName: string, isLongLived: boolean, reply: FastifyReply): number | null {
    const { requestsPerSecond, maxAtOnce, maxUnsentBytes } = this.#options;
    const burst = requestsPerSecond * 2;
    const nowMs = this.#clock.monotonicMs();
    const last = this.#buckets.get(tokenName) ?? { left: burst, atMs: nowMs };
    const left = Math.min(last.left + ((nowMs - last.atMs) / 1000) * requestsPerSecond, burst);
    if (left < 1) return Math.max(Math.ceil((1 - left) / requestsPerSecond), 1);
    if (!isLongLived && (this.#atOnce >= maxAtOnce || this.#unsentBytes >= maxUnsentBytes)) return 1;
    if (this.#buckets.size >= maxTokens) this.#buckets = new Map();
    this.#buckets.set(tokenName, { left: left - 1, atMs: nowMs });
    if (!isLongLived) {
      this.#atOnce++;
      reply.raw.once('close', () => this.#atOnce--); // also when the asker hangs up
    }
    return null;
  }

  /** A hook before an answer is sent. A socket that makes no headway is closed by its timeout; one that does begins it anew. */
  sending = async (request: FastifyRequest, reply: FastifyReply, answer: unknown): Promise<void> => {
    const { socket } = request.raw;
    if (!(socket instanceof Socket)) return; // a question of the server's own
    socket.setTimeout(this.#options.stalledAnswerMs);
    const bytes = typeof answer === 'string' || Buffer.isBuffer(answer) ? answer.length : 0;
    if (bytes > 0) this.hold(reply, bytes);
  };

  /** Bytes that the answer keeps in memory until it has been read, or broken off. */
  hold(reply: FastifyReply, bytes: number): void {
    this.#unsentBytes += bytes;
    reply.raw.once('close', () => {
      this.#unsentBytes -= bytes;
      this.#grant();
    });
  }

  /**
   * Makes an answer once there is room for it, in the order of asking: many that were let in while nothing was unsent would else all be made.
   * @param bytes about what it will be long.
   * @throws RegressionError `OVERLOADED` when there is no room for a while; the signal's reason when it aborts.
   */
  async withRoom<Answer>(bytes: number, signal: AbortSignal, make: () => Promise<Answer>): Promise<Answer> {
    if (bytes <= shortBytes) return make();
    await this.#keep(bytes, signal);
    try {
      return await make();
    } finally {
      this.#keptBytes -= bytes;
      this.#grant();
    }
  }

  async #keep(bytes: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<true>();
    const waiting = { bytes, grant: () => resolve(true) };
    this.#waiting.push(waiting);
    this.#grant();
    const ended = new AbortController();
    const tooLong = this.#clock.delay(roomWaitMs, AbortSignal.any([signal, ended.signal]));
    const isKept = await Promise.race([promise, tooLong]);
    ended.abort();
    const place = this.#waiting.indexOf(waiting);
    if (isKept === true || place < 0) return;
    this.#waiting.splice(place, 1);
    this.#grant(); // one behind it may need less
    signal.throwIfAborted();
    throw new RegressionError('OVERLOADED', 'the answers of others have not been read yet', {
      retryable: true,
      hint: 'Come again after Retry-After, or ask for fewer rows.',
    });
  }

  #grant(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const taken = this.#unsentBytes + this.#keptBytes;
      if (taken > 0 && taken + first.bytes > this.#options.maxUnsentBytes) return;
      this.#waiting.shift();
      this.#keptBytes += first.bytes;
      first.grant();
    }
  }
}
