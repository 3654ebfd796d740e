/**
 * Leaves others of the disk what `store.min_free` says: below that no rows are taken, as if it were full. The rows wait where they are; what is stored stays,
 * and can be asked for.
 */
import type { Clock } from '../runtime/clock.ts';
import type { DiskSpace } from '../runtime/disk-space.ts';
import { RegressionError } from '../runtime/errors.ts';

/** Of a small disk the reserve is no more than this share. */
const maxShare = 0.05;
const MiB = 1024 * 1024;
/** While there is more than this, it is looked at again after `freshMs` only; else before each batch. */
const plentyBytes = 512 * MiB;
const freshMs = 200;

export class DiskReserve {
  readonly #minFreeBytes: number;
  readonly #look: () => Promise<DiskSpace>;
  readonly #clock: Clock;
  #lookedAtMs = -Infinity;
  #space: DiskSpace = { totalBytes: 0, freeBytes: 0 };

  constructor(minFreeBytes: number, look: () => Promise<DiskSpace>, clock: Clock) {
    this.#minFreeBytes = minFreeBytes;
    this.#look = look;
    this.#clock = clock;
  }

  /** @throws RegressionError `STORE_FULL` (retryable) while there is less. */
  async check(): Promise<void> {
    if (this.#minFreeBytes === 0) return;
    const nowMs = this.#clock.monotonicMs();
    if (this.#space.freeBytes < plentyBytes || nowMs - this.#lookedAtMs >= freshMs) {
      try {
        this.#space = await this.#look();
      } catch {
        return; // What is wrong with its place the store itself says, and better.
      }
      this.#lookedAtMs = nowMs;
    }
    const { freeBytes, totalBytes } = this.#space;
    const reserve = Math.min(this.#minFreeBytes, totalBytes * maxShare);
    if (freeBytes >= reserve) return;
    throw new RegressionError(
      'STORE_FULL',
      `the disk has ${Math.floor(freeBytes / MiB)} MiB left; ${Math.ceil(reserve / MiB)} MiB are for others (store.min_free)`,
      {
        retryable: true,
        hint: 'Make room, or have the oldest rows removed: tasks.prune.min_free, tasks.prune.max_total_size. Inputs that can wait go on by themselves.',
      },
    );
  }
}
