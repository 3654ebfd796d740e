/**
 * Tells which rows have a metadata pair, for files that have no index of them: 32 bits of each pair, in the order of the rows. A look at all
 * of them takes a millisecond a million; of other pairs hardly any has the same bits, and the search's own condition tells those apart.
 */
export class PairHashes {
  readonly #firstId: number;
  /** By row, from the first id on: how many pairs the rows before it have. */
  #starts = new Uint32Array(4096);
  #hashes = new Uint32Array(16_384);
  #rows = 0;
  #pairs = 0;

  constructor(firstId: number) {
    this.#firstId = firstId;
  }

  /** @param id not below that of the pair before. */
  add(id: number, hash: number): void {
    this.#startRows(id - this.#firstId + 1);
    if (this.#pairs === this.#hashes.length) this.#hashes = enlarged(this.#hashes);
    this.#hashes[this.#pairs++] = hash;
  }

  /** Of the rows that have all the pairs, and of hardly any others. Null when they are more than `most`. */
  idsWith([first, ...others]: readonly number[], most: number): number[] | null {
    const hashes = this.#hashes;
    const ids: number[] = [];
    let row = -1;
    for (let at = 0; at < this.#pairs; at++) {
      if (hashes[at] !== first) continue;
      const found = this.#rowOf(at, row);
      if (found === row || !others.every((hash) => this.#hasPair(found, hash))) continue;
      row = found;
      if (ids.length === most) return null;
      ids.push(this.#firstId + row);
    }
    return ids;
  }

  #hasPair(row: number, hash: number): boolean {
    const end = row + 1 < this.#rows ? (this.#starts[row + 1] ?? 0) : this.#pairs;
    for (let at = this.#starts[row] ?? 0; at < end; at++) if (this.#hashes[at] === hash) return true;
    return false;
  }

  /** The last row that begins at the pair or before it. @param least a row that does. */
  #rowOf(pair: number, least: number): number {
    let [low, high] = [Math.max(least, 0), this.#rows - 1];
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#starts[middle] ?? 0) <= pair) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Rows without pairs begin where the next one does. */
  #startRows(rows: number): void {
    while (rows > this.#starts.length) this.#starts = enlarged(this.#starts);
    if (rows > this.#rows) this.#starts.fill(this.#pairs, this.#rows, rows);
    this.#rows = Math.max(rows, this.#rows);
  }
}

function enlarged(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}

/** Of a key's and a value's bytes in UTF-8 (FNV-1a; no byte of UTF-8 is 255). */
export class PairHash {
  value = 0x811c9dc5;

  add(bytes: Uint8Array, start: number, length: number): this {
    let hash = this.value;
    for (let at = start; at < start + length; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
    this.value = Math.imul(hash ^ 0xff, 0x01000193) >>> 0;
    return this;
  }
}

export function pairHashOf(type: string, value: string): number {
  const [key, text] = [Buffer.from(type), Buffer.from(value)];
  return new PairHash().add(key, 0, key.length).add(text, 0, text.length).value;
}
