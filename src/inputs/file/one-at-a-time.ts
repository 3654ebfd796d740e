/**
 * Decisions about which file is which generation, one behind the other. A scan and the reader of a truncated file meet the same files;
 * what one of them has half decided must not be seen by the other. Whoever writes to a stream does so outside: that may take long.
 */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when all that was asked for before has ended, well or not. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
