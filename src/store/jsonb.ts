/**
 * Writes SQLite's JSONB, the binary form its JSON functions read without parsing (https://sqlite.org/jsonb.html).
 *
 * Only what batches need: arrays, objects, text, integers and null. An element is a header (type in the low nibble, payload
 * size in the high nibble or in the 1, 2 or 4 big-endian bytes behind it) and its payload. Sizes may be written in more
 * bytes than needed, which is what lets a container's header be filled in after its content.
 */
const NULL = 0x0;
const INT = 0x3;
/** Text that SQLite escapes by itself when it renders JSON, so it is written as it is. */
const TEXTRAW = 0xa;
const ARRAY = 0xb;
const OBJECT = 0xc;

const SIZE_IN_1_BYTE = 0xc0;
const SIZE_IN_2_BYTES = 0xd0;
const SIZE_IN_4_BYTES = 0xe0;

/** Longer text is written faster by native code. */
const maxShortLength = 32;

export class JsonbWriter {
  /** False once a text had a character that is not ASCII. */
  isAscii = true;
  /** Has its memory for itself: what is not needed any more is freed at once, not when garbage is collected. */
  #buffer: Buffer<ArrayBuffer>;
  #length = 0;

  constructor(initialBytes = 64 * 1024) {
    this.#buffer = Buffer.allocUnsafeSlow(initialBytes);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Begins an array; give the answer to `end`. */
  beginArray(): number {
    return this.#begin(ARRAY);
  }

  /** Begins an object, whose content is text (a key) and value in turn; give the answer to `end`. */
  beginObject(): number {
    return this.#begin(OBJECT);
  }

  end(start: number): void {
    this.#buffer.writeUInt32BE(this.#length - start - 5, start + 1);
  }

  /** Takes back all that was written from `start` on, an answer of `beginArray` or `beginObject`. */
  rewind(start: number): void {
    this.#length = start;
  }

  null(): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = NULL;
  }

  /** An integer in the safe range; its payload is decimal text of at most 17 bytes, so the size needs 1 byte. */
  integer(value: number): void {
    this.#reserve(24);
    if (value >= 0 && value <= 9 && Number.isInteger(value)) {
      this.#buffer[this.#length++] = 0x10 | INT;
      this.#buffer[this.#length++] = 0x30 + value;
      return;
    }
    const written = this.#buffer.write(String(value), this.#length + 2, 'latin1');
    this.#buffer[this.#length] = SIZE_IN_1_BYTE | INT;
    this.#buffer[this.#length + 1] = written;
    this.#length += written + 2;
  }

  /** Well-formed text without NUL (see `cleanText`): lone surrogates would become invalid UTF-8. */
  text(value: string): void {
    const bound = value.length * 3; // UTF-8 bytes of a UTF-16 code unit, at most
    this.#reserve(bound + 5);
    const at = this.#length;
    let written: number;
    if (bound <= 0xff) {
      written = this.#buffer.write(value, at + 2, 'utf8');
      this.#buffer[at] = SIZE_IN_1_BYTE | TEXTRAW;
      this.#buffer[at + 1] = written;
      this.#length = at + 2 + written;
    } else if (bound <= 0xffff) {
      written = this.#buffer.write(value, at + 3, 'utf8');
      this.#buffer[at] = SIZE_IN_2_BYTES | TEXTRAW;
      this.#buffer.writeUInt16BE(written, at + 1);
      this.#length = at + 3 + written;
    } else {
      written = this.#buffer.write(value, at + 5, 'utf8');
      this.#buffer[at] = SIZE_IN_4_BYTES | TEXTRAW;
      this.#buffer.writeUInt32BE(written, at + 1);
      this.#length = at + 5 + written;
    }
    if (written !== value.length) this.isAscii = false;
  }

  /**
   * Writes text of a few ASCII characters faster than `text` does, which crosses into native code.
   *
   * @param lead a character from U+0001 to U+007F to put in front; 0 for none.
   * @returns false, and nothing is written, when the text is long, or has a NUL or anything that is not ASCII.
   */
  shortAscii(value: string, lead = 0): boolean {
    const { length } = value;
    if (length > maxShortLength) return false;
    this.#reserve(maxShortLength + 3);
    const buffer = this.#buffer;
    let at = this.#length + 2;
    if (lead !== 0) buffer[at++] = lead;
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code === 0 || code > 0x7f) return false;
      buffer[at++] = code;
    }
    buffer[this.#length] = SIZE_IN_1_BYTE | TEXTRAW;
    buffer[this.#length + 1] = at - this.#length - 2;
    this.#length = at;
    return true;
  }

  /** The bytes written, in an ArrayBuffer of their own, ready to be transferred to a thread. Nothing can be written any more. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffer.buffer.transfer(this.#length));
  }

  #begin(type: number): number {
    this.#reserve(5);
    const start = this.#length;
    this.#buffer[start] = SIZE_IN_4_BYTES | type;
    this.#length += 5;
    return start;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    this.#buffer = Buffer.from(this.#buffer.buffer.transfer(Math.max(this.#buffer.length * 2, this.#length + bytes)));
  }
}
