/** Looks for a text among bytes of UTF-8, upper and lower case of ASCII alike, as LIKE has it. */
export class FoldedBytes {
  readonly #lower: Uint8Array;
  readonly #upper: Uint8Array;
  /** By the byte under the last of the text: how far on the text can stand next (Horspool). */
  readonly #steps: Uint8Array;

  /** @param text at least one byte. */
  constructor(text: Uint8Array) {
    this.#lower = text.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte));
    this.#upper = text.map((byte) => (byte >= 0x61 && byte <= 0x7a ? byte - 32 : byte));
    const last = text.length - 1;
    this.#steps = new Uint8Array(256).fill(Math.min(text.length, 255));
    for (let at = 0; at < last; at++) {
      const step = Math.min(last - at, 255);
      this.#steps[this.#lower[at] ?? 0] = step;
      this.#steps[this.#upper[at] ?? 0] = step;
    }
  }

  /** The first place at `start` or behind it; -1 without one before `end`. */
  indexIn(bytes: Uint8Array, start: number, end: number): number {
    const [lower, upper, steps] = [this.#lower, this.#upper, this.#steps];
    const last = lower.length - 1;
    for (let at = start; at + last < end;) {
      let place = last;
      for (; place >= 0; place--) {
        const byte = bytes[at + place];
        if (byte !== lower[place] && byte !== upper[place]) break;
      }
      if (place < 0) return at;
      at += steps[bytes[at + last] ?? 0] ?? 1;
    }
    return -1;
  }
}
