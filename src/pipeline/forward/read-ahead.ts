/** The next batch of a sink, read and made ready while the one before it is under way. */
import type { Rows } from '../../sinks/rows.ts';
import type { ReadRows } from './row-source.ts';

export interface ReadAheadOptions {
  /** Null when nothing is there yet. */
  readonly read: (position: number) => Promise<ReadRows | null>;
  /** See `Sink.prepare`; of no use where lanes divide a batch, since each gets rows of its own. */
  readonly prepare: (rows: Rows) => void;
}

export class ReadAhead {
  readonly #options: ReadAheadOptions;
  #reading: Promise<ReadRows | null> | null = null;

  constructor(options: ReadAheadOptions) {
    this.#options = options;
  }

  /** Begins with the rows behind `position`. */
  begin(position: number): void {
    const reading = this.#options.read(position);
    this.#reading = reading;
    // What goes wrong is told to whoever takes it.
    reading.then(
      // Later, so that the batch before it is on its way first; and not for one who waits for it already.
      (next) => setImmediate(() => this.#reading === reading && this.#prepare(next)),
      () => undefined,
    );
  }

  /** What was read ahead, or else the rows behind `position`. */
  take(position: number): Promise<ReadRows | null> {
    const reading = this.#reading ?? this.#options.read(position);
    this.#reading = null;
    return reading;
  }

  drop(): void {
    this.#reading = null;
  }

  #prepare(next: ReadRows | null): void {
    if (next !== null && next.rows.length > 0) this.#options.prepare(next.rows);
  }
}
