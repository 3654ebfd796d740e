/**
 * A masked message while it is put together, and until the next: its words joined by single spaces. Nearly every one is known already,
 * so it stands in memory that is used again and is found by its hash; a string is made of it only when it is new.
 */
const space = 32;
/** Of 30 bits, which V8 keeps without an object. */
const hashMask = 0x3fffffff;
/** As FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), but two UTF-16 units at a time, turned so that the upper one tells too. */
const offsetBasis = 0x811c9dc5;
const prime = 0x01000193;
const firstCapacity = 4096;

export class MaskedText {
  #units = new Uint16Array(firstCapacity);
  /** The same memory. */
  #pairs = new Uint32Array(this.#units.buffer);
  #length = 0;

  static of(text: string): MaskedText {
    const masked = new MaskedText();
    masked.append(text);
    return masked;
  }

  clear(): void {
    this.#length = 0;
  }

  /** Adds a word, a part of `text`, behind a space if there is something before it. */
  addWord(text: string, start = 0, end = text.length): void {
    if (this.#length > 0) {
      this.#reserve(1);
      this.#units[this.#length++] = space;
    }
    this.append(text, start, end);
  }

  append(text: string, start = 0, end = text.length): void {
    this.#reserve(end - start);
    const units = this.#units;
    let length = this.#length;
    for (let at = start; at < end; at++) units[length++] = text.charCodeAt(at);
    this.#length = length;
  }

  /** Puts `word` in the place of the last `count` units. */
  replaceEnd(count: number, word: string): void {
    this.#length -= count;
    this.append(word);
  }

  get hash(): number {
    const pairs = this.#pairs;
    if (this.#length % 2 === 1) this.#units[this.#length] = 0;
    const count = (this.#length + 1) >> 1;
    let hash = offsetBasis;
    for (let at = 0; at < count; at++) hash = Math.imul(((hash << 5) | (hash >>> 27)) ^ (pairs[at] ?? 0), prime);
    return (hash ^ (hash >>> 15)) & hashMask;
  }

  equals(text: string): boolean {
    const length = this.#length;
    if (text.length !== length) return false;
    const units = this.#units;
    for (let at = 0; at < length; at++) if (text.charCodeAt(at) !== units[at]) return false;
    return true;
  }

  toString(): string {
    return Buffer.from(this.#units.buffer, 0, this.#length * 2).toString('utf16le');
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#units.length) return;
    const units = new Uint16Array(Math.max(this.#units.length * 2, needed + (needed % 2)));
    units.set(this.#units.subarray(0, this.#length));
    this.#units = units;
    this.#pairs = new Uint32Array(units.buffer);
  }
}
