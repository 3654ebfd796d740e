/**
 * Whether rows are taken at all: a sink with `when_full: block` closes it while more waits for the sink than may. Whoever appends waits
 * here, so that inputs wait in turn: files stay on disk, TCP is not read, HTTP senders are told to come again.
 */
export class Admission {
  readonly #closedBy = new Set<string>();
  #waiting: (() => void)[] = [];
  #isReleased = false;

  /** Sinks that keep it closed. */
  get closedBy(): readonly string[] {
    return [...this.#closedBy];
  }

  close(sink: string): void {
    if (!this.#isReleased) this.#closedBy.add(sink);
  }

  open(sink: string): void {
    this.#closedBy.delete(sink);
    if (this.#closedBy.size === 0) this.#wake();
  }

  /** Opens for good: the daemon stops, and what has been read is to be stored. */
  release(): void {
    this.#isReleased = true;
    this.#closedBy.clear();
    this.#wake();
  }

  /** Resolves once it is open. */
  async wait(): Promise<void> {
    while (this.#closedBy.size > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
