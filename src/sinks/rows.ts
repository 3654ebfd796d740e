/**
 * Rows on their way to an upstream, as the text they leave the store in. Each is made when it is asked for and forgotten: held as
 * objects, a batch outlives many collections of the small heap, and each of them copies all of it.
 */
import { free } from '../runtime/free.ts';
import type { LogRow } from '../search/request.ts';
import { bodyOf } from './body.ts';

const [newline, quote, colon, zero, nine] = [0x0a, 0x22, 0x3a, 0x30, 0x39];

export class Rows implements Iterable<LogRow> {
  readonly #bytes: Buffer;
  /** Where each row begins and where its newline stands. */
  readonly #places: Uint32Array;
  /** What `free` gives back. */
  readonly #memory: ArrayBuffer | null;

  private constructor(bytes: Buffer, places: Uint32Array, memory: ArrayBuffer | null) {
    this.#bytes = bytes;
    this.#places = places;
    this.#memory = memory;
  }

  /** @param ndjson the rows as the API gives them, a line each; not to be changed. */
  static of(ndjson: Uint8Array): Rows {
    return Rows.#of(ndjson, null);
  }

  /** The same, of bytes that nobody else has, nor anything else of their buffer. */
  static owning(ndjson: Uint8Array<ArrayBuffer>): Rows {
    return Rows.#of(ndjson, ndjson.buffer);
  }

  static #of(ndjson: Uint8Array, memory: ArrayBuffer | null): Rows {
    const bytes = Buffer.from(ndjson.buffer, ndjson.byteOffset, ndjson.length);
    const places: number[] = [];
    for (let at = 0; at < bytes.length;) {
      const found = bytes.indexOf(newline, at);
      const end = found === -1 ? bytes.length : found;
      places.push(at, end);
      at = end + 1;
    }
    return new Rows(bytes, Uint32Array.from(places), memory);
  }

  /** @param lines a row each, with its newline. */
  static ofLines(lines: Iterable<string | Uint8Array>, expectedBytes: number): Rows {
    return Rows.of(bodyOf(lines, expectedBytes));
  }

  static from(rows: readonly LogRow[]): Rows {
    const lines = rows.map((row) => `${JSON.stringify(row)}\n`);
    return Rows.ofLines(lines, 64 * 1024);
  }

  static joined(parts: readonly Rows[]): Rows {
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
    const lines = parts.flatMap((part) => [...part.lines()]);
    return Rows.ofLines(lines, bytes);
  }

  get length(): number {
    return this.#places.length / 2;
  }

  /** Counts from the end when negative. @throws RangeError when there is none. */
  at(index: number): LogRow {
    return JSON.parse(this.textAt(index)) as LogRow;
  }

  /** The row as JSON. */
  textAt(index: number): string {
    const place = 2 * (index < 0 ? index + this.length : index);
    const [from, to] = [this.#places[place], this.#places[place + 1]];
    if (from === undefined || to === undefined) throw new RangeError(`no row ${index} of ${this.length}`);
    return this.#bytes.toString('utf8', from, to);
  }

  /** Bytes of the row's text. */
  sizeAt(index: number): number {
    return (this.#places[2 * index + 1] ?? 0) - (this.#places[2 * index] ?? 0);
  }

  *[Symbol.iterator](): Generator<LogRow> {
    for (let index = 0; index < this.length; index++) yield this.at(index);
  }

  /** Of their texts, about. */
  get bytes(): number {
    return this.length === 0 ? 0 : (this.#places.at(-1) ?? 0) - (this.#places[0] ?? 0) + 1;
  }

  filter(isWanted: (row: LogRow) => boolean): Rows {
    const indexes: number[] = [];
    for (let index = 0; index < this.length; index++) if (isWanted(this.at(index))) indexes.push(index);
    return this.pick(indexes);
  }

  slice(from: number, to?: number): Rows {
    const places = this.#places.subarray(2 * from, to === undefined ? undefined : 2 * to);
    return new Rows(this.#bytes, places, this.#memory);
  }

  pick(indexes: readonly number[]): Rows {
    const places = indexes.flatMap((index) => [...this.#places.subarray(2 * index, 2 * index + 2)]);
    return new Rows(this.#bytes, Uint32Array.from(places), this.#memory);
  }

  /** A line each, with its newline, in the very words of `JSON.stringify`: the same wherever the row came from. */
  *lines(): Generator<Uint8Array> {
    const isOrdered = this.#mayBeOrdered;
    for (let index = 0; index < this.length; index++) {
      if (isOrdered) yield Buffer.from(`${JSON.stringify(this.at(index))}\n`);
      else yield this.#bytes.subarray(this.#places[2 * index], (this.#places[2 * index + 1] ?? 0) + 1);
    }
  }

  /** The same in one piece, not to be changed: not a copy where the rows lie one behind the other. */
  text(): Uint8Array {
    if (!this.#areNeighbours || this.#mayBeOrdered) return bodyOf(this.lines(), this.bytes);
    return this.#bytes.subarray(this.#places[0] ?? 0, (this.#places.at(-1) ?? -1) + 1);
  }

  /**
   * Gives the memory back now, which collecting garbage does late: it does not see it. Nobody reads these rows any more, nor others that were
   * cut from the same text.
   */
  free(): void {
    if (this.#memory !== null) free(this.#memory);
  }

  get #areNeighbours(): boolean {
    const places = this.#places;
    for (let next = 2; next < places.length; next += 2) if (places[next] !== (places[next - 1] ?? 0) + 1) return false;
    return places.length === 0 || (places.at(-1) ?? 0) < this.#bytes.length;
  }

  /** A key of digits is put first by objects, whatever its place was. Anything that looks like one will do. */
  get #mayBeOrdered(): boolean {
    const bytes = this.#bytes;
    const end = this.#places.at(-1) ?? 0;
    for (let at = this.#places[0] ?? 0; at < end; at++) {
      if (bytes[at] !== colon || bytes[at - 1] !== quote) continue;
      let digit = at - 2;
      while (isDigit(bytes[digit])) digit--;
      if (digit < at - 2 && bytes[digit] === quote) return true;
    }
    return false;
  }
}

function isDigit(byte = 0): boolean {
  return byte >= zero && byte <= nine;
}
