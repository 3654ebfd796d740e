/**
 * One loop over the files that may have more, a chunk each in turn, so that a busy file does not starve the others.
 */
export class ReadingLoop<File> {
  readonly #readChunk: (file: File) => Promise<boolean>;
  readonly #signal: AbortSignal;
  /** In turn: what has more goes behind the others. */
  readonly #ready = new Set<File>();
  #running: Promise<void> | null = null;

  /** @param readChunk reads a chunk; true when the file may have more at once. Must not throw. */
  constructor(readChunk: (file: File) => Promise<boolean>, signal: AbortSignal) {
    this.#readChunk = readChunk;
    this.#signal = signal;
  }

  wake(file: File): void {
    this.#ready.add(file);
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
  }

  isReady(file: File): boolean {
    return this.#ready.has(file);
  }

  /** Resolves when every file that was known to have more has been read to its end. */
  async drained(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // `#running` is set before the first file is read
    // A set is walked in the order of insertion, what is added meanwhile included.
    for (const file of this.#ready) {
      if (this.#signal.aborted) return;
      this.#ready.delete(file);
      if (await this.#readChunk(file)) this.#ready.add(file);
    }
  }
}
