/** JSON text being written, of texts that are UTF-8 already. Escapes are the engine's. */

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
  #buffer: Buffer;
  #length = 0;

  /** @param expectedBytes it grows beyond them. */
  constructor(expectedBytes: number) {
    this.#buffer = Buffer.allocUnsafeSlow(expectedBytes + expectedBytes / 8);
  }

  get length(): number {
    return this.#length;
  }

  bytes(from: Uint8Array): void {
    this.#makeRoom(from.length);
    const buffer = this.#buffer;
    let to = this.#length;
    for (let at = 0; at < from.length; at++) buffer[to++] = from[at] ?? 0;
    this.#length = to;
  }

  integer(value: number): void {
    this.#makeRoom(20);
    this.#length += this.#buffer.write(String(value), this.#length, 'latin1');
  }

  string(from: Uint8Array, start: number, length: number): void {
    this.#makeRoom(length * 6 + 2);
    const buffer = this.#buffer;
    let to = this.#length;
    buffer[to++] = quote;
    for (let at = start; at < start + length; at++) {
      const byte = from[at] ?? 0;
      if (byte >= 0x20 && byte !== quote && byte !== backslash) buffer[to++] = byte;
      else to = escape(byte, buffer, to);
    }
    buffer[to++] = quote;
    this.#length = to;
  }

  /** What was written so far; it begins anew. */
  take(): string {
    const text = this.#buffer.toString('utf8', 0, this.#length);
    this.#length = 0;
    return text;
  }

  #makeRoom(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow((this.#length + bytes) * 2);
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

function escape(byte: number, buffer: Buffer, at: number): number {
  const escaped = shortEscapes.get(byte) ?? `u${byte.toString(16).padStart(4, '0')}`;
  return at + buffer.write(`\\${escaped}`, at, 'latin1');
}
