import fc from 'fast-check';
import { test } from 'tap';
import { MaskedText } from '../../src/pattern/masked-text.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.nat(3).map((times) => 'é \ud800'.repeat(times * 3000)),
);

void test('property: it is the text it was made of, has its hash, and equals no other', async (t) => {
  fc.assert(
    fc.property(text, text, (one, other) => {
      const [masked, same] = [MaskedText.of(one), MaskedText.of(one)];
      return (
        masked.toString() === one &&
        masked.hash === same.hash &&
        masked.equals(one) &&
        masked.equals(other) === (one === other)
      );
    }),
  );
  t.pass();
});

void test('words are put together with single spaces, and the end can be replaced', async (t) => {
  const masked = MaskedText.of('of before');
  masked.clear();
  masked.addWord('took 12 ms', 0, 4);
  masked.addWord('<num>');
  masked.replaceEnd('<num>'.length, '<duration>');

  t.equal(masked.toString(), 'took <duration>');
  t.equal(masked.hash, MaskedText.of('took <duration>').hash);
});
