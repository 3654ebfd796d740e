/** Random numbers that a seed brings back: a failing run prints its seed, `REGRESSION_SEED` plays it again. */
import type { Test } from 'tap';

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). mulberry32 (public domain, Tommy Ettinger). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number in [min, max]. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }
}

export function seededRandom(t: Test): Random {
  const seed = Number(process.env['REGRESSION_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
  t.comment(`seed ${seed}: REGRESSION_SEED=${seed} plays it again`);
  return new Random(seed);
}
