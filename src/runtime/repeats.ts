/**
 * Keeps a log readable, and its growth bounded, when the same thing happens again and again: so many entries of a kind a minute, then one that says
 * how many more there were. A kind is a level and the beginning of the text, up to what differs: a number, a path, a quotation.
 */
import type { Clock } from './clock.ts';

interface Kind {
  readonly sinceMs: number;
  count: number;
  leftOut: number;
  last: LeftOut;
}

export interface LeftOut {
  readonly level: number;
  readonly text: string;
}

export const windowMs = 60_000;
const perWindow = 10;
/** Kinds remembered at once; beyond it all begin anew. */
const maxKinds = 1000;

export class RepeatLimit {
  readonly #clock: Clock;
  readonly #tell: (entry: LeftOut, count: number) => void;
  #kinds = new Map<string, Kind>();
  readonly #closed = new AbortController();

  /** @param tell at the end of a minute, of each kind of which entries were left out: the last of them, and how many. */
  constructor(clock: Clock, tell: (entry: LeftOut, count: number) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** False for an entry that is to be left out. */
  admits(level: number, text: string): boolean {
    const name = `${level} ${text.split(/[\d/"'`]/, 1)[0] ?? ''}`;
    const nowMs = this.#clock.monotonicMs();
    const known = this.#kinds.get(name);
    if (known === undefined || nowMs - known.sinceMs >= windowMs) {
      if (this.#kinds.size >= maxKinds) this.#flush(() => true);
      if (known !== undefined) this.#flush((kind) => kind === known);
      this.#kinds.set(name, { sinceMs: nowMs, count: 1, leftOut: 0, last: { level, text } });
      return true;
    }
    known.count++;
    if (known.count <= perWindow) return true;
    known.leftOut++;
    known.last = { level, text };
    if (known.leftOut === 1) void this.#tellLater(known);
    return false;
  }

  /** Says what is still to be said. */
  close(): void {
    this.#closed.abort();
    this.#flush(() => true);
  }

  async #tellLater(kind: Kind): Promise<void> {
    await this.#clock.delay(kind.sinceMs + windowMs - this.#clock.monotonicMs(), this.#closed.signal);
    this.#flush((each) => each === kind);
  }

  #flush(isDue: (kind: Kind) => boolean): void {
    for (const [name, kind] of this.#kinds) {
      if (!isDue(kind)) continue;
      this.#kinds.delete(name);
      if (kind.leftOut > 0) this.#tell(kind.last, kind.leftOut);
    }
  }
}
