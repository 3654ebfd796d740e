import type { Application, LogRecord } from './log-record.ts';
import type { PatternChanges } from './pattern-changes.ts';

/** Records plus the positions they advance to: the unit of one transaction. */
export interface Batch {
  /** Most often encoded already: an ingest keeps no record longer than it must. */
  readonly records: readonly LogRecord[] | EncodedRows;
  readonly positions: readonly FilePosition[];
  readonly gaps: readonly Gap[];
  /** The requests that brought some of the records: remembered in the same transaction. */
  readonly requests?: readonly IngestRequest[] | undefined;
  /** What the batch adds to the generations of `positions`; absent where nobody counts. */
  readonly counts?: readonly LineCount[] | undefined;
  /** What the records add to the patterns; absent where nobody looks for them. */
  readonly patterns?: PatternChanges | null | undefined;
}

/** Records as the store inserts them (store/batch-encoding.ts): one object with the texts of thousands. */
export interface EncodedRows {
  /** JSONB. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly count: number;
  /** A row names its application by the place in here. */
  readonly applications: readonly Application[];
  /** No text has anything but ASCII characters, so that bytes are characters. */
  readonly isAscii: boolean;
}

/** A sender's request that must have its effect once, however often it is repeated. */
export interface IngestRequest {
  /** The sender's Idempotency-Key, made unique over senders by who put it in front. */
  readonly key: string;
  /** Hex SHA-256 of the body: tells a repetition from another request under the same key. */
  readonly bodyDigest: string;
}

/** What a batch stores of one generation: the store sums it up beside the position, in the same transaction. */
export interface LineCount {
  readonly generation: string;
  /** Lines the position moves over that are part of a row (several of a multi-line entry); lines without content are none. */
  readonly lines: number;
  readonly rows: number;
}

/**
 * How far one generation of a file has been read. A generation is one life of a file's content: a rename keeps it, a
 * truncation or a new file under the same path begins another.
 */
export interface FilePosition {
  /** Names the generation for ever; made by the file input when it meets the file (random UUID). */
  readonly generation: string;
  /** The last path the generation was seen under. */
  readonly path: string;
  /** Decimal text: device and inode numbers are unsigned 64-bit. */
  readonly device: string;
  readonly inode: string;
  /** Hex SHA-256 of the first `fingerprintBytes` bytes; grows with the file up to the input's limit. */
  readonly fingerprint: string;
  readonly fingerprintBytes: number;
  /** Byte offset behind the last line that is stored (or counted as dropped). */
  readonly offset: number;
  /** True once the generation is known to be complete: nothing will be read from it again. */
  readonly isEnded: boolean;
  /** Where reading began: lines before it were passed over on purpose (`from: end`, a kept prefix). 0 when absent. */
  readonly startOffset?: number;
  /** More of what tells this content from another's; absent when nothing is known. */
  readonly evidence?: FileEvidence;
}

/** What is known of a generation's content beside its head: identity holds where inode numbers and heads are the same. */
export interface FileEvidence {
  /** Birth time of the inode in nanoseconds, decimal, or what the system gives for one (see births.ts); absent where it tells none. */
  readonly birthNs?: string;
  /** Hex SHA-256 of the `bytes` bytes before offset `end`: bytes that were read, whether they are committed or not. */
  readonly check?: { readonly end: number; readonly bytes: number; readonly sha256: string };
  /** Where `path` leads to, when it leads through symbolic links. */
  readonly realPath?: string;
  /**
   * An offset inside a line whose kept part is stored already: where reading begins there, the rest up to the newline is skipped.
   * Says nothing when the position's offset is another one (held back by a record that is still open).
   */
  readonly insideLineAt?: number;
  /** The file as last seen, bytes that were not read included: bounds what is lost when it is gone. */
  readonly seen?: { readonly bytes: number; readonly writtenNs: string };
  /** What the content is at a few offsets, in no order. */
  readonly marks?: readonly Mark[];
  /**
   * What is read is a copy, and its original was truncated when it was seen to be so long or longer: what the original had beyond
   * the copy's end is lost.
   */
  readonly truncatedAtBytes?: number;
}

/** The beginning of the SHA-256, in hex, of the bytes before offset `end`. */
export interface Mark {
  readonly end: number;
  readonly sum: string;
}

/** A generation's position as the store has it. */
export interface StoredPosition extends FilePosition {
  /** Lines and rows stored of it, see `LineCount`. */
  readonly lines: number;
  readonly rows: number;
  /** When it last moved, ISO 8601 UTC. */
  readonly updatedAt: string;
}

/** Bytes of a file generation that are known to be lost, and why. */
export interface Gap {
  readonly generation: string;
  readonly path: string;
  readonly startOffset: number;
  /** Exclusive; null when how much was lost cannot be known. */
  readonly endOffset: number | null;
  readonly reason: GapReason;
}

export interface StoredGap extends Gap {
  /** ISO 8601 UTC. */
  readonly foundAt: string;
}

export type GapReason = 'truncated' | 'deleted' | 'line_too_long' | 'unreadable';
