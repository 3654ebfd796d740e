/**
 * MT19937 (Matsumoto and Nishimura 1998), seeded and drawn from as Python's `random` does it, so that the workloads here are the
 * same bytes as those of a Python script with the same seed.
 */
const size = 624;
const shift = 397;

export class MersenneTwister {
  readonly #state = new Uint32Array(size);
  #index = size;

  /** `random.Random(seed)` for a seed of at most 32 bits. */
  constructor(seed: number) {
    const state = this.#state;
    state[0] = 19_650_218;
    for (let i = 1; i < size; i++) state[i] = Math.imul(1_812_433_253, mixed(state, i)) + i;
    let i = 1;
    for (let k = 0; k < size; k++) {
      state[i] = (at(state, i) ^ Math.imul(mixed(state, i), 1_664_525)) + seed;
      if (++i === size) [state[0], i] = [at(state, size - 1), 1];
    }
    for (let k = 0; k < size - 1; k++) {
      state[i] = (at(state, i) ^ Math.imul(mixed(state, i), 1_566_083_941)) - i;
      if (++i === size) [state[0], i] = [at(state, size - 1), 1];
    }
    state[0] = 0x80000000;
  }

  /** `random()`: 53 bits in [0, 1). */
  random(): number {
    const high = this.#next() >>> 5;
    const low = this.#next() >>> 6;
    return (high * 67_108_864 + low) / 9_007_199_254_740_992;
  }

  /** `randrange(bound)`: an integer in [0, bound), for a bound below 2 ** 53. */
  below(bound: number): number {
    const bits = bound.toString(2).length;
    for (;;) {
      const drawn = this.#bits(bits);
      if (drawn < bound) return drawn;
    }
  }

  #bits(count: number): number {
    if (count <= 32) return this.#next() >>> (32 - count);
    const low = this.#next();
    return (this.#next() >>> (64 - count)) * 4_294_967_296 + low;
  }

  #next(): number {
    if (this.#index === size) this.#refill();
    let y = at(this.#state, this.#index++);
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #refill(): void {
    const state = this.#state;
    for (let i = 0; i < size; i++) {
      const y = (at(state, i) & 0x80000000) | (at(state, (i + 1) % size) & 0x7fffffff);
      state[i] = at(state, (i + shift) % size) ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#index = 0;
  }
}

function at(state: Uint32Array, index: number): number {
  return state[index] ?? 0;
}

function mixed(state: Uint32Array, index: number): number {
  return at(state, index - 1) ^ (at(state, index - 1) >>> 30);
}
