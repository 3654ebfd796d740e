/**
 * The store as the rest of the daemon sees it: batches in, pages out, positions kept.
 *
 * `openStore` (remote-store.ts) puts it in threads of its own; `SqliteStore` (thread/sqlite-store.ts) is the same thing in
 * the calling thread. Both pass test/store/store.contract.ts.
 */
import type { Batch, IngestRequest, StoredGap, StoredPosition } from '../record/batch.ts';
import type {
  FieldCounts,
  FieldCountsRequest,
  HitsBucket,
  HitsRequest,
  SearchPage,
  SearchRequest,
} from '../search/request.ts';
import type { PatternExtent, PatternHistory, PatternHistoryRequest, StoredPatterns } from './patterns.ts';
import type { SqlAnswer, SqlRequest } from './protocol.ts';
import type { HotCopy, RemovalReason, Segment } from './segments.ts';
import type { Remote, StateCalls } from './state.ts';

export interface Store {
  /**
   * Appends rows, positions and gaps in one transaction.
   *
   * Either all of `batch` is durable when this resolves, or none of it is. Calls are applied in call order.
   * @throws RegressionError `STORE_FULL` (retryable) when the disk is full, `STORE_WRITE_FAILED` when the write was rolled
   * back for another reason, `STORE_CLOSED` after `close()`.
   */
  append(batch: Batch): Promise<Appended>;

  /** Every generation's position as last committed, oldest first. */
  positions(): Promise<readonly StoredPosition[]>;

  /** Every stretch of a file that is known to be lost, in the order found. */
  gaps(): Promise<readonly StoredGap[]>;

  /** The request remembered under `key`, as last committed; null when there is none, or none within the last day. */
  findRequest(key: string): Promise<IngestRequest | null>;

  /**
   * One page of rows from one consistent state of the store.
   * @throws RegressionError `QUERY_TIMEOUT` when it takes longer than `limits.deadlineMs`; ingest is not disturbed.
   */
  search(request: SearchRequest, limits: QueryLimits): Promise<SearchPage>;

  /** Counts per time step, oldest first, empty buckets left out. Same limits and errors as `search`. */
  hits(request: HitsRequest, limits: QueryLimits): Promise<readonly HitsBucket[]>;

  /**
   * Roll-ups of patterns, a history for each request, in their order and of one state: what they have in common is read once. Same limits
   * and errors as `search`.
   */
  patternHistories(requests: readonly PatternHistoryRequest[], limits: QueryLimits): Promise<readonly PatternHistory[]>;

  /** Between which minutes of the range there are counts; null for none. Same limits and errors as `search`. */
  patternExtent(request: PatternHistoryRequest, limits: QueryLimits): Promise<PatternExtent | null>;

  /** Every pattern that is no alias, for the miner at the start. */
  patterns(): Promise<StoredPatterns>;

  /** How often which values occur. Same limits and errors as `search`. */
  fieldCounts(request: FieldCountsRequest, limits: QueryLimits): Promise<FieldCounts>;

  /**
   * One reading SELECT on a consistent state, in a thread and with memory of its own.
   * @throws RegressionError `QUERY_INVALID` for anything else; `FORBIDDEN` for tables that hold credentials; as `search`.
   */
  sql(request: SqlRequest, limits: QueryLimits): Promise<SqlAnswer>;

  /** What the daemon remembers beside rows. */
  readonly state: Remote<StateCalls>;

  /**
   * Closes the hot file and begins a new one; the closed one becomes a segment. Null when there were no rows to close, and for
   * a store in memory.
   */
  rotate(): Promise<Segment | null>;

  /** As they are now, in the order of arrival. */
  segments(): Promise<readonly Segment[]>;

  /**
   * Takes whole segments out of the store for good, and remembers that: the files go once no query reads them. Unknown ids are no
   * error, so that it can be repeated.
   */
  removeSegments(firstIds: readonly number[], reason: RemovalReason): Promise<void>;

  /** Writes a copy of the hot file, complete and synced, while rows come in. @throws RegressionError, the file may be left half. */
  copyHot(path: string, limits: QueryLimits): Promise<HotCopy>;

  /** Resolves when every closed segment is sealed. */
  sealed(): Promise<void>;

  stats(): Promise<StoreStats>;

  /** Idempotent. Waits for appends under way; later calls are refused with `STORE_CLOSED`. */
  close(): Promise<void>;
}

export interface Appended {
  /** Ids of the appended rows are `firstId .. firstId + records - 1`, in the order given; 0 when there were none. */
  readonly firstId: number;
}

export interface QueryLimits {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface StoreStats {
  readonly lastId: number;
  readonly databaseBytes: number;
  readonly walBytes: number;
  readonly checkpoints: number;
  readonly openSnapshots: number;
  readonly segments: number;
  /** Of those, the ones still to be sealed. */
  readonly unsealedSegments: number;
  /** What rows take in the hot file and its WAL, each page once; 0 while every table still fits into its first page. */
  readonly hotRowBytes: number;
  readonly segmentBytes: number;
  /** Rows lost to damaged files, as far as they could be counted; ever, in this data directory. */
  readonly lostRows: number;
}
