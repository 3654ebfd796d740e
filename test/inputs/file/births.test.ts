import type { BigIntStats } from 'node:fs';
import { test } from 'tap';
import { birthOf, isAnotherLife, sureBirthNs } from '../../../src/inputs/file/births.ts';

let devices = 1_000_000n;

function statOf(dev: bigint, birthtimeNs: bigint, ctimeNs: bigint): BigIntStats {
  return { dev, ino: 7n, birthtimeNs, ctimeNs } as unknown as BigIntStats;
}

void test('a birth time told is of a life: another one is another life, also an earlier one (F12, F22)', async (t) => {
  const dev = devices++;
  const seen = birthOf(statOf(dev, 100n, 200n));

  t.notOk(isAnotherLife(statOf(dev, 100n, 300n), seen));
  t.ok(isAnotherLife(statOf(dev, 250n, 300n), seen));
  t.ok(isAnotherLife(statOf(dev, 50n, 60n), seen), 'the clock was set back');
});

void test('a device that has told birth times has told those of new files too (F12)', async (t) => {
  const dev = devices++;
  const seen = birthOf(statOf(dev, 100n, 100n));
  t.notOk(isAnotherLife(statOf(dev, 200n, 200n), seen), 'nothing is known of the device');
  t.equal(sureBirthNs(statOf(dev, 200n, 200n)), null);

  t.equal(sureBirthNs(statOf(dev, 90n, 150n)), 90n);

  t.ok(isAnotherLife(statOf(dev, 200n, 200n), seen));
  t.notOk(isAnotherLife(statOf(dev, 100n, 300n), seen));
});

void test('without birth times, or with those of the last change for them, there is no other life (F12)', async (t) => {
  const dev = devices++;
  t.strictSame(birthOf(statOf(dev, 0n, 100n)), {});
  t.notOk(isAnotherLife(statOf(dev, 0n, 200n), birthOf(statOf(dev, 0n, 100n))));

  t.notOk(isAnotherLife(statOf(dev, 200n, 200n), birthOf(statOf(dev, 100n, 100n))));
  t.notOk(isAnotherLife(statOf(dev, 300n, 300n), birthOf(statOf(dev, 100n, 100n))));
});
