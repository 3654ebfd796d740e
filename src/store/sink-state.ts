/** What the store remembers of sinks: how far each is, the batch it has out, and the rows that its upstream refuses. */
import type { Filter } from '../search/request.ts';

/** Rows behind `position` up to `lastId` that match the filter: rows never change, so it is the same rows whenever it is read. */
export interface SinkBatchRange {
  readonly lastId: number;
  /** Rows that match. */
  readonly rows: number;
  readonly filter: Filter;
  /** Into how many parts it was divided to be sent at once. */
  readonly lanes: number;
}

export interface SinkState {
  readonly name: string;
  /** Rows up to this id are done with. */
  readonly position: number;
  readonly batch: SinkBatchRange | null;
  readonly deliveredRows: number;
  /** Rows that went unsent: to retention, or past the sink's `max_backlog`. */
  readonly droppedRows: number;
  readonly deadLetters: number;
  readonly updatedAt: string;
}

export interface DeadLetter {
  readonly id: number;
  readonly sink: string;
  readonly logId: number;
  /** The row as JSON, in the API's shape. */
  readonly row: string;
  readonly reason: string;
  readonly attempts: number;
  /** It is about to be sent once more. */
  readonly isDue: boolean;
  readonly failedAt: string;
}

export type NewDeadLetter = Pick<DeadLetter, 'logId' | 'row' | 'reason'>;

export interface FinishedBatch {
  readonly position: number;
  readonly deliveredRows: number;
  readonly droppedRows: number;
  readonly deadLetters: readonly NewDeadLetter[];
}

export interface SinkCalls {
  /** Hex; names this store for ever. */
  origin(): string;
  /** The sink as it was left; a new one stands at `position`. */
  openSink(name: string, position: number): SinkState;
  /** All that were ever opened, by name. */
  sinks(): readonly SinkState[];
  /** Remembers which batch is out. */
  beginBatch(name: string, batch: SinkBatchRange): void;
  /** Moves on: no batch is out any more. */
  finishBatch(name: string, finished: FinishedBatch): void;
  /** Oldest first. */
  deadLetters(sink: string | null, limit: number): readonly DeadLetter[];
  /** Has them sent once more; all of the sink without `ids`. @returns how many. */
  retryDeadLetters(sink: string, ids: readonly number[] | null): number;
  /** @returns how many. */
  dropDeadLetters(sink: string, ids: readonly number[] | null): number;
  /** Those to be sent once more, oldest first. */
  dueDeadLetters(sink: string, limit: number): readonly DeadLetter[];
  /** What became of letters that were sent once more: gone, or refused again. */
  settleDeadLetters(
    sink: string,
    delivered: readonly number[],
    refused: readonly { readonly id: number; readonly reason: string }[],
  ): void;
}
