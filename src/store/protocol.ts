/**
 * What crosses between the store's threads and the rest of the daemon. Types only, derived from two interfaces, so that
 * neither side can drift from the other.
 */
import type { FilePosition, Gap, IngestRequest, LineCount, StoredGap, StoredPosition } from '../record/batch.ts';
import type { Application } from '../record/log-record.ts';
import type {
  FieldCounts,
  FieldCountsRequest,
  HitsBucket,
  HitsRequest,
  SearchPage,
  SearchRequest,
} from '../search/request.ts';
import type { EncodedPatterns } from './pattern-encoding.ts';
import type { PatternExtent, PatternHistory, PatternHistoryRequest, StoredPatterns } from './patterns.ts';
import type { StateCalls } from './state.ts';
import type { ErrorCode } from '../runtime/errors.ts';
import type { Damage } from './damage.ts';
import type { HotCopy, RemovalReason, Segment, SegmentManifest } from './segments.ts';

/** The writer thread's calls. They are answered in the order sent, except `pin`, `rotate` and `replaceDamaged`, which may wait. */
export interface WriterCalls {
  /** Ids of the applications, made where they are new; they stay valid for the life of the data directory. */
  applicationIds(applications: readonly Application[]): readonly number[];
  append(batch: EncodedBatch): { readonly firstId: number };
  positions(): readonly StoredPosition[];
  gaps(): readonly StoredGap[];
  findRequest(key: string): IngestRequest | null;
  patterns(): StoredPatterns;
  /** A call of `StateCalls`, in a transaction of its own. */
  state(method: keyof StateCalls, args: readonly unknown[]): unknown;
  /** Grants a snapshot: until `unpin` there is no checkpoint. */
  pin(): { readonly pin: number };
  unpin(pin: number): void;
  /** Closes the hot file once no snapshot is pinned; null when it holds no rows. */
  rotate(): Segment | null;
  segmentSealed(manifest: SegmentManifest): void;
  /** The hot file was found damaged: another, with what can be read of it, takes its place once no snapshot is pinned. */
  replaceDamaged(reason: string): void;
  segments(): readonly Segment[];
  removeSegments(firstIds: readonly number[], reason: RemovalReason): void;
  stats(): WriterStats;
  close(): void;
}

/**
 * A reader thread's calls. `snapshot` names the alias directory; the first call that names one opens it. Queries are answered from
 * it and from the segments that `useSegments` named last.
 */
export interface ReaderCalls {
  useSegments(segments: readonly Segment[]): void;
  /** @param memory for the page's bytes; what does not serve for them is given up. */
  search(snapshot: string, request: SearchRequest, memory?: ArrayBuffer): SearchPage;
  hits(snapshot: string, request: HitsRequest): readonly HitsBucket[];
  fieldCounts(snapshot: string, request: FieldCountsRequest): FieldCounts;
  patternHistories(snapshot: string, requests: readonly PatternHistoryRequest[]): readonly PatternHistory[];
  patternExtent(snapshot: string, request: PatternHistoryRequest): PatternExtent | null;
  /** @throws RegressionError `QUERY_INVALID`, `FORBIDDEN`: see sql-statement.ts. */
  sql(snapshot: string, request: SqlRequest): SqlAnswer;
  /** What is wrong with a table of the hot file and its indexes; null when nothing is. */
  checkTable(snapshot: string, table: string): string | null;
  /** The tables that hold rows, in the hot file. */
  tables(snapshot: string): readonly string[];
  /** Writes what the snapshot sees into a new file at `path`. */
  copyHot(snapshot: string, path: string): HotCopy;
  /** Closes the open snapshot, if any, and removes its alias directory. */
  release(): void;
}

export interface SqlRequest {
  readonly sql: string;
  /** Of the rows in `logs`, as in a `Filter`: it also chooses the segments that are read. */
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly maxRows: number;
  readonly maxBytes: number;
}

export type SqlValueJson = string | number | null;

export interface SqlAnswer {
  /** Empty when there are no rows. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValueJson[])[];
  /** Which limit cut the answer. */
  readonly limit: 'rows' | 'bytes' | null;
  readonly read: SqlFilesRead;
}

/** What a statement was asked of: the hot file, and as many segments of its range as can be attached. */
export interface SqlFilesRead {
  /** Names of the files, in the order of arrival. */
  readonly files: readonly string[];
  /** Older segments of the range that were not read; 0 when the answer is of all rows. */
  readonly leftOut: number;
}

export interface ReaderOptions {
  readonly hotPath: string;
  /** The thread's own: aliases of the files it reads. */
  readonly directory: string;
  /** Most memory the engine may take in this thread; null for no bound of ours. */
  readonly maxMemoryBytes: number | null;
  /** Page cache of the thread's snapshot. */
  readonly cacheBytes: number;
}

export interface EncodedBatch {
  /** JSONB array of rows, see batch-encoding.ts. */
  readonly rows: Uint8Array<ArrayBuffer>;
  readonly rowCount: number;
  /** JSON: a list of the ids of the applications that the rows name by their place. */
  readonly applicationIds: string;
  readonly positions: readonly FilePosition[];
  readonly gaps: readonly Gap[];
  readonly requests: readonly IngestRequest[];
  readonly counts: readonly LineCount[];
  readonly patterns: EncodedPatterns | null;
  /**
   * Which run of appends the batch belongs to. After a failed append the writer refuses the rest of that run, so that no
   * position moves over rows that were not stored; the sender starts a new run once all answers are in.
   */
  readonly run: number;
}

export interface WriterStats {
  readonly lastId: number;
  readonly databaseBytes: number;
  readonly walBytes: number;
  readonly checkpoints: number;
  readonly pins: number;
  readonly segments: number;
  /** Of those, the ones still to be sealed. */
  readonly unsealedSegments: number;
  readonly hotRowBytes: number;
  readonly segmentBytes: number;
  readonly lostRows: number;
}

type Methods<Calls> = keyof Calls & string;

export type Request<Calls> = {
  [M in Methods<Calls>]: {
    readonly id: number;
    readonly method: M;
    readonly args: Calls[M] extends (...args: infer Args) => unknown ? Args : never;
  };
}[Methods<Calls>];

export type Reply =
  | { readonly id: number; readonly ok: true; readonly result: unknown }
  | { readonly id: number; readonly ok: false; readonly error: PlainError };

/** An error as it crosses the boundary: class instances lose their class there. */
export interface PlainError {
  readonly code: ErrorCode | null;
  readonly message: string;
  readonly hint: string | undefined;
  readonly retryable: boolean;
  readonly stack: string | undefined;
}

/** What a sealing thread is started with. It answers with a `SegmentManifest`, as the message with id 0, and ends. */
export interface SealOptions {
  readonly segment: Segment;
  /** Of the segments. */
  readonly directory: string;
  /** 0 to 19: how far the thread gives way to the others. */
  readonly niceness: number;
  /** Page cache. */
  readonly cacheBytes: number;
}

/** What the writer tells without being asked. */
export type WriterNotice =
  /** Something happened to its file, told in words for the operator; snapshots opened before are not to be used any more. */
  | { readonly notice: 'file_disturbed'; readonly message: string }
  /** A file that was there at the start, hot or closed, could not be used. */
  | { readonly notice: 'damage_found'; readonly damage: Damage }
  /** Sent at the start when the hot file was too long to be read through for damage: that is done on a snapshot (hot-check.ts). */
  | { readonly notice: 'file_unchecked' }
  /** Sent at the start and before a pin is granted that sees another list. */
  | { readonly notice: 'segments_changed'; readonly segments: readonly Segment[] };

export interface WriterOptions {
  /** Path of the hot file, or `:memory:`. */
  readonly path: string;
  readonly durability: 'full' | 'normal';
  /** The writer checkpoints between batches once the WAL is this long. */
  readonly checkpointBytes: number;
  /** Past this length new snapshots wait until the open ones are closed and a checkpoint has run. */
  readonly maxWalBytes: number;
  /** Most memory SQLite's page cache takes. */
  readonly cacheBytes: number;
  /** The hot file is rotated once it and its WAL are this long, or this old. */
  readonly maxHotBytes: number;
  readonly maxHotAgeMs: number;
  /** A hot file up to this long is read through for damage before it is opened, a longer one while the daemon works. */
  readonly maxBytesCheckedFirst: number;
  /** Roll-ups of patterns older than this go when the hot file is rotated. */
  readonly keepPatternsMs: number;
}
