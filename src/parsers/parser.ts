/**
 * What a parser is: it reads one entry's text and says what the entry says, no more.
 *
 * Parsers never throw, whatever the text, and take linear time. They know nothing of files, applications' defaults or
 * the time of reading: the pipeline fills in what the entry does not say.
 */
import type { Metadata } from '../record/log-record.ts';
import type { Severity } from '../record/severity.ts';
import type { LinearPattern } from '../runtime/linear-pattern.ts';

export interface ParserKind {
  /** One line for `--help` and the reference: what the format is and where it is defined. */
  readonly description: string;
  /**
   * How surely `text` is of this format, 0 (not) to 1 (cannot be anything else). Looks at one line; `auto` sums over a
   * source's first lines.
   */
  likelihood(text: string): number;
  /** True: an entry is one line whatever follows it, so nothing waits for the next line. */
  readonly isSingleLine?: boolean;
  create(options: ParserOptions): Parser;
}

export interface ParserOptions {
  /** IANA zone or offset (`Europe/Berlin`, `+02:00`) for timestamps that name none. */
  readonly timezone: string;
  /** Wall clock, for formats without a year (RFC 3164): the year is the one that puts the entry nearest to now. */
  nowMs(): number;
  /** For the format `regex`. */
  readonly pattern?: LinearPattern | undefined;
}

export interface Parser {
  /** The format that read the last entry and why it was taken, where a parser has the choice of several. */
  readonly choice?: { readonly format: string; readonly why: string };
  /** The format that most of the last entries were of, where a parser has the choice of several. */
  readonly chosen?: string;
  parse(text: string): ParseResult;
}

export type ParseResult =
  | { readonly ok: true; readonly entry: Entry }
  | { readonly ok: false; readonly reason: string };

/** What an entry says of itself. An absent field: the entry does not say. */
export interface Entry {
  /** Fixed-width UTC microseconds, see `LogRecord.timestamp`. */
  readonly timestamp?: string | undefined;
  readonly severity?: Severity | undefined;
  readonly applicationName?: string | undefined;
  readonly applicationVersion?: string | undefined;
  readonly environment?: string | undefined;
  readonly message: string;
  readonly metadata: Metadata;
}
