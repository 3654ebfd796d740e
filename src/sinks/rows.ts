/**
 * Rows on their way to an upstream, as the text they leave the store in. Each is made when it is asked for and forgotten: held as
 * objects, a batch outlives many collections of the small heap, and each of them copies all of it.
 */
import type { LogRow } from '../search/request.ts';
import { bodyOf } from './body.ts';

const newline = 0x0a;
/** A key that objects put first, whatever its place was. Anything that looks like one will do. */
const numericKey = /"\d+":/;

export class Rows implements Iterable<LogRow> {
  readonly #bytes: Buffer;
  /** Where each row begins and where its newline stands. */
  readonly #places: Uint32Array;

  private constructor(bytes: Buffer, places: Uint32Array) {
    this.#bytes = bytes;
    this.#places = places;
  }

  /** @param ndjson the rows as the API gives them, a line each; not to be changed. */
  static of(ndjson: Uint8Array): Rows {
    const bytes = Buffer.from(ndjson.buffer, ndjson.byteOffset, ndjson.length);
    const places: number[] = [];
    for (let at = 0; at < bytes.length;) {
      const found = bytes.indexOf(newline, at);
      const end = found === -1 ? bytes.length : found;
      places.push(at, end);
      at = end + 1;
    }
    return new Rows(bytes, Uint32Array.from(places));
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
    return new Rows(this.#bytes, this.#places.subarray(2 * from, to === undefined ? undefined : 2 * to));
  }

  pick(indexes: readonly number[]): Rows {
    return new Rows(
      this.#bytes,
      Uint32Array.from(indexes.flatMap((index) => [...this.#places.subarray(2 * index, 2 * index + 2)])),
    );
  }

  /** A line each, with its newline, in the very words of `JSON.stringify`: the same wherever the row came from. */
  *lines(): Generator<Uint8Array> {
    const mayBeOrdered = numericKey.test(
      this.#bytes.toString('latin1', this.#places[0] ?? 0, this.#places.at(-1) ?? 0),
    );
    for (let index = 0; index < this.length; index++) {
      if (mayBeOrdered) yield Buffer.from(`${JSON.stringify(this.at(index))}\n`);
      else yield this.#bytes.subarray(this.#places[2 * index], (this.#places[2 * index + 1] ?? 0) + 1);
    }
  }
}
