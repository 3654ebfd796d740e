import fc from 'fast-check';
import { test } from 'tap';
import { FewValues } from '../../src/pattern/few-values.ts';

const value = fc.oneof(
  fc.stringMatching(/^[ab1]{0,4}$/),
  fc.constantFrom('\u0001', 'é', '\u0101', '\ud800', 'a'.repeat(64), `${'a'.repeat(63)}b`),
);

void test('property: what is told are the values that came, never fewer than four fifths of them', async (t) => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 200 }), fc.nat(20), (values, every) => {
      const few = new FewValues();
      const [came, told] = [new Map<string, number>(), new Map<string, number>()];
      return values.every((one, index) => {
        const message = `<${one}>`;
        came.set(one, (came.get(one) ?? 0) + 1);
        const isNew = few.count(message, 1, message.length - 1) === 'unknown';
        if (isNew) few.add(message, 1, message.length - 1, String(index));
        if (isNew !== (came.get(one) === 1)) return false;
        if (index % (every + 1) > 0) return true;
        for (const { value: name, count } of few.take()) told.set(name, (told.get(name) ?? 0) + count);
        return [...came].every(([name, count]) => {
          const of = told.get(name) ?? 0;
          return of <= count && of * 5 >= count * 4;
        });
      });
    }),
  );
  t.pass();
});

void test('a value is worth telling when it has grown by a quarter', async (t) => {
  const few = new FewValues();
  few.add('ok', 0, 2, 'first');
  few.take();
  const counted = Array.from({ length: 3 }, () => few.count('ok', 0, 2));

  t.strictSame(counted, ['grown', 'grown', 'grown']);
  t.strictSame(few.take(), [{ value: 'ok', count: 3, firstSeen: 'first' }]);
  for (let count = 0; count < 4; count++) few.count('ok', 0, 2);
  t.strictSame(few.take(), [{ value: 'ok', count: 4, firstSeen: 'first' }]);
  t.equal(few.count('ok', 0, 2), 'known');
  t.strictSame(few.take(), []);
});
