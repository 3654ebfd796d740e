/** What is sent to an upstream, written piece by piece: as bytes outside of the heap it costs no collection anything. */
import { free } from '../runtime/free.ts';

export class Body {
  #bytes: Buffer<ArrayBuffer>;
  #length = 0;

  /** @param expectedBytes what is missing is made room for. */
  constructor(expectedBytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(expectedBytes);
  }

  add(text: string): void {
    const bound = text.length * 3; // UTF-8 bytes of a UTF-16 code unit, at most
    if (this.#length + bound > this.#bytes.length) this.#reserve(Buffer.byteLength(text));
    this.#length += this.#bytes.write(text, this.#length);
  }

  addBytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  get length(): number {
    return this.#length;
  }

  /** Nothing is added after it was asked for. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + bytes));
    larger.set(this.bytes);
    free(this.#bytes.buffer);
    this.#bytes = larger;
  }
}

/** Of pieces, texts or bytes. */
export function bodyOf(pieces: Iterable<string | Uint8Array>, expectedBytes: number): Buffer {
  const body = new Body(expectedBytes);
  for (const piece of pieces) {
    if (typeof piece === 'string') body.add(piece);
    else body.addBytes(piece);
  }
  return body.bytes;
}
