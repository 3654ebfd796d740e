/** What a reader answers questions from. */
import type { Segment } from '../segments.ts';
import type { KeptOrder } from './kept-order.ts';
import type { NumberColumns } from './number-columns.ts';
import type { PageReader } from './pages/page-file.ts';
import type { SegmentAnswers } from './segment-answers.ts';
import type { Sqlite } from './sqlite.ts';
import type { UnsealedRows } from './unsealed-rows.ts';

export interface Sources {
  /** A snapshot of the hot file, or the writer's own connection. */
  readonly hot: Sqlite;
  /** In the order of arrival; together with `hot` they hold every row once. */
  readonly segments: readonly Segment[];
  /** The connection stays valid until the next call. */
  open(segment: Segment): Sqlite;
  /** Of a segment, or of `hot` as it is or with more rows at the end; without it the engine reads all there is. */
  readonly openPages?: (segment: Segment | null) => PageReader;
  readonly answers: SegmentAnswers;
  /** What is known of the files that are not sealed; without it they are read through. */
  readonly unsealed?: UnsealedRows;
  /** Of rows that were asked for ranges or ends; without them these are looked for anew each time. */
  readonly numbers?: NumberColumns;
  /** Of `hot`, as long as it is in this state. */
  readonly hotOrder?: KeptOrder;
}

/** @param segment null for the hot file. */
export function databaseOf(sources: Sources, segment: Segment | null): Sqlite {
  return segment === null ? sources.hot : sources.open(segment);
}
