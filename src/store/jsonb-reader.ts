/**
 * Reads what `JsonbWriter` has written, in the order in which it stands there. For bytes of our own: nothing is checked.
 *
 * Text is cut out of one string a window, so that a row with a dozen texts costs one call into native code.
 */
// oxlint-disable-next-line no-control-regex -- what is beyond ASCII is what this is about
const beyondAscii = /[^\0-\x7f]/;

export class JsonbReader {
  readonly #buffer: Buffer;
  readonly #isAscii: boolean;
  /** Where the next element begins. */
  at = 0;
  #payload = 0;
  #end = 0;
  /** The bytes from `#windowStart` on, a character each. */
  #window = '';
  #windowStart = 0;

  /** @param isAscii of all texts, as their writer says. */
  constructor(bytes: Uint8Array<ArrayBuffer>, isAscii: boolean) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#isAscii = isAscii;
  }

  get bytes(): Buffer {
    return this.#buffer;
  }

  /** Where the content of the element that was read last begins; of text, it ends at `at`. */
  get payload(): number {
    return this.#payload;
  }

  /** Goes into an array or object. @returns where it ends. */
  enter(): number {
    this.#header();
    this.at = this.#payload;
    return this.#end;
  }

  /** The same; texts in there can be read from now on. */
  enterWindow(): number {
    const end = this.enter();
    this.#windowStart = this.at;
    this.#window = this.#buffer.toString('latin1', this.at, end);
    return end;
  }

  skip(): void {
    this.#header();
    this.at = this.#end;
  }

  /** @param lead characters in front that are left out. */
  text(lead = 0): string {
    this.#header();
    this.at = this.#end;
    const bytes = this.#window.substring(this.#payload - this.#windowStart, this.#end - this.#windowStart);
    if (this.#isAscii || !beyondAscii.test(bytes)) return lead === 0 ? bytes : bytes.substring(lead);
    return this.#buffer.toString('utf8', this.#payload, this.#end).slice(lead);
  }

  integer(): number {
    return Number(this.text());
  }

  /** Without a window; never negative. */
  smallInteger(): number {
    this.skip();
    let value = 0;
    for (let at = this.#payload; at < this.#end; at++) value = value * 10 + (this.#buffer[at] ?? 0) - 0x30;
    return value;
  }

  /** https://sqlite.org/jsonb.html section 3: the size stands in the high nibble, or in the bytes behind it. */
  #header(): void {
    const at = this.at;
    const size = (this.#buffer[at] ?? 0) >> 4;
    if (size <= 11) {
      this.#payload = at + 1;
      this.#end = this.#payload + size;
    } else if (size === 12) {
      this.#payload = at + 2;
      this.#end = this.#payload + (this.#buffer[at + 1] ?? 0);
    } else if (size === 13) {
      this.#payload = at + 3;
      this.#end = this.#payload + this.#buffer.readUInt16BE(at + 1);
    } else {
      this.#payload = at + 5;
      this.#end = this.#payload + this.#buffer.readUInt32BE(at + 1);
    }
  }
}
