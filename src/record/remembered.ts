/**
 * Remembers what was made of texts that come again and again (a host, a program, a process id), so that the rows that say the same share
 * one object: rows wait for the store by the ten thousand, and what they are made of is what the garbage collector has to carry.
 */
import { ownText } from './own-text.ts';

/** Longer texts are no names. */
const maxLength = 64;
const maxTexts = 2000;

export class Remembered<Made> {
  readonly #make: (text: string) => Made;
  readonly #made = new Map<string, Made>();

  /** @param make whose answer depends on the text alone. */
  constructor(make: (text: string) => Made) {
    this.#make = make;
  }

  of(text: string): Made {
    const known = this.#made.get(text);
    if (known !== undefined) return known;
    if (text.length > maxLength) return this.#make(text);
    if (this.#made.size === maxTexts) this.#made.clear();
    const own = ownText(text);
    const made = this.#make(own);
    this.#made.set(own, made);
    return made;
  }
}
