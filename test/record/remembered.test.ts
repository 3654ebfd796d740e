import { test } from 'tap';
import { Remembered } from '../../src/record/remembered.ts';

void test('what is made of a text is made once, and shared', async (t) => {
  const pairs = new Remembered((host) => ['host', host] as const);

  t.equal(pairs.of('a.example'), pairs.of('a.example'));
  t.strictSame(pairs.of('\ud800\0'), ['host', '\ud800\0'], 'whatever it is made of');
});

void test('it remembers no more texts, and no longer ones, than it says', async (t) => {
  let made = 0;
  const numbers = new Remembered(() => ++made);
  for (let text = 0; text < 2000; text++) numbers.of(`${text}`);
  numbers.of('0');
  t.equal(made, 2000);

  numbers.of('one more');
  numbers.of('0');
  t.equal(made, 2002, 'it begins anew');

  numbers.of('x'.repeat(65));
  numbers.of('x'.repeat(65));
  t.equal(made, 2004);
});
