/**
 * One source on its way through the pipeline: lines in, slices of records with their position out.
 *
 * The source's own state lives here (its parser, which may be learning its format), so streams are never mixed.
 */
import type { Line, LineChunk, LineStream, SourceDescription } from '../inputs/input.ts';
import type { Parser } from '../parsers/parser.ts';
import type { LogRecord } from '../record/log-record.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { CommitQueue } from './commit-queue.ts';
import { type ApplicationDefaults, recordOf } from './record-of.ts';

export interface SourceStreamOptions {
  readonly source: SourceDescription;
  readonly parser: Parser;
  readonly defaults: ApplicationDefaults;
  readonly queue: CommitQueue;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** A slice is committed whole, so it bounds how far a batch can pass its size. */
const maxLinesPerSlice = 500;

/** What a record takes in memory beside its text, roughly. */
export const bytesPerRecord = 300;

export class SourceStream implements LineStream {
  readonly #options: SourceStreamOptions;

  constructor(options: SourceStreamOptions) {
    this.#options = options;
  }

  async write({ lines, position, gaps = [] }: LineChunk): Promise<void> {
    const { queue } = this.#options;
    for (let from = 0; from + maxLinesPerSlice < lines.length; from += maxLinesPerSlice) {
      const slice = lines.slice(from, from + maxLinesPerSlice);
      const last = slice.at(-1);
      await queue.push({
        ...this.#read(slice),
        position: position && last ? { ...position, offset: last.endOffset, isEnded: false } : undefined,
        gaps: [],
      });
    }
    const rest = lines.length % maxLinesPerSlice || Math.min(lines.length, maxLinesPerSlice);
    await queue.push({ ...this.#read(lines.slice(lines.length - rest)), position, gaps });
  }

  async end(): Promise<void> {
    // Nothing waits here: every line is an entry of its own.
  }

  #read(lines: readonly Line[]): { records: LogRecord[]; bytes: number } {
    const { source, parser, defaults, clock, metrics } = this.#options;
    const observedAt = `${new Date(clock.nowMs()).toISOString().slice(0, 23)}000Z`;
    let bytes = 0;
    let failures = 0;
    const records = lines.map((line) => {
      const result = parser.parse(line.text);
      if (!result.ok) failures++;
      bytes += line.text.length + bytesPerRecord;
      return recordOf(line, result, source, defaults, observedAt);
    });
    if (failures > 0) metrics.parseFailures.inc({ format: source.format }, failures);
    return { records, bytes };
  }
}
