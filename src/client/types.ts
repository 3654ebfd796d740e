/** What the endpoint takes and answers, as the client's users see it. The endpoint's own schemas are in query/schemas.ts. */
import type { DigestAnswer } from '../query/pattern-schemas.ts';
import type { LogRow, Order } from '../search/request.ts';

export type { LogRow, Order } from '../search/request.ts';

/** The parameters that every asking route takes; `metadata` becomes `meta.<key>=`. */
export interface FilterQuery {
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly severity?: string | undefined;
  readonly application?: string | undefined;
  readonly version?: string | undefined;
  readonly environment?: string | undefined;
  readonly source?: string | undefined;
  /** A pattern's id. */
  readonly pattern?: string | undefined;
  /** The search language. */
  readonly q?: string | undefined;
  readonly metadata?: readonly (readonly [key: string, value: string])[] | undefined;
  readonly after_id?: number | undefined;
}

export interface LogsQuery extends FilterQuery {
  readonly order?: Order | undefined;
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

export interface LogsPage {
  readonly rows: readonly LogRow[];
  readonly next: string | null;
  readonly truncated: boolean;
  readonly stats: { readonly rows: number; readonly last_id: number; readonly elapsed_ms: number };
}

export interface RowContext {
  readonly before: readonly LogRow[];
  readonly row: LogRow;
  readonly after: readonly LogRow[];
}

export interface Hits {
  readonly hits: readonly {
    readonly timestamps: readonly string[];
    readonly values: readonly number[];
    readonly total: number;
  }[];
}

export interface Facets {
  readonly facets: readonly {
    readonly field_name: string;
    readonly values: readonly { readonly field_value: string; readonly hits: number }[];
  }[];
  readonly rows: number;
  readonly truncated: boolean;
}

export interface FieldValues {
  readonly values: readonly { readonly value: string; readonly hits: number }[];
  readonly rows: number;
  readonly truncated: boolean;
}

/** Rows that a reader did not get: it was too slow, or they had gone to retention when it came back. */
export interface MissedRows {
  /** How many; at most, when they have gone to retention. */
  readonly rows: number;
  readonly first_id: number;
  readonly last_id: number;
}

/** A row, or word of rows that were missed. */
export interface TailEvent {
  readonly row?: LogRow;
  readonly missed?: MissedRows;
}

/** As `TailEvent`, or word of a connection that was lost; the next one is tried in `retryMs`. */
export interface FollowEvent extends TailEvent {
  readonly lost?: { readonly reason: string; readonly retryMs: number };
}

/** Which input's files are asked for. */
export interface InputsQuery {
  readonly path?: string | undefined;
  readonly device?: string | undefined;
  readonly inode?: string | undefined;
}

export interface SqlQuery {
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly max_rows?: number | undefined;
}

export interface SqlResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number | null)[])[];
  readonly limit: 'rows' | 'bytes' | null;
  /** Whose rows were asked. */
  readonly files: readonly string[];
  /** False when older segments of the time range, `left_out` of them, were not read. */
  readonly complete: boolean;
  readonly left_out: number;
  readonly elapsed_ms: number;
}

export interface ConsumerSettings extends Omit<FilterQuery, 'metadata' | 'after_id'> {
  readonly meta?: Readonly<Record<string, string>>;
  /** `beginning` (the default), `end`, `id:N` or a time. */
  readonly from?: string;
  readonly ack_wait?: string;
  readonly max_deliver?: number;
}

export interface Consumer {
  readonly name: string;
  readonly owner: string;
  readonly position: number;
  readonly lag: number;
  readonly batch: {
    readonly id: string;
    readonly first_id: number;
    readonly last_id: number;
    readonly rows: number;
    readonly deliveries: number;
    readonly leased_until: string;
  } | null;
  readonly ack_wait_ms: number;
  readonly max_deliver: number;
  readonly acked_rows: number;
  readonly parked_batches: number;
  readonly lost_ids: number;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface PullLimits {
  /** `digest`: instead of its rows, what the batch says. */
  readonly view?: 'rows' | 'digest';
  readonly max_rows?: number;
  readonly max_bytes?: number;
  readonly max_tokens?: number;
  readonly wait?: string;
}

export interface Batch {
  /** Null when there are no rows. */
  readonly batch: string | null;
  readonly deliveries: number;
  readonly leased_until: string | null;
  readonly gap: { readonly first_id: number; readonly last_id: number } | null;
  readonly over_limit: boolean;
  readonly lag: number;
  /** Rows of the batch. */
  readonly row_count: number;
  /** With `view: 'digest'`, unless there are no rows. */
  readonly digest: DigestAnswer | null;
  /** Empty with `view: 'digest'`. */
  readonly rows: readonly LogRow[];
}

export type BatchOfRows = Batch & { readonly batch: string };

export type Role = 'admin' | 'viewer' | 'datasource';

export interface User {
  readonly username: string;
  readonly role: Role;
  readonly created_at: string;
}

export interface Token {
  readonly id: number;
  readonly username: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly created_at: string;
  readonly expires_at: string | null;
}

/** With the secret, which is shown this once. */
export interface CreatedToken extends Token {
  readonly token: string;
}

export interface Application {
  readonly id: number;
  readonly name: string;
  readonly version: string | null;
  readonly environment: string | null;
  readonly owner: string | null;
  readonly created_at: string;
}

/** A span of time and a release, both optional. */
export interface SpanQuery {
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly application?: string | undefined;
  readonly version?: string | undefined;
  readonly environment?: string | undefined;
}

export interface PatternsQuery extends SpanQuery {
  readonly severity?: string | undefined;
  /** `count`, `rare`, `new` or `burst`. */
  readonly sort?: string | undefined;
  readonly limit?: number | undefined;
}

/** Two releases (`baseline`, `target`), or two spans of time. */
export interface DiffQuery {
  readonly baseline?: string | undefined;
  readonly target?: string | undefined;
  readonly baseline_start?: string | undefined;
  readonly baseline_end?: string | undefined;
  readonly target_start?: string | undefined;
  readonly target_end?: string | undefined;
  readonly application?: string | undefined;
  readonly environment?: string | undefined;
  readonly min_support?: number | undefined;
  readonly limit?: number | undefined;
}
