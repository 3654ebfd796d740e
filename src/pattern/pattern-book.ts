/**
 * What the miner keeps with a pattern: its number in the store, what the batch that is looked at adds to it, and the values of its
 * variables by release.
 */
import type { Application } from '../record/log-record.ts';
import type { PatternCount } from '../record/pattern-changes.ts';
import type { Severity } from '../record/severity.ts';
import { SlotValues } from './slot-values.ts';

interface Cell {
  readonly application: Application;
  readonly severity: Severity;
  readonly minute: number;
  /** Place of a record in the batch: it stands for all of them. */
  readonly record: number;
  count: number;
}

export class PatternBook {
  readonly number: number;
  #cells: Cell[] = [];
  /** Of this batch, the one counted last: most records are like the one before. */
  #last: Cell | null = null;
  #values: { readonly application: Application; readonly slots: SlotValues }[] = [];

  constructor(number: number) {
    this.number = number;
  }

  /** True for the first record of a batch. */
  count(application: Application, severity: Severity, minute: number, record: number): boolean {
    const last = this.#last;
    if (last !== null && isOf(last, application, severity, minute)) {
      last.count++;
      return false;
    }
    return this.#countOther(application, severity, minute, record);
  }

  #countOther(application: Application, severity: Severity, minute: number, record: number): boolean {
    const known = this.#cells.find((cell) => isOf(cell, application, severity, minute));
    if (known !== undefined) {
      known.count++;
      this.#last = known;
      return false;
    }
    this.#last = { application, severity, minute, record, count: 1 };
    this.#cells.push(this.#last);
    return this.#cells.length === 1;
  }

  /** Null when nothing is kept of this release's values yet. */
  valuesOf(application: Application): SlotValues | null {
    for (const known of this.#values) if (isSame(known.application, application)) return known.slots;
    return null;
  }

  keepValues(application: Application, words: readonly string[]): SlotValues {
    const slots = new SlotValues(words);
    this.#values.push({ application, slots });
    return slots;
  }

  /** @returns of how many releases. */
  forgetValues(): number {
    const { length } = this.#values;
    this.#values = [];
    return length;
  }

  /** What the batch added; the next one begins with nothing. */
  takeCounts(): readonly PatternCount[] {
    const { number: pattern } = this;
    const counts = this.#cells.map((cell) => ({ pattern, ...cell }));
    this.#cells = [];
    this.#last = null;
    return counts;
  }
}

function isOf(cell: Cell, application: Application, severity: Severity, minute: number): boolean {
  return cell.minute === minute && cell.severity === severity && isSame(cell.application, application);
}

function isSame(a: Application, b: Application): boolean {
  return a === b || (a.version === b.version && a.environment === b.environment && a.name === b.name);
}
