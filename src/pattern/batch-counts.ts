/**
 * Counts the records of a batch by pattern, release, severity and minute. Under load every other record begins a count of its own, so
 * counts are numbers in memory that is used again, found by their hash (open addressing).
 */
import { countFields } from '../record/pattern-counts.ts';

const firstCapacity = 1024;

export class BatchCounts {
  #cells = new Int32Array(firstCapacity * countFields);
  #size = 0;
  /** Twice as many as there may be counts: which count stands there, the first being 1; 0 for none. */
  #index = new Int32Array(firstCapacity * 2);

  /** @param record place of the record in the batch: the first of a count stands for all of them. */
  add(minute: number, pattern: number, release: number, rank: number, record: number): void {
    const cells = this.#cells;
    const index = this.#index;
    const last = index.length - 1;
    let place = hashOf(minute, pattern, release, rank) & last;
    let at = (index[place] ?? 0) * countFields;
    while (at > 0) {
      at -= countFields;
      if (cells[at] === minute && cells[at + 1] === pattern && cells[at + 2] === release && cells[at + 3] === rank) {
        cells[at + 4] = (cells[at + 4] ?? 0) + 1;
        return;
      }
      place = (place + 1) & last;
      at = (index[place] ?? 0) * countFields;
    }
    at = this.#size * countFields;
    cells[at] = minute;
    cells[at + 1] = pattern;
    cells[at + 2] = release;
    cells[at + 3] = rank;
    cells[at + 4] = 1;
    cells[at + 5] = record;
    index[place] = ++this.#size;
    if (this.#size * 2 === index.length) this.#grow();
  }

  /** All counts, `countFields` numbers each, in the order in which they were begun; the next batch begins with none. */
  take(): Int32Array<ArrayBuffer> {
    const taken = this.#cells.slice(0, this.#size * countFields);
    this.#index.fill(0);
    this.#size = 0;
    return taken;
  }

  #grow(): void {
    const cells = new Int32Array(this.#cells.length * 2);
    cells.set(this.#cells);
    const index = new Int32Array(this.#index.length * 2);
    for (let number = 1; number <= this.#size; number++) {
      const at = (number - 1) * countFields;
      let place = hashOf(cells[at] ?? 0, cells[at + 1] ?? 0, cells[at + 2] ?? 0, cells[at + 3] ?? 0);
      while (index[(place &= index.length - 1)] !== 0) place++;
      index[place] = number;
    }
    this.#cells = cells;
    this.#index = index;
  }
}

function hashOf(minute: number, pattern: number, release: number, rank: number): number {
  const hash =
    Math.imul(pattern, 0x9e3779b1) ^ Math.imul(minute, 0x85ebca6b) ^ Math.imul(release * 8 + rank, 0xc2b2ae35);
  return hash ^ (hash >>> 15);
}
