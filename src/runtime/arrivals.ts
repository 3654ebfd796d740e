/** Wakes those who wait for the next of something that comes again and again. */
export class Arrivals {
  #waiting = new Set<() => void>();

  /** Resolves at the next `wake`, or when `signal` aborts. */
  next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const arrived = (): void => {
        signal.removeEventListener('abort', arrived);
        this.#waiting.delete(arrived);
        resolve();
      };
      this.#waiting.add(arrived);
      signal.addEventListener('abort', arrived);
    });
  }

  wake(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const arrived of waiting) arrived();
  }
}
