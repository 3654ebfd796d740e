/**
 * What an envelope is: what a container runtime writes around each line that a program printed. The line inside is of any format,
 * may be a part of a longer one, and belongs to one of several streams that are mixed in the file.
 */
import type { Metadata } from '../record/log-record.ts';
import type { ParserOptions } from './parser.ts';

export interface EnvelopeKind {
  /** One line for `--help` and the reference: what the envelope is and where it is defined. */
  readonly description: string;
  /** Null: `text` is not in such an envelope. Never throws. */
  open(text: string, options: ParserOptions): Enveloped | null;
}

export interface Enveloped {
  /** The envelope's name, as the registry has it. */
  readonly envelope: string;
  /** What the program printed, without its line end. */
  readonly text: string;
  /** Parts and lines of different streams have nothing to do with each other: `stdout`, `stderr`. */
  readonly stream: string;
  /** The line goes on in the next one of the same stream. */
  readonly isPartial: boolean;
  /** When the runtime took the line, `LogRecord.timestamp` form. */
  readonly timestamp?: string | undefined;
  readonly metadata: Metadata;
}
