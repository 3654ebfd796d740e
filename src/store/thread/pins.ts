/**
 * Who reads the hot file now, and what waits until nobody does.
 *
 * A pin stands for a snapshot that may be open: while there is one, the database file must not change, so a checkpoint, a
 * rotation or a reopening waits. Once such work waits, new pins wait behind it; the open ones have deadlines, so it gets its turn.
 */
export class Pins {
  readonly #pins = new Set<number>();
  readonly #waitingPins: ((pin: number) => void)[] = [];
  readonly #waitingWork: (() => void)[] = [];
  #afterPins: { readonly lastPin: number; readonly work: () => void }[] = [];
  #lastPin = 0;

  get count(): number {
    return this.#pins.size;
  }

  /** Granted at once, unless work waits for the open pins to end. */
  async grant(): Promise<number> {
    if (this.#waitingWork.length === 0) return this.#add();
    return new Promise((resolve) => this.#waitingPins.push(resolve));
  }

  release(pin: number): void {
    if (this.#pins.delete(pin)) this.#wake();
  }

  /** What was pinned is gone, whoever has it open: the file had to change under it. */
  invalidate(): void {
    this.#pins.clear();
    this.#wake();
  }

  /** Runs `work` now if nothing is pinned, else as soon as that is so. It must not throw. */
  whenFree(work: () => void): void {
    this.#waitingWork.push(work);
    this.#wake();
  }

  /** As `whenFree`; resolves to what `work` returns, or rejects with what it throws. */
  whenFreeDo<Result>(work: () => Result): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.whenFree(() => {
      try {
        resolve(work());
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
    return promise;
  }

  /** Runs `work` once every pin granted so far has been given back; later ones are not held up. It must not throw. */
  afterOpenPins(work: () => void): void {
    this.#afterPins.push({ lastPin: this.#lastPin, work });
    this.#wake();
  }

  #wake(): void {
    const oldest = Math.min(...this.#pins);
    const isDue = ({ lastPin }: { lastPin: number }): boolean => lastPin < oldest;
    for (const { work } of this.#afterPins.filter(isDue)) work();
    this.#afterPins = this.#afterPins.filter((waiting) => !isDue(waiting));
    while (this.#pins.size === 0) {
      const work = this.#waitingWork.shift();
      if (work === undefined) break;
      work();
    }
    if (this.#waitingWork.length > 0) return;
    for (const grant of this.#waitingPins.splice(0)) grant(this.#add());
  }

  #add(): number {
    this.#pins.add(++this.#lastPin);
    return this.#lastPin;
  }
}
