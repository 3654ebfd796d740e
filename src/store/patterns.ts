/**
 * What can be asked of the roll-ups of patterns. What the answers mean (new, gone, a burst) is found out in src/pattern.
 */
import type { Severity } from '../record/severity.ts';
import type { PatternName } from '../record/pattern-changes.ts';

/** A pattern that is no alias, as the miner needs it at the start. */
export interface StoredPattern extends PatternName {
  readonly number: number;
  readonly template: string;
  /** Places whose variable was learned from different words. */
  readonly learned: readonly number[];
}

/** What the miner begins with. */
export interface StoredPatterns {
  readonly patterns: readonly StoredPattern[];
  /** The highest number ever given, aliases included; 0 before the first. */
  readonly lastNumber: number;
}

export interface PatternHistoryRequest {
  /** Minutes since 1970 UTC, inclusive. Roll-ups older than two days are hours. */
  readonly fromMinute: number;
  /** Exclusive. */
  readonly toMinute: number;
  /** Width of a bucket; buckets are counted from `fromMinute`. */
  readonly stepMinutes: number;
  readonly application?: string | undefined;
  readonly version?: string | undefined;
  readonly environment?: string | undefined;
  /** Where not all is needed: no values and slots (`counts`), or nothing but cells and releases. The rest of the answer is empty. */
  readonly only?: 'counts' | 'cells' | undefined;
}

/** Minutes of the first and of the last record, both inclusive. */
export interface PatternExtent {
  readonly first: number;
  readonly last: number;
}

export interface PatternHistory {
  /** Those with a count in the range, those that they lead to, and those with learned variables of the same applications. */
  readonly patterns: readonly PatternRow[];
  readonly releases: readonly Release[];
  readonly cells: readonly PatternCell[];
  readonly values: readonly ReleaseValue[];
  readonly slots: readonly ReleaseSlot[];
}

export const noHistory: PatternHistory = { patterns: [], releases: [], cells: [], values: [], slots: [] };

export interface PatternRow extends PatternName {
  readonly number: number;
  readonly template: string;
  /** Places whose variable was learned from different words. */
  readonly learned: readonly number[];
  /** Number of the pattern it is an alias of. */
  readonly mergedInto: number | null;
  /** Timestamp of its first record ever, from any source of its application and as any of its aliases. */
  readonly firstSeen: string;
  readonly exemplar: string;
}

/** One row of `applications`. */
export interface Release {
  readonly id: number;
  readonly name: string;
  readonly version: string | null;
  readonly environment: string | null;
}

export interface PatternCell {
  /** Number of the pattern. */
  readonly pattern: number;
  readonly release: number;
  readonly severity: Severity;
  readonly bucket: number;
  readonly count: number;
  readonly firstMinute: number;
  readonly lastMinute: number;
  /** Id of one of the rows; the row itself may have gone. */
  readonly exemplarId: number;
}

export interface ReleaseValue {
  readonly pattern: number;
  readonly release: number;
  /** Place of the word in the template. */
  readonly place: number;
  readonly value: string;
  readonly count: number;
  readonly firstSeen: string;
}

export interface ReleaseSlot {
  readonly pattern: number;
  readonly release: number;
  readonly place: number;
  readonly isMany: boolean;
  readonly minimum: number | null;
  readonly maximum: number | null;
}
