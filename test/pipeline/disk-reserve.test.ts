import { test } from 'tap';
import { DiskReserve } from '../../src/pipeline/disk-reserve.ts';
import { ManualClock } from '../manual-clock.ts';

const MiB = 1024 * 1024;

void test('below what is for others no rows are taken; of a small disk that is a twentieth', async (t) => {
  const clock = new ManualClock();
  let space = { totalBytes: 100_000 * MiB, freeBytes: 64 * MiB };
  const reserve = new DiskReserve(64 * MiB, async () => space, clock);
  const look = async (totalMiB: number, freeMiB: number): Promise<void> => {
    space = { totalBytes: totalMiB * MiB, freeBytes: freeMiB * MiB };
    clock.advance(1000);
    await reserve.check();
  };

  await t.resolves(look(100_000, 64));
  await t.rejects(look(100_000, 63), {
    code: 'STORE_FULL',
    retryable: true,
    message: 'the disk has 63 MiB left; 64 MiB are for others (store.min_free)',
    hint: /tasks\.prune\.min_free/,
  });
  await t.resolves(look(100, 5));
  await t.rejects(look(100, 4), { code: 'STORE_FULL' });
  await t.resolves(new DiskReserve(0, () => Promise.reject(new Error('not asked')), clock).check());
});

void test('a place that cannot be looked at is for the store to tell', async (t) => {
  const gone = new DiskReserve(64 * MiB, () => Promise.reject(new Error('ENOENT')), new ManualClock());

  await t.resolves(gone.check());
});
