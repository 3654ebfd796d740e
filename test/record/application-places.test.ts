import { test } from 'tap';
import { ApplicationPlaces } from '../../src/record/application-places.ts';

const named = (name: string, version: string | null = null) => ({ name, version, environment: null });

void test('a release has one place, whatever object says it', async (t) => {
  const places = new ApplicationPlaces();

  t.strictSame(
    [named('shop'), named('till'), named('shop'), named('shop', '2'), named('till')].map((one) => places.of(one)),
    [0, 1, 0, 2, 1],
  );
  t.strictSame(places.applications, [named('shop'), named('till'), named('shop', '2')]);
});

void test('more releases than are known by their object keep their places too', async (t) => {
  const places = new ApplicationPlaces();
  const all = Array.from({ length: 2500 }, (_, index) => named(`program-${index}`));
  for (const one of all) places.of(one);

  t.ok(all.every((one, index) => places.of(one) === index && places.of({ ...one }) === index));
});
