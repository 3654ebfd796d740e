/**
 * How many threads beside the writer's there may be at once: as many as are wanted, or few where little memory is granted. A thread takes some
 * 10 MB before it does anything, and 20 to 30 at work.
 */
export class ThreadRoom {
  readonly #mostThreads: number;
  readonly #makeRoom: (() => void)[] = [];
  readonly #waiting: (() => void)[] = [];
  #threads = 0;

  constructor(mostThreads: number) {
    this.#mostThreads = mostThreads;
  }

  /** True while somebody waits: who has a thread to spare gives it up. */
  get isWanted(): boolean {
    return this.#waiting.length > 0;
  }

  /** @param makeRoom ends threads that have nothing to do. */
  onWanted(makeRoom: () => void): void {
    this.#makeRoom.push(makeRoom);
  }

  /** Resolves when there is room for one more, first come, first served; give it back with `leave` once the thread has ended. */
  async enter(): Promise<void> {
    if (this.#threads < this.#mostThreads) {
      this.#threads++;
      return;
    }
    const entered = new Promise<void>((resolve) => this.#waiting.push(resolve));
    for (const makeRoom of this.#makeRoom) makeRoom();
    await entered;
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#threads--;
    else next();
  }
}
