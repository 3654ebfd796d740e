/** Makes texts of bytes, many of which are the same: one that came lately is found by its bytes, which is less work than to make it again. */

const places = 256;

export class RepeatedTexts {
  /** By a few of their bytes; another one takes the place. Only of ASCII: a character a byte. */
  readonly #lately: string[] = Array.from({ length: places }, () => '');

  text(bytes: Buffer, start: number, length: number): string {
    const [first = 0, middle = 0, last = 0] = [
      bytes[start],
      bytes[start + (length >>> 1)],
      bytes[start + Math.max(length - 1, 0)],
    ];
    const place = (length * 37 + first * 7 + middle * 17 + last) % places;
    const known = this.#lately[place] ?? '';
    if (known.length === length && isAt(known, bytes, start)) return known;
    const text = bytes.toString('utf8', start, start + length);
    if (text.length === length) this.#lately[place] = text;
    return text;
  }
}

/** Not true by chance for what is no ASCII: a byte beyond it is none of a character's number in UTF-8. */
function isAt(text: string, bytes: Buffer, start: number): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) !== bytes[start + at]) return false;
  return true;
}
