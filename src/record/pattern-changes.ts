import type { Application } from './log-record.ts';
import type { PatternCounts } from './pattern-counts.ts';

/**
 * What a batch adds to the patterns (src/pattern): committed with its rows, in the same transaction. Patterns go by the number the miner
 * gave them, records by their place in the batch.
 */
export interface PatternChanges {
  /** Patterns that were not there before. */
  readonly added: readonly AddedPattern[];
  readonly merged: readonly MergedPattern[];
  readonly counts: PatternCounts;
  /** Values met where the pattern has a variable. */
  readonly values: readonly PatternValue[];
  /** Variables that take too many values to be kept one by one, or numbers. */
  readonly slots: readonly PatternSlot[];
}

export interface PatternName {
  readonly application: string;
  /** The source whose lines it was found in; empty for what sources share. */
  readonly source: string;
  /** 16 hexadecimal digits. */
  readonly id: string;
}

export interface AddedPattern extends PatternName {
  /** Given once, for the life of the data directory. */
  readonly number: number;
  readonly template: string;
  /** Places of the words whose variable was learned from different words. */
  readonly learned: readonly number[];
  /** Timestamp of the first record. */
  readonly firstSeen: string;
  /** The first record's message, cut. */
  readonly exemplar: string;
}

export interface MergedPattern {
  readonly number: number;
  readonly into: number;
  /** Of the pattern that it became part of. */
  readonly learned: readonly number[];
}

export interface PatternValue {
  readonly pattern: number;
  /** Place of the word in the template. */
  readonly place: number;
  readonly value: string;
  readonly count: number;
  readonly application: Application;
  /** Timestamp of the first record of the batch with this value. */
  readonly firstSeen: string;
}

export interface PatternSlot {
  readonly pattern: number;
  readonly place: number;
  /** More values than are kept one by one: those that are kept are only examples. */
  readonly isMany: boolean;
  /** Of a sample of the values that are numbers; null when there was none. */
  readonly minimum: number | null;
  readonly maximum: number | null;
  readonly application: Application;
}
