/**
 * The values that stand where a pattern has its variables, per release: one by one while they are few, else as a range.
 *
 * What is few may be a status, a region, a queue: a release that brings a new one is worth a word. What is many (ids, durations) is only
 * sampled. Bounded: `maxValues` a variable, `maxSlots` variables a pattern, values cut at `maxValueLength`.
 *
 * Looked at for every record that is stored, so nothing is cut out of a message that is known already.
 */
import { isDigitAt } from './characters.ts';
import { FewValues, type ToldValue } from './few-values.ts';
import { durationUnits, longestUnit, sizeUnits } from './fold.ts';
import type { Masker } from './mask.ts';

export const maxValues = 16;
const maxSlots = 12;
export const maxValueLength = 64;
/** Of variables that take many values one record in so many is looked at, for their ranges. */
const sampleEvery = 16;

export interface SlotChange {
  readonly place: number;
  readonly values: readonly ToldValue[];
  /** Null when nothing changed beside the values. */
  readonly range: { readonly isMany: boolean; readonly minimum: number | null; readonly maximum: number | null } | null;
}

interface Slot {
  readonly place: number;
  readonly prefix: string;
  readonly suffix: string;
  few: FewValues;
  isMany: boolean;
  minimum: number;
  maximum: number;
  isRangeFresh: boolean;
}

export class SlotValues {
  readonly #slots: readonly Slot[];
  /** Those whose values are few. */
  #open: readonly Slot[];
  #seen = 0;
  #hasChanges = false;

  constructor(words: readonly string[]) {
    this.#slots = slotsOf(words);
    this.#open = this.#slots;
  }

  /**
   * @param masker has masked `message` last.
   * @returns true when there is something to take and there was nothing before.
   */
  observe(masker: Masker, message: string, timestamp: string): boolean {
    const isSample = this.#seen++ % sampleEvery === 0;
    const hadChanges = this.#hasChanges;
    for (const slot of isSample ? this.#slots : this.#open) {
      const start = masker.startOf(slot.place);
      if (start >= 0) this.#observeSlot(slot, message, start, masker.endOf(slot.place), timestamp);
    }
    return this.#hasChanges && !hadChanges;
  }

  /** What has not been taken is not told. */
  forget(): void {
    this.#hasChanges = false;
  }

  /** What is new since the last call. */
  takeChanges(): SlotChange[] {
    if (!this.#hasChanges) return [];
    this.#hasChanges = false;
    const changes: SlotChange[] = [];
    for (const slot of this.#slots) {
      const values = slot.few.take();
      if (values.length === 0 && !slot.isRangeFresh) continue;
      const hasNumbers = slot.minimum <= slot.maximum;
      const range = {
        isMany: slot.isMany,
        minimum: hasNumbers ? slot.minimum : null,
        maximum: hasNumbers ? slot.maximum : null,
      };
      changes.push({
        place: slot.place,
        values,
        range: slot.isRangeFresh ? range : null,
      });
      // Once they are many they are no longer looked up; who has been told of them knows them.
      if (slot.isMany) slot.few = new FewValues();
      slot.isRangeFresh = false;
    }
    return changes;
  }

  /** @param wordStart where the variable's word stands in `message`. */
  #observeSlot(slot: Slot, message: string, wordStart: number, wordEnd: number, timestamp: string): void {
    const { prefix, suffix } = slot;
    let start = wordStart;
    let end = wordEnd;
    // What the template has around the variable is no part of the value; where it says nothing, punctuation is none.
    if (prefix !== '' && message.startsWith(prefix, start)) start += prefix.length;
    else while (start < end && isOpening(message.charCodeAt(start))) start++;
    if (suffix !== '' && message.endsWith(suffix, end)) end -= suffix.length;
    else while (end > start && isClosing(message.charCodeAt(end - 1))) end--;
    end = Math.max(start, Math.min(end, start + maxValueLength));
    if (slot.isMany) return this.#widen(slot, message, start, end);
    const counted = slot.few.count(message, start, end);
    if (counted === 'grown') this.#hasChanges = true;
    if (counted !== 'unknown') return;
    this.#widen(slot, message, start, end);
    this.#hasChanges = true;
    if (slot.few.size < maxValues) {
      slot.few.add(message, start, end, timestamp);
      return;
    }
    slot.isMany = true;
    slot.isRangeFresh = true;
    this.#open = this.#open.filter((other) => other !== slot);
  }

  /** Ranges of what is many are told in steps of a tenth of their width: an id that only grows would else be news in every batch. */
  #widen(slot: Slot, message: string, start: number, end: number): void {
    const first = message.charCodeAt(start);
    if (first !== 45 && (first < 48 || first > 57)) return;
    const number = numberIn(message, start, end);
    if (!(number < slot.minimum || number > slot.maximum)) return;
    const width = slot.maximum - slot.minimum;
    const beyond = Math.max(slot.minimum - number, number - slot.maximum);
    if (slot.isMany && beyond < width / 10) return;
    slot.minimum = Math.min(slot.minimum, number);
    slot.maximum = Math.max(slot.maximum, number);
    slot.isRangeFresh = true;
    this.#hasChanges = true;
  }
}

/** Places of the words of a template that hold a variable. */
export function variablePlaces(words: readonly string[]): number[] {
  return words.flatMap((word, place) => (maskIn.test(word) ? [place] : [])).slice(0, maxSlots);
}

const maskIn = /<[a-z*]+>/;

function slotsOf(words: readonly string[]): Slot[] {
  return variablePlaces(words).map((place) => {
    const word = words[place] ?? '';
    return {
      place,
      prefix: word.slice(0, word.search(maskIn)),
      suffix: word.slice(word.lastIndexOf('>') + 1),
      few: new FewValues(),
      isMany: false,
      minimum: Number.POSITIVE_INFINITY,
      maximum: Number.NEGATIVE_INFINITY,
      isRangeFresh: false,
    };
  });
}

function isOpening(code: number): boolean {
  return code === 40 || code === 91 || code === 123 || code === 34 || code === 39 || code === 60; // ([{"'<
}

function isClosing(code: number): boolean {
  // )]}"'>,;:.
  return code === 41 || code === 93 || code === 125 || code === 34 || code === 39 || code === 62 || isPunctuation(code);
}

function isPunctuation(code: number): boolean {
  return code === 44 || code === 59 || code === 58 || code === 46;
}

/**
 * A plain decimal, with a unit or without (`12.5ms`); else NaN, which is neither less nor more: `5e96` and `10.0.0.7` are no numbers.
 * Read by hand: it is asked for every value of a variable that takes many.
 */
function numberIn(text: string, start: number, end: number): number {
  const whole = text.charCodeAt(start) === 45 ? start + 1 : start;
  let at = endOfDigits(text, whole, end);
  if (at === whole) return Number.NaN;
  if (at < end && text.charCodeAt(at) === 46) {
    const fraction = at + 1;
    at = endOfDigits(text, fraction, end);
    if (at === fraction) return Number.NaN;
  }
  if (at < end && (end - at > longestUnit || !isUnit(text.slice(at, end).toLowerCase()))) return Number.NaN;
  return Number(text.slice(start, at));
}

/** At most as many as a number is exact with. */
function endOfDigits(text: string, start: number, end: number): number {
  let at = start;
  while (at < end && at - start < mostDigits && isDigitAt(text, at)) at++;
  return at;
}

const mostDigits = 15;

/** One letter is more often the end of a hexadecimal id than a byte. */
function isUnit(word: string): boolean {
  if (word.length <= 1) return ['', '%', 's'].includes(word);
  return durationUnits.has(word) || sizeUnits.has(word);
}
