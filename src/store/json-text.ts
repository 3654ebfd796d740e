/** JSON text being written, of texts that are UTF-8 already. Escapes are the engine's. */
import { free } from '../runtime/free.ts';

const quote = 0x22;
const backslash = 0x5c;
const shortEscapes: ReadonlyMap<number, string> = new Map([
  [quote, '"'],
  [backslash, '\\'],
  [8, 'b'],
  [9, 't'],
  [10, 'n'],
  [12, 'f'],
  [13, 'r'],
]);

export class JsonText {
  #buffer: Buffer<ArrayBuffer>;
  #length = 0;
  /** A bit that no ASCII has is set in it once a byte of the text has it. */
  #allBits = 0;

  /**
   * @param expectedBytes it grows beyond them.
   * @param memory is written into, where it is as large.
   */
  constructor(expectedBytes: number, memory?: ArrayBuffer) {
    const serves = memory !== undefined && memory.byteLength >= expectedBytes;
    this.#buffer = serves ? Buffer.from(memory) : Buffer.allocUnsafeSlow(expectedBytes);
  }

  get length(): number {
    return this.#length;
  }

  bytes(from: Uint8Array): void {
    this.#makeRoom(from.length);
    const buffer = this.#buffer;
    let to = this.#length;
    let bits = this.#allBits;
    for (let at = 0; at < from.length; at++) {
      const byte = from[at] ?? 0;
      bits |= byte;
      buffer[to++] = byte;
    }
    this.#allBits = bits;
    this.#length = to;
  }

  /** A part of another text, as it is. */
  append(from: JsonText, start: number, end: number): void {
    this.#makeRoom(end - start);
    this.#length += from.#buffer.copy(this.#buffer, this.#length, start, end);
    this.#allBits |= from.#allBits;
  }

  integer(value: number): void {
    this.#makeRoom(20);
    this.#length += this.#buffer.write(String(value), this.#length, 'latin1');
  }

  string(from: Uint8Array, start: number, length: number): void {
    this.#makeRoom(length * 6 + 2);
    const buffer = this.#buffer;
    let to = this.#length;
    let bits = this.#allBits;
    buffer[to++] = quote;
    for (let at = start; at < start + length; at++) {
      const byte = from[at] ?? 0;
      bits |= byte;
      if (byte >= 0x20 && byte !== quote && byte !== backslash) buffer[to++] = byte;
      else to = escape(byte, buffer, to);
    }
    buffer[to++] = quote;
    this.#allBits = bits;
    this.#length = to;
  }

  get capacity(): number {
    return this.#buffer.length;
  }

  /** From `start` on, as far as it is ASCII. */
  ascii(start: number, length: number): string {
    return this.#buffer.toString('latin1', start, Math.min(start + length, this.#length));
  }

  /** Takes back what was written from there on. */
  cutAt(length: number): void {
    this.#length = length;
  }

  toString(): string {
    // What is ASCII is taken over several times as fast when that is known.
    return this.#buffer.toString(this.#allBits < 0x80 ? 'latin1' : 'utf8', 0, this.#length);
  }

  /** The bytes, which are the caller's alone; there is no text any more. */
  takeBytes(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#buffer.buffer, this.#buffer.byteOffset, this.#length);
    this.#buffer = Buffer.allocUnsafeSlow(0);
    this.#length = 0;
    return bytes;
  }

  #makeRoom(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length, this.#length + bytes) * 2);
    this.#buffer.copy(larger, 0, 0, this.#length);
    free(this.#buffer.buffer);
    this.#buffer = larger;
  }
}

function escape(byte: number, buffer: Buffer, at: number): number {
  const escaped = shortEscapes.get(byte) ?? `u${byte.toString(16).padStart(4, '0')}`;
  return at + buffer.write(`\\${escaped}`, at, 'latin1');
}
