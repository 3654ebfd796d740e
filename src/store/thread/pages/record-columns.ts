import { RegressionError } from '../../../runtime/errors.ts';
import { Varints } from './page-file.ts';

/** By serial type. */
const numberBytes = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0];

/** Where the columns of a record are (https://sqlite.org/fileformat.html, section 2.1): texts and small integers. */
export class Columns {
  readonly #types: Int32Array;
  readonly #starts: Int32Array;
  readonly #varints = new Varints();

  constructor(count: number) {
    this.#types = new Int32Array(count);
    this.#starts = new Int32Array(count);
  }

  find(bytes: Uint8Array, at: number): void {
    const varints = this.#varints;
    varints.at = at;
    let start = at + varints.next(bytes);
    for (let column = 0; column < this.#types.length; column++) {
      const type = varints.next(bytes);
      this.#types[column] = type;
      this.#starts[column] = start;
      start += type >= 12 ? (type - 12) >>> 1 : (numberBytes[type] ?? 0);
    }
  }

  start(column: number): number {
    return this.#starts[column] ?? 0;
  }

  /** Of a text, in bytes. @throws RegressionError `STORE_CORRUPT` for any other column. */
  length(column: number): number {
    const type = this.#types[column] ?? 0;
    if (type >= 13 && type % 2 === 1) return (type - 13) / 2;
    throw new RegressionError('STORE_CORRUPT', `a column of type ${type} where a text was expected`);
  }

  /** Of ASCII. */
  text(bytes: Uint8Array, column: number): string {
    const start = this.start(column);
    return Buffer.from(bytes.buffer, bytes.byteOffset + start, this.length(column)).toString('latin1');
  }

  /** Of an application's id: it is never negative. */
  integer(bytes: Uint8Array, column: number): number {
    const type = this.#types[column] ?? 0;
    if (type === 8 || type === 9) return type - 8;
    let value = 0;
    for (let at = this.start(column), left = numberBytes[type] ?? 0; left > 0; left--)
      value = value * 256 + (bytes[at++] ?? 0);
    return value;
  }
}
