/**
 * One source on its way through the pipeline: lines in, slices of records with their position out.
 *
 * The source's own state lives here (its parser, which may be learning its format, and the record that is still open), so streams
 * are never mixed. The position that goes with a slice stands behind the last line that is in a record: an open record holds it
 * back, and is read again from its first line after a restart.
 */
import type { FilePosition } from '../record/batch.ts';
import type { LineChunk, LineStream, SourceDescription } from '../inputs/input.ts';
import type { LogRecord } from '../record/log-record.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { CommitQueue } from './commit-queue.ts';
import type { RecordReader } from './record-reader.ts';

export interface SourceStreamOptions {
  readonly source: SourceDescription;
  readonly reader: RecordReader;
  /** Null: the record is not stored; its lines are done with all the same. */
  readonly transform: (record: LogRecord) => LogRecord | null;
  readonly queue: CommitQueue;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Aborts when the pipeline stops: what is open then is left to the next start. */
  readonly stopped: AbortSignal;
}

/** A slice is committed whole, so it bounds how far a batch can pass its size; and its records are objects until it is encoded. */
const maxLinesPerSlice = 100;

/** Open records are looked at no more often, and no less often (one that is closed may wait behind one that is open). */
const minWatchMs = 5;
const maxWatchMs = 1000;

export class SourceStream implements LineStream {
  readonly #options: SourceStreamOptions;
  /** The last position the input gave: where it is once nothing is held. */
  #position: FilePosition | undefined;
  /** Offsets behind the lines that no pushed position stands behind yet; of sources with positions only. */
  #uncoveredEnds: number[] = [];
  #isWriting = false;
  #isWatching = false;

  constructor(options: SourceStreamOptions) {
    this.#options = options;
  }

  get format(): string {
    return this.#options.reader.chosen;
  }

  async write({ lines, position, gaps = [] }: LineChunk): Promise<void> {
    const { queue, reader } = this.#options;
    this.#isWriting = true;
    for (let from = 0; from + maxLinesPerSlice < lines.length; from += maxLinesPerSlice) {
      const slice = lines.slice(from, from + maxLinesPerSlice);
      reader.push(slice);
      if (position !== undefined) for (const { endOffset } of slice) this.#uncoveredEnds.push(endOffset);
      const last = slice.at(-1);
      if (position !== undefined && last !== undefined) {
        this.#position = { ...position, offset: last.endOffset, isEnded: false };
      }
      const { records } = this.#take();
      if (records.length > 0) await queue.push({ records, ...this.#progress(), gaps: [] });
    }
    const rest = lines.length % maxLinesPerSlice || Math.min(lines.length, maxLinesPerSlice);
    const last = rest === lines.length ? lines : lines.slice(lines.length - rest);
    reader.push(last);
    if (position !== undefined) for (const { endOffset } of last) this.#uncoveredEnds.push(endOffset);
    this.#position = position;
    // Behind a gap, or the end of the generation, nothing continues what is open.
    if (gaps.length > 0 || position?.isEnded) reader.closeAll();
    const { records } = this.#take();
    this.#isWriting = false;
    const progress = this.#progress();
    if (records.length > 0 || progress.position !== undefined || gaps.length > 0) {
      const pushed = queue.push({ records, ...progress, gaps });
      this.#watch();
      await pushed;
    } else {
      this.#watch();
    }
  }

  async end(): Promise<void> {
    this.#options.reader.closeAll();
    await this.#pushComplete();
  }

  /** Completes records that get no more lines; runs while there is an open one. */
  #watch(): void {
    if (this.#isWatching || !this.#options.reader.isHolding) return;
    this.#isWatching = true;
    void this.#watchQuiet().finally(() => {
      this.#isWatching = false;
    });
  }

  async #watchQuiet(): Promise<void> {
    const { clock, reader, stopped } = this.#options;
    while (reader.isHolding) {
      await clock.delay(Math.min(Math.max(reader.quietInMs, minWatchMs), maxWatchMs), stopped);
      if (stopped.aborted) return;
      // Lines that wait in a chunk may belong to the open record: it is not quiet.
      if (!this.#isWriting) reader.closeQuiet();
      await this.#pushComplete();
    }
  }

  async #pushComplete(): Promise<void> {
    const { taken, records } = this.#take();
    // Records that a transform dropped move the position too.
    if (taken > 0) await this.#options.queue.push({ records, ...this.#progress(), gaps: [] });
  }

  /** The position that goes with the next slice, and how many lines it moves over. */
  #progress(): { position: FilePosition | undefined; lines: number } {
    const position = this.#safePosition();
    if (position === undefined) return { position, lines: 0 };
    const open = this.#uncoveredEnds.findIndex((endOffset) => endOffset > position.offset);
    const lines = open < 0 ? this.#uncoveredEnds.length : open;
    this.#uncoveredEnds = open < 0 ? [] : this.#uncoveredEnds.slice(open);
    return { position, lines };
  }

  /** Where the source is read again after a restart; undefined while that is where it was before. */
  #safePosition(): FilePosition | undefined {
    const { reader } = this.#options;
    const position = this.#position;
    if (position === undefined || !reader.isHolding) return position;
    const { coveredOffset } = reader;
    return coveredOffset === undefined ? undefined : { ...position, offset: coveredOffset, isEnded: false };
  }

  #take(): { taken: number; records: LogRecord[] } {
    const { source, reader, transform, metrics } = this.#options;
    let failures = 0;
    const records: LogRecord[] = [];
    const read = reader.take();
    for (const { record, refusal } of read) {
      if (refusal !== undefined) failures++;
      const transformed = transform(record);
      if (transformed !== null) records.push(transformed);
    }
    if (read.length > 0) metrics.recordsParsed.inc({ format: reader.chosen }, read.length);
    if (failures > 0) metrics.parseFailures.inc({ format: source.format }, failures);
    return { taken: read.length, records };
  }
}
