/**
 * What the miner keeps with a pattern: its number in the store, and the values of its variables by release.
 */
import type { Application } from '../record/log-record.ts';
import { SlotValues } from './slot-values.ts';

interface ReleaseValues {
  readonly application: Application;
  readonly slots: SlotValues;
}

export class PatternBook {
  readonly number: number;
  #values: ReleaseValues[] = [];
  /** Of them, those that were asked for last: most records are of the release that the one before was of. */
  #last: ReleaseValues | null = null;

  constructor(number: number) {
    this.number = number;
  }

  /** Null when nothing is kept of this release's values yet. */
  valuesOf(application: Application): SlotValues | null {
    if (this.#last !== null && this.#last.application === application) return this.#last.slots;
    this.#last = this.#values.find((known) => isSame(known.application, application)) ?? null;
    return this.#last?.slots ?? null;
  }

  keepValues(application: Application, words: readonly string[]): SlotValues {
    const slots = new SlotValues(words);
    this.#values.push({ application, slots });
    return slots;
  }

  /** Nothing of them is told any more. @returns of how many releases. */
  forgetValues(): number {
    const { length } = this.#values;
    for (const { slots } of this.#values) slots.forget();
    this.#values = [];
    this.#last = null;
    return length;
  }
}

function isSame(a: Application, b: Application): boolean {
  return a === b || (a.version === b.version && a.environment === b.environment && a.name === b.name);
}
