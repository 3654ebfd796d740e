/**
 * How often the patterns of a batch came, as numbers: a batch has about as many counts as it has records, and as objects they would be made,
 * handed on and collected with each.
 */
import { noApplication } from './application-places.ts';
import type { Application } from './log-record.ts';
import { type Severity, severities } from './severity.ts';

/** Minute since 1970 UTC, pattern, place of the release, rank of the severity, count, place of a record in the batch. */
export const countFields = 6;
/** Of these, the place of the release. */
export const releaseField = 2;

export interface PatternCounts {
  /** `countFields` integers a count. */
  readonly cells: Int32Array<ArrayBuffer>;
  readonly releases: readonly Application[];
}

/** One count, read. */
export interface PatternCount {
  readonly minute: number;
  readonly pattern: number;
  readonly application: Application;
  readonly severity: Severity;
  readonly count: number;
  /** One of the records: its row stands for all of them. */
  readonly record: number;
}

export function* countsIn({ cells, releases }: PatternCounts): Generator<PatternCount> {
  for (let at = 0; at + countFields <= cells.length; at += countFields) {
    const [minute = 0, pattern = 0, release = 0, rank = 0, count = 0, record = 0] = cells.subarray(
      at,
      at + countFields,
    );
    const application = releases[release] ?? noApplication;
    yield { minute, pattern, application, severity: severities[rank] ?? 'INFO', count, record };
  }
}
