/**
 * READ FIRST. The route of a line through the daemon:
 *
 *   input -> LineStream.write (source-stream.ts: record-reader.ts) -> commit-queue.ts (forming-batch.ts) -> Store.append
 *   record-reader.ts: framing/framer.ts (envelopes, lines to entries) -> parser -> record-of.ts; then the transforms
 *
 * An input reads bytes, cuts them into lines and writes them to the stream it opened for their source. The stream makes entries of
 * the lines, parses each and completes it to a record. The commit queue makes batches of records and file positions and has the store commit
 * them, one transaction each. `await stream.write()` is the back-pressure all the way from the disk.
 */
import type { PostedEntry } from '../inputs/http/posted.ts';
import type { LineStream, SourceDescription } from '../inputs/input.ts';
import type { ParserOptions } from '../parsers/parser.ts';
import type { IngestRequest } from '../record/batch.ts';
import type { LogRecord } from '../record/log-record.ts';
import { timestampOfMs } from '../record/timestamp.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Service } from '../runtime/service.ts';
import type { Store } from '../store/store.ts';
import { CommitQueue } from './commit-queue.ts';
import type { PatternFinder } from './forming-batch.ts';
import { type ApplicationDefaults, recordOf } from './record-of.ts';
import { type Format, RecordReader } from './record-reader.ts';
import { SourceStream } from './source-stream.ts';

export interface IngestOptions {
  readonly store: Pick<Store, 'append'>;
  /** Makes what reads a format (`auto` included), for one source. */
  readonly createFormat: (format: string, options: ParserOptions) => Format;
  /** The configuration's transforms: what is to be stored of a record, null for nothing. */
  readonly transform: (record: LogRecord) => LogRecord | null;
  readonly defaults: ApplicationDefaults;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly maxQueuedBytes: number;
  readonly rowsPerBatch: number;
  /** Absent where nobody wants patterns. */
  readonly patterns?: PatternFinder | undefined;
  readonly onFatal: (error: unknown) => void;
}

/** What a running ingest can be given anew. */
export type IngestSettings = Pick<IngestOptions, 'transform' | 'defaults'>;

/** How long `stop` waits for what is queued to be committed. Files lose nothing by it, datagrams do. */
const drainMs = 2000;

export class Ingest implements Service {
  readonly name = 'ingest';
  readonly #options: IngestOptions;
  readonly #queue: CommitQueue;
  readonly #stopped = new AbortController();
  readonly #settings: { -readonly [Name in keyof IngestSettings]: IngestSettings[Name] };

  constructor(options: IngestOptions) {
    this.#options = options;
    this.#settings = { transform: options.transform, defaults: options.defaults };
    this.#queue = new CommitQueue(options);
  }

  /** Why rows are not being committed; null while they are. */
  get failure(): string | null {
    return this.#queue.failure;
  }

  get failureHint(): string | undefined {
    return this.#queue.failureHint;
  }

  /** Null while the store answers; else for how long it has not. */
  get stall(): string | null {
    return this.#queue.stall;
  }

  /**
   * @param left aborts when nobody reads the source any more, and somebody else may: what is still open of it is theirs. A stop of
   * the ingest has the same effect.
   */
  open(source: SourceDescription, left?: AbortSignal): LineStream {
    const { createFormat, clock, metrics } = this.#options;
    const settings = this.#settings;
    const reader = new RecordReader({
      source,
      createFormat,
      clock,
      get defaults() {
        return settings.defaults;
      },
    });
    const transform = (record: LogRecord): LogRecord | null => settings.transform(record);
    const stopped = left === undefined ? this.#stopped.signal : AbortSignal.any([this.#stopped.signal, left]);
    return new SourceStream({ source, reader, transform, queue: this.#queue, clock, metrics, stopped });
  }

  /** From the next record on, also of streams that are open. */
  change(settings: Partial<IngestSettings>): void {
    Object.assign(this.#settings, settings);
  }

  /** True while the store is behind: who can be told to come again later is told so. */
  get isBehind(): boolean {
    return this.#queue.isFull;
  }

  /**
   * Completes entries that have been read already.
   * @param source for entries that do not name theirs.
   */
  recordsOf(entries: readonly PostedEntry[], source: SourceDescription): LogRecord[] {
    const { clock } = this.#options;
    const { defaults } = this.#settings;
    const observedAt = timestampOfMs(clock.nowMs());
    return entries.map(({ entry, source: own = source.source }) => {
      const owner = { ...source, source: own };
      return recordOf({}, entry.message, { ok: true, entry }, owner, defaults, observedAt);
    });
  }

  /**
   * Stores records; resolves when they are committed.
   * @param request remembered with them, see `Store.findRequest`.
   * @throws RegressionError `STORE_CLOSED` when the daemon stops before.
   */
  commit(given: readonly LogRecord[], request?: IngestRequest): Promise<void> {
    const records = given.map((record) => this.#settings.transform(record)).filter((record) => record !== null);
    return this.#queue.commit({ records, position: undefined, gaps: [], request });
  }

  /** Resolves when every line accepted so far is committed. */
  flushed(): Promise<void> {
    return this.#queue.flushed();
  }

  async start(): Promise<void> {
    // Work begins with the first line.
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    const waited = new AbortController();
    await Promise.race([this.flushed(), this.#options.clock.delay(drainMs, waited.signal)]);
    waited.abort();
    this.#queue.stop();
  }
}
