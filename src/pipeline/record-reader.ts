/**
 * Reads one source's lines into records: framing (envelopes, split lines, records of several lines), parser, completion. Knows nothing
 * of positions or of the store, so `regression parse` shows exactly what the daemon would store.
 */
import type { Line, MultilineOptions, SourceDescription } from '../inputs/input.ts';
import type { EnvelopeKind } from '../parsers/envelope.ts';
import type { Parser, ParserOptions } from '../parsers/parser.ts';
import type { LogRecord } from '../record/log-record.ts';
import { timestampOfMs } from '../record/timestamp.ts';
import { LinearPattern } from '../runtime/linear-pattern.ts';
import type { Clock } from '../runtime/clock.ts';
import { type FramedEntry, Framer } from './framing/framer.ts';
import { type Grouping, PatternGrouping, eachLineAlone } from './framing/grouping.ts';
import { TraceGrouping } from './framing/trace-grouping.ts';
import { type ApplicationDefaults, recordOf } from './record-of.ts';

/** How a format is read: what the pipeline needs of `parsers/registry.ts`. */
export interface Format {
  readonly parser: Parser;
  /** Envelopes its lines may be in. */
  readonly envelopes: readonly EnvelopeKind[];
  /** An entry is one line: nothing is grouped unless patterns say so. */
  readonly isSingleLine: boolean;
}

export interface RecordReaderOptions {
  readonly source: SourceDescription;
  readonly createFormat: (format: string, options: ParserOptions) => Format;
  readonly defaults: ApplicationDefaults;
  readonly clock: Clock;
}

/** A record with how it came to be, for `--explain` and the counters. */
export interface ReadRecord {
  readonly record: LogRecord;
  /** The format that read it, behind the envelope's if it was in one: `json`, `cri json`. */
  readonly format: string;
  /** Why that format was taken. */
  readonly why: string;
  /** Why the entry was not of its format; its whole text is the message then. */
  readonly refusal: string | undefined;
}

export class RecordReader {
  readonly #options: RecordReaderOptions;
  readonly #parser: Parser;
  readonly #framer: Framer;
  #lastEnvelope: string | undefined;

  constructor(options: RecordReaderOptions) {
    this.#options = options;
    const { source, clock, createFormat } = options;
    const parserOptions: ParserOptions = {
      timezone: source.timezone ?? 'UTC',
      nowMs: () => clock.nowMs(),
      pattern: source.pattern === undefined ? undefined : new LinearPattern(source.pattern),
    };
    const format = createFormat(source.format, parserOptions);
    this.#parser = format.parser;
    this.#framer = new Framer({
      open: openerOf(format.envelopes, parserOptions),
      createGrouping: groupingsOf(source.multiline, format.isSingleLine),
      maxLines: source.multiline?.max_lines ?? 1,
      maxBytes: source.multiline?.max_bytes ?? 1024 * 1024,
      quietMs: source.multiline?.flush_after ?? 0,
    });
  }

  /** What the source's entries are read as, behind their envelope's name: `json`, `cri json`. */
  get chosen(): string {
    const format = this.#parser.chosen ?? this.#options.source.format;
    return this.#lastEnvelope === undefined ? format : `${this.#lastEnvelope} ${format}`;
  }

  /** True while lines are held that may belong to a record that is not complete. */
  get isHolding(): boolean {
    return this.#framer.isHolding;
  }

  /** Offset behind the last line that the records taken so far cover; undefined before the first. */
  get coveredOffset(): number | undefined {
    return this.#framer.coveredOffset;
  }

  push(lines: readonly Line[]): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const line of lines) this.#framer.push(line, nowMs);
  }

  /** Completes records that have been quiet for `flush_after`. */
  closeQuiet(): void {
    this.#framer.closeQuiet(this.#options.clock.monotonicMs());
  }

  /** How long from now until `closeQuiet` has something to do, if no more lines come; Infinity while nothing is open. */
  get quietInMs(): number {
    return Math.max(0, this.#framer.nextQuietAtMs - this.#options.clock.monotonicMs());
  }

  /** Completes everything: no more lines belong to what is held. */
  closeAll(): void {
    this.#framer.closeAll();
  }

  /** The records that have become complete, in order. */
  take(): ReadRecord[] {
    const observedAt = timestampOfMs(this.#options.clock.nowMs());
    return this.#framer.take().map((entry) => this.#read(entry, observedAt));
  }

  #read(entry: FramedEntry, observedAt: string): ReadRecord {
    const { source, defaults } = this.#options;
    const text = withoutColours(entry.text);
    this.#lastEnvelope = entry.envelope;
    const result = this.#parser.parse(text);
    const { format, why } = this.#parser.choice ?? { format: source.format, why: 'given' };
    return {
      record: recordOf(entry, text, result, source, defaults, observedAt),
      format: entry.envelope === undefined ? format : `${entry.envelope} ${format}`,
      why,
      refusal: result.ok ? undefined : result.reason,
    };
  }
}

/** ECMA-48 section 8.3.117, Select Graphic Rendition: colours say nothing, and stand in front of times and levels. */
// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const colours = /\u001b\[[\d;]{0,20}m/g;

function withoutColours(text: string): string {
  return text.includes('\u001b[') ? text.replaceAll(colours, '') : text;
}

/** A source keeps its envelope: the one that fitted the line before is tried first. */
function openerOf(envelopes: readonly EnvelopeKind[], options: ParserOptions) {
  if (envelopes.length === 0) return undefined;
  return (text: string) => {
    for (const envelope of envelopes) {
      const enveloped = envelope.open(text, options);
      if (enveloped !== null) return enveloped;
    }
    return null;
  };
}

function groupingsOf(multiline: MultilineOptions | undefined, isSingleLine: boolean): () => Grouping {
  if (multiline === undefined) return () => eachLineAlone;
  const { start, end, continued, continuation } = multiline;
  if ([start, end, continued, continuation].some((pattern) => pattern !== undefined)) {
    const patternOf = (source: string | undefined) => (source === undefined ? undefined : new LinearPattern(source));
    const patterns = {
      start: patternOf(start),
      end: patternOf(end),
      continued: patternOf(continued),
      continuation: patternOf(continuation),
    };
    return () => new PatternGrouping(patterns);
  }
  return multiline.mode === 'off' || isSingleLine ? () => eachLineAlone : () => new TraceGrouping();
}
