/**
 * Seals closed segments in the background, one at a time, oldest first, each in a thread of its own (thread/seal.ts).
 *
 * The thread gives way to ingest. When more segments wait than `maxWaiting` it does so no longer, so that the lag is bounded.
 */
import type { Clock } from '../runtime/clock.ts';
import type { SealOptions } from './protocol.ts';
import type { Segment, SegmentManifest } from './segments.ts';
import { ThreadLink } from './thread-link.ts';
import type { ThreadRoom } from './thread-room.ts';

export interface SealingOptions {
  /** Of the segments. */
  readonly directory: string;
  readonly clock: Clock;
  readonly room: ThreadRoom;
  /** Page cache of the thread. Of the index sort as much again and more is taken; the memory goes with the thread. */
  readonly cacheBytes: number;
  /** Tells the writer, which puts the sealed file in the place of the closed one. */
  readonly onSealed: (manifest: SegmentManifest) => Promise<void>;
  /** It is tried again later. */
  readonly onFailed: (segment: Segment, error: unknown) => void;
}

const politeNiceness = 10;
const maxWaiting = 4;
const retryMs = 60_000;

export class Sealing {
  readonly #options: SealingOptions;
  readonly #stopped = new AbortController();
  #segments: readonly Segment[] = [];
  #running: Promise<void> | null = null;
  #thread: ThreadLink<object> | null = null;
  #idleWaiters: (() => void)[] = [];

  constructor(options: SealingOptions) {
    this.#options = options;
  }

  /** The segments as they are now; what is still closed among them is sealed. */
  update(segments: readonly Segment[]): void {
    this.#segments = segments;
    this.#running ??= this.#run();
  }

  /** Resolves when nothing is left to seal, or after `stop`. */
  async finished(): Promise<void> {
    if (this.#running !== null) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Gives up what is under way; the next start begins it anew. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#thread?.terminate();
    await this.#running;
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // `#running` is set
    for (;;) {
      const waiting = this.#segments.filter(({ state }) => state === 'closed');
      const [segment] = waiting;
      if (segment === undefined || this.#stopped.signal.aborted) break;
      try {
        const manifest = await this.#seal(segment, waiting.length > maxWaiting ? 0 : politeNiceness);
        await this.#options.onSealed(manifest);
      } catch (error) {
        if (this.#stopped.signal.aborted) break;
        this.#options.onFailed(segment, error);
        await this.#options.clock.delay(retryMs, this.#stopped.signal);
      }
    }
    this.#running = null;
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  async #seal(segment: Segment, niceness: number): Promise<SegmentManifest> {
    const { directory, cacheBytes, room } = this.#options;
    await room.enter();
    try {
      this.#stopped.signal.throwIfAborted();
      this.#thread = new ThreadLink<object>('sealer-thread', {
        segment,
        directory,
        niceness,
        cacheBytes,
      } satisfies SealOptions);
      return (await this.#thread.ready()) as SegmentManifest;
    } finally {
      await this.#thread?.terminate();
      this.#thread = null;
      room.leave();
    }
  }
}
