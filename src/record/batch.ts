import type { LogRecord } from './log-record.ts';

/** Records plus the positions they advance to: the unit of one transaction. */
export interface Batch {
  readonly records: readonly LogRecord[];
  readonly positions: readonly FilePosition[];
  readonly gaps: readonly Gap[];
  /** The requests that brought some of the records: remembered in the same transaction. */
  readonly requests?: readonly IngestRequest[] | undefined;
}

/** A sender's request that must have its effect once, however often it is repeated. */
export interface IngestRequest {
  /** The sender's Idempotency-Key, made unique over senders by who put it in front. */
  readonly key: string;
  /** Hex SHA-256 of the body: tells a repetition from another request under the same key. */
  readonly bodyDigest: string;
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

export type GapReason = 'truncated' | 'deleted' | 'line_too_long' | 'unreadable';
