/**
 * What an input is, and what it hands to the pipeline.
 *
 * An input knows where lines come from and how far it has read; it knows nothing of formats or of the store.
 */
import type { z } from 'zod';
import type { FilePosition, Gap, StoredPosition } from '../record/batch.ts';
import type { Metadata } from '../record/log-record.ts';
import type { Clock } from '../runtime/clock.ts';
import type { InheritedSockets } from '../runtime/inherited-sockets.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Service } from '../runtime/service.ts';

/** One entry of the open set: `inputs/registry.ts` lists them, the configuration's `inputs[].type` names them. */
export interface InputKind<Schema extends z.ZodType> {
  /** Describes, defaults and checks the input's own options (everything but `type`). */
  readonly options: Schema;
  create(options: z.output<Schema>, context: InputContext): Input;
}

export interface Input extends Service {
  /** One short line for the start-up banner and `status`: `files /var/log/*.log`, `syslog udp://127.0.0.1:5514`. */
  describe(): string;
  /** What an input that follows files knows of them: for `status` and `doctor`. */
  files?(): FilesStatus;
}

export interface FilesStatus {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly watcher: WatcherState;
  /** How long the last look at all files took. */
  readonly scanSeconds: number;
  readonly openFiles: number;
  readonly files: readonly FollowedStatus[];
  /** Named by the globs and not followed; a thousand at most. */
  readonly leftOut: readonly { readonly path: string; readonly reason: string; readonly code: string | null }[];
}

/** `watching`: file system events make a look come sooner. `scanning`: files are found by looking alone. */
export interface WatcherState {
  readonly kind: 'watching' | 'scanning';
  readonly reason: string | null;
}

export interface FollowedStatus {
  readonly path: string;
  /** Where it is, if elsewhere: renamed out of the globs, a copy, the target of a link. */
  readonly realPath: string | null;
  readonly generation: string;
  readonly device: string;
  readonly inode: string;
  readonly encoding: string;
  /** What its entries are read as, as far as its lines have shown. */
  readonly format: string;
  readonly state: 'followed' | 'rotated' | 'deleted';
  /** Offset behind the last line handed on. */
  readonly offset: number;
  /** Bytes of a line that waits for its end. */
  readonly waitingBytes: number;
  readonly unreadBytes: number;
  readonly isOpen: boolean;
  readonly lastError: string | null;
}

export interface InputContext {
  /** Tells inputs apart in metrics and in the daemon's own log: `file`, `file-2`, or what the configuration calls it. */
  readonly name: string;
  /** Opens a stream for one source: one file generation, one listener. Streams are independent of each other. */
  open(source: SourceDescription): LineStream;
  /** The positions of every generation the store knows, as last committed. */
  knownPositions(): Promise<readonly StoredPosition[]>;
  /** Their files are over and gone for good: the store need not know their positions any more. */
  forgetGenerations(generations: readonly string[]): Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Paths an input must never follow: the daemon's own data directory and log. */
  readonly ownPaths: readonly string[];
  /** Sockets that a service manager holds for us. */
  readonly inherited?: Pick<InheritedSockets, 'duplicate'> | undefined;
}

/** What the pipeline must know of a source to read its entries. */
export interface SourceDescription {
  /** The row's `source`: a file's absolute path, `udp://127.0.0.1:5514`, `stdin`. */
  readonly source: string;
  /** One of `formats` of parsers/registry.ts. */
  readonly format: string;
  /** For the format `regex`: RE2 syntax with named groups. */
  readonly pattern?: string | undefined;
  /** How lines are grouped to records; absent: each is one. */
  readonly multiline?: MultilineOptions | undefined;
  /** IANA zone or offset for timestamps that name none; `UTC` when absent. */
  readonly timezone?: string | undefined;
  /** For entries that do not say. Absent parts fall back to the configuration's `application`, then to `applicationHint`. */
  readonly application?:
    | {
        readonly name?: string | undefined;
        readonly version?: string | undefined;
        readonly environment?: string | undefined;
      }
    | undefined;
  /** A name guessed from the source itself (`nginx` for /var/log/nginx/access.log): the last resort. */
  readonly applicationHint: string;
}

/** Patterns are RE2 syntax. Without any, `mode` decides: `auto` knows stack traces and loggers' headers, `off` takes each line alone. */
export interface MultilineOptions {
  readonly mode: 'auto' | 'off';
  /** A line that matches begins a record. */
  readonly start?: string | undefined;
  /** A line that matches ends one. */
  readonly end?: string | undefined;
  /** The line behind one that matches belongs to the same record. */
  readonly continued?: string | undefined;
  /** A line that matches belongs to the record before it. */
  readonly continuation?: string | undefined;
  readonly max_lines: number;
  readonly max_bytes: number;
  /** Milliseconds without a further line after which an open record is complete. */
  readonly flush_after: number;
}

export interface LineStream {
  /** What the source's entries are read as, as far as its lines have shown. */
  readonly format?: string;
  /**
   * Hands over the next lines of the source, in order. Resolves when the pipeline has room for more: awaiting it is the
   * back-pressure. Accepted is not yet stored; `chunk.position` moves in the same transaction as the chunk's rows.
   */
  write(chunk: LineChunk): Promise<void>;
  /** No more lines will come: what the pipeline still holds of this source (an open multi-line entry) becomes rows. */
  end(): Promise<void>;
}

export interface LineChunk {
  readonly lines: readonly Line[];
  /**
   * For files: identity and state of the generation, with `offset` behind the last of `lines` and behind all bytes that
   * are dropped on purpose. A chunk without lines moves the position alone (a rename, the end of a generation).
   */
  readonly position?: FilePosition;
  readonly gaps?: readonly Gap[];
}

/** One line (or datagram) as an input read it: text without its line end. */
export interface Line {
  readonly text: string;
  /** Byte offset behind the line's end in its file generation; 0 where there are no positions. */
  readonly endOffset: number;
  /** Lines without content that came before this one and are not handed on by themselves: a record of several lines keeps them. */
  readonly emptyLinesBefore?: number;
  /** What the input knows of the line beside its text (peer address, `truncated`, raw bytes of invalid UTF-8). */
  readonly metadata?: Metadata;
}
