import { test } from 'tap';
import { readText } from '../../src/search/text.ts';

void test('words and phrases are told apart by quotes', async (t) => {
  t.strictSame(readText('connection "timed out" db'), ['connection', 'timed out', 'db']);
  t.strictSame(readText(String.raw`"say \"hello\" \\ there"`), [String.raw`say "hello" \ there`]);
  t.strictSame(readText('  '), []);
  t.strictSame(readText('""'), []);
});

void test('a quote that is not closed is refused with its column', async (t) => {
  t.throws(() => readText('ok "open'), { code: 'QUERY_INVALID', message: 'q: column 4: the quote is not closed' });
});
