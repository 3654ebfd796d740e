/**
 * Which lines of one stream belong together. A grouping sees the stream's lines one by one, in order, and decides without looking
 * ahead; the framer holds the lines.
 */
import type { LinearPattern } from '../../runtime/linear-pattern.ts';

export type Verdict =
  /** A record of its own: what comes next cannot belong to it. */
  | 'alone'
  /** The first line of a record that may have more. */
  | 'begins'
  /** Belongs to the open record. */
  | 'continues'
  /** Belongs to the open record and is its last line. */
  | 'ends';

export interface Grouping {
  /** False while the open record is most likely complete: then its next line need not be waited for long. */
  readonly expectsMore: boolean;
  /** @param isCut the line's beginning only: the rest of it is still to come. */
  next(text: string, isCut: boolean): Verdict;
  /** The open record was closed because nothing came for a while: what comes now is not its continuation. */
  forget(): void;
}

export const eachLineAlone: Grouping = {
  expectsMore: true, // only the rest of a split line is ever waited for
  next: () => 'alone',
  forget() {
    // nothing is remembered
  },
};

/** Patterns of an operator; any of them may be absent. */
export interface GroupingPatterns {
  /** A line that matches begins a record; without `end`, lines that do not match continue it. */
  readonly start?: LinearPattern | undefined;
  /** A line that matches is the last of its record. */
  readonly end?: LinearPattern | undefined;
  /** The line behind one that matches belongs to the same record: `\\$`. */
  readonly continued?: LinearPattern | undefined;
  /** A line that matches belongs to the record before it: `^\s`. */
  readonly continuation?: LinearPattern | undefined;
}

export class PatternGrouping implements Grouping {
  /** Whoever gives patterns knows that there is more. */
  readonly expectsMore = true;
  readonly #patterns: GroupingPatterns;
  #isOpen = false;
  #isContinued = false;

  constructor(patterns: GroupingPatterns) {
    this.#patterns = patterns;
  }

  next(text: string): Verdict {
    const { end, continued } = this.#patterns;
    const belongs = this.#isOpen && this.#belongsToOpen(text);
    const isInside = belongs || this.#isOpenedBy(text);
    this.#isContinued = continued?.test(text) ?? false;
    const isLast = !isInside || (end?.test(text) ?? false) || (this.#onlyContinued && !this.#isContinued);
    this.#isOpen = !isLast;
    if (belongs) return isLast ? 'ends' : 'continues';
    return isLast ? 'alone' : 'begins';
  }

  forget(): void {
    this.#isOpen = false;
    this.#isContinued = false;
  }

  #belongsToOpen(text: string): boolean {
    const { start, end, continuation } = this.#patterns;
    if (this.#isContinued || continuation?.test(text)) return true;
    return start === undefined ? end !== undefined : !start.test(text);
  }

  /** With both a start and an end, a line between two records is a record of its own. */
  #isOpenedBy(text: string): boolean {
    const { start, end } = this.#patterns;
    return start === undefined || end === undefined || start.test(text);
  }

  /** Only `continued` given: a line that does not match it is the last of its record, so nobody need wait for the next. */
  get #onlyContinued(): boolean {
    const { start, end, continuation } = this.#patterns;
    return start === undefined && end === undefined && continuation === undefined;
  }
}
