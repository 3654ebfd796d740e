/**
 * What the miner keeps with a pattern: its number in the store, and the values of its variables by release.
 */
import type { Application } from '../record/log-record.ts';
import { SlotValues } from './slot-values.ts';

export class PatternBook {
  readonly number: number;
  #values: { readonly application: Application; readonly slots: SlotValues }[] = [];

  constructor(number: number) {
    this.number = number;
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

  /** Nothing of them is told any more. @returns of how many releases. */
  forgetValues(): number {
    const { length } = this.#values;
    for (const { slots } of this.#values) slots.forget();
    this.#values = [];
    return length;
  }
}

function isSame(a: Application, b: Application): boolean {
  return a === b || (a.version === b.version && a.environment === b.environment && a.name === b.name);
}
