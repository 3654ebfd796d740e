/**
 * What can be asked of the rows. The HTTP routes, the command line and the store share these types.
 */
import type { Severity } from '../record/severity.ts';
import type { SearchText } from './query.ts';

/** Which rows. Every part that is present must hold. */
export interface Filter {
  /** Inclusive, fixed-width UTC microseconds like `LogRecord.timestamp`. */
  readonly start?: string | undefined;
  /** Exclusive. */
  readonly end?: string | undefined;
  /** The lowest severity wanted. */
  readonly minSeverity?: Severity | undefined;
  readonly application?: string | undefined;
  readonly version?: string | undefined;
  readonly environment?: string | undefined;
  readonly source?: string | undefined;
  /** Each pair must be among the row's metadata. */
  readonly metadata?: readonly (readonly [type: string, value: string])[] | undefined;
  /** What `q` asks for, see parse-query.ts. */
  readonly search?: SearchText | undefined;
  /** Rows that arrived after this one; with order `arrival` a reader that asks again and again misses no late entry. */
  readonly afterId?: number | undefined;
  /** Rows up to and including this one. */
  readonly untilId?: number | undefined;
}

/** By timestamp, oldest or newest first; or in the order of arrival, oldest first. Rows of one timestamp go by id. */
export type Order = 'asc' | 'desc' | 'arrival';

export interface SearchRequest {
  readonly filter: Filter;
  readonly order: Order;
  readonly limit: number;
  /** Where the page before ended: rows strictly behind this place in `order`. */
  readonly after?: RowPlace | undefined;
  /** Whoever passes the rows on as bytes may get them so: see `SearchPage.bytes`. */
  readonly asBytes?: boolean | undefined;
}

export interface RowPlace {
  readonly timestamp: string;
  readonly id: number;
}

/** Both inclusive. */
export interface IdRange {
  readonly firstId: number;
  readonly lastId: number;
}

export interface SearchPage {
  /** The rows as NDJSON text, each line ending in a newline, keys in the order of the API's row schema. */
  readonly ndjson: string;
  /**
   * The same as UTF-8, in its stead; only where it was asked for, and where rows are read as bytes. Not to be changed; what its buffer has
   * behind them is nobody's.
   */
  readonly bytes?: Uint8Array<ArrayBuffer>;
  readonly rowCount: number;
  /** Place of the last row; null for an empty page. */
  readonly last: RowPlace | null;
  /** True when there are rows behind the last one. */
  readonly hasMore: boolean;
  /** Id of the row that arrived last, matching or not, in the state that was asked; 0 for an empty store. */
  readonly lastId: number;
  /** Lowest id that is still stored, matching or not; 0 for an empty store. What lay below it has gone to retention. */
  readonly firstId: number;
  /**
   * Ids that have gone to retention, in rising order, among those that this page has walked: behind `filter.afterId` and up to its last
   * row or, where there is no next page, to `filter.untilId` or the last id. Only in order of arrival; else empty.
   */
  readonly holes: readonly IdRange[];
}

export interface HitsRequest {
  readonly filter: Filter;
  /** Width of a bucket, at least 1 second; buckets begin at multiples of it since 1970. */
  readonly stepSeconds: number;
}

export interface HitsBucket {
  /** Begin of the bucket, fixed-width UTC microseconds. */
  readonly timestamp: string;
  readonly count: number;
}

/** Asks how often which values occur among the newest rows that a filter finds. */
export interface FieldCountsRequest {
  readonly filter: Filter;
  /** Columns by their name and metadata keys as `meta.<key>`; or `names`: the metadata keys themselves; or `all` metadata keys. */
  readonly fields: readonly string[] | 'names' | 'all';
  /** Values of a field, the most frequent first. */
  readonly limit: number;
  /** Rows looked at, at most. */
  readonly maxRows: number;
}

export interface FieldCounts {
  readonly fields: readonly FieldValues[];
  /** Rows looked at. */
  readonly rows: number;
  /** True when there are more rows than `maxRows`. */
  readonly truncated: boolean;
}

export interface FieldValues {
  /** As in the request; metadata keys as `meta.<key>`. */
  readonly field: string;
  readonly values: readonly { readonly value: string; readonly hits: number }[];
}

/** One row as the API, `logs --json` and `parse` print it. */
export interface LogRow {
  readonly id: number;
  readonly timestamp: string;
  readonly severity: Severity;
  readonly application: string;
  readonly version: string | null;
  readonly environment: string | null;
  readonly source: string;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
}
