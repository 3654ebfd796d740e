/** A change between two sides as it is told, and what it is found from. */
import type { Severity } from '../record/severity.ts';
import type { PatternSummary } from './summary.ts';

export type ChangeKind = 'new' | 'gone' | 'more' | 'less' | 'severity_raised' | 'severity_lowered' | 'new_value';

export interface Side {
  readonly patterns: readonly PatternSummary[];
  /** Minutes in which the side logged anything, from its first to its last record. */
  readonly minutes: number;
}

export interface Change {
  readonly kind: ChangeKind;
  readonly application: string;
  readonly id: string;
  readonly template: string;
  readonly severity: Severity;
  readonly baseline: SideCount;
  readonly target: SideCount;
  /** How many times the rate it would have had with nothing changed; null where there is none to compare with. */
  readonly ratio: number | null;
  /** Likelihood ratio, by which changes of one severity are ranked. */
  readonly score: number;
  /** Probability of as much by chance. */
  readonly chance: number;
  /** The verdict with its numbers, for people. */
  readonly because: string;
  readonly exemplar: string;
  readonly exemplarId: number;
  /** Of `new_value`. */
  readonly variable: { readonly place: number; readonly word: string; readonly value: string } | null;
}

export interface SideCount {
  readonly count: number;
  readonly perMinute: number;
  /** Of all records of the application on this side, 0 to 1. */
  readonly share: number;
  /** A row of it; null where the side has none. */
  readonly exemplarId: number | null;
}

export interface CompareOptions {
  /** Fewer records of a pattern than this, on the side that has more, are no change. */
  readonly minSupport?: number;
  /** Rates that differ by less than this factor are no change. */
  readonly minRatio?: number;
  /** Values first seen from this timestamp on are new: for spans of one release. Absent: values the baseline never had are. */
  readonly newValuesFrom?: string | undefined;
}
