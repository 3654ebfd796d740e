/**
 * The values of one variable, while they are few, and how often each came.
 *
 * Looked at for every record: what is compared and counted are numbers that lie side by side, a text only where numbers cannot tell.
 */
import { ownText } from '../record/own-text.ts';

export interface ToldValue {
  readonly value: string;
  /** Occurrences since it was last told. */
  readonly count: number;
  /** Timestamp. */
  readonly firstSeen: string;
}

/** So many characters of one byte are a key that tells the value. */
const maxExactLength = 3;
/** A value has so many numbers: its key, occurrences since it was last told, those told. */
const fields = 3;

export class FewValues {
  readonly #numbers: number[] = [];
  readonly #texts: { readonly value: string; readonly firstSeen: string }[] = [];

  get size(): number {
    return this.#texts.length;
  }

  /** One more of what stands at `start` in `message`; `grown` when it is worth telling. */
  count(message: string, start: number, end: number): 'unknown' | 'known' | 'grown' {
    const key = keyOf(message, start, end);
    const numbers = this.#numbers;
    for (let at = 0; at < numbers.length; at += fields) {
      if (numbers[at] !== key || (key < 0 && !this.#isText(at / fields, message, start, end))) continue;
      const untold = (numbers[at + 1] ?? 0) + 1;
      numbers[at + 1] = untold;
      return isWorthTelling(untold, numbers[at + 2] ?? 0) ? 'grown' : 'known';
    }
    return 'unknown';
  }

  /** A value that is not known. */
  add(message: string, start: number, end: number, timestamp: string): void {
    this.#numbers.push(keyOf(message, start, end), 1, 0);
    this.#texts.push({ value: ownText(message.slice(start, end)), firstSeen: timestamp });
  }

  /**
   * Counts are told when they have grown by a quarter, so that common values cost next to nothing: what is told is at least four fifths
   * of the truth.
   */
  take(): ToldValue[] {
    const taken: ToldValue[] = [];
    for (const [place, { value, firstSeen }] of this.#texts.entries()) {
      const at = place * fields;
      const [untold = 0, told = 0] = this.#numbers.slice(at + 1, at + fields);
      if (untold === 0 || !isWorthTelling(untold, told)) continue;
      taken.push({ value, count: untold, firstSeen });
      this.#numbers[at + 1] = 0;
      this.#numbers[at + 2] = told + untold;
    }
    return taken;
  }

  #isText(place: number, message: string, start: number, end: number): boolean {
    const { value = '' } = this.#texts[place] ?? {};
    return value.length === end - start && message.startsWith(value, start);
  }
}

function isWorthTelling(untold: number, told: number): boolean {
  return untold * 4 >= told;
}

/** Less than 0: of texts that share it the text has to be compared. */
function keyOf(text: string, start: number, end: number): number {
  const length = end - start;
  let key = length;
  let hash = length;
  let isExact = length <= maxExactLength;
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code > 0xff) isExact = false;
    key = (key << 8) | code;
    hash = Math.imul(hash ^ code, 0x01000193);
  }
  return isExact ? key : -1 - ((hash ^ (hash >>> 15)) & 0x1fffffff);
}
