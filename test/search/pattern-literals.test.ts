/** What is looked up for a regular expression stands in every text that it matches. */
import fc from 'fast-check';
import { test } from 'tap';
import { LinearPattern } from '../../src/runtime/linear-pattern.ts';
import { literalsIn, requiredEnd } from '../../src/search/pattern-literals.ts';

const of = (pattern: string, ignoreCase = false): readonly string[] =>
  literalsIn({ kind: 'regex', pattern, ignoreCase });

const known: readonly (readonly [pattern: string, literals: readonly string[]])[] = [
  ['attempt [23] of.*1f$', ['attempt ', ' of']],
  ['^GET /api/', ['GET /api/']],
  ['error\\.log$', ['error.log']],
  ['time(d )?out', ['time']],
  ['colou?rs', ['colo']],
  ['abc+def', ['abc', 'def']],
  ['abcd{2,3}efg', ['abc', 'efg']],
  ['id=\\d+ done', [' done', 'id=']],
  ['caf\u00e9\u{1f600}*x', ['caf\u00e9']],
  ['[]abc]def[^]x]ghi', ['def', 'ghi']],
  ['[[:alpha:]x]abc', ['abc']],
  ['ab', []],
  ['abc|def', []],
  ['(?i)abc', []],
  ['abc{x(d)?', []],
  ['\\x{41}bcd', []],
  ['\\pLbcd', []],
  ['\\Qa*b\\E', []],
];
for (const [pattern, literals] of known) {
  void test(`/${pattern}/ gives ${JSON.stringify(literals)}`, async (t) => {
    t.strictSame(of(pattern), literals);
  });
}

void test('letters that are alike in another case are not looked up', async (t) => {
  t.strictSame(of('kelvin', true), []);
});

for (const [pattern, end] of [
  ['of.*1b$', '1b'],
  ['abc$', 'abc'],
  ['x?y$', 'y'],
  ['(a)b$', 'b'],
  ['caf\u00e9\u{1f600}$', 'caf\u00e9\u{1f600}'],
  ['\\.5$', '5'],
  ['a\\$', ''],
  ['\\pN5$', ''],
  ['\\x41$', ''],
  ['a|b$', ''],
  ['(?i)b$', ''],
  ['ab*$', ''],
] as const) {
  void test(`what /${pattern}/ matches ends with ${JSON.stringify(end)}`, async (t) => {
    t.equal(requiredEnd({ kind: 'regex', pattern, ignoreCase: false }), end);
  });
}

const piece = fc.constantFrom(
  'a',
  'b',
  'ab',
  'abc',
  '.',
  '*',
  '+',
  '?',
  '{2}',
  '{0,1}',
  '{',
  '}',
  '[ab]',
  '[^a]',
  '[]b]',
  '(',
  ')',
  '^',
  '$',
  '\\.',
  '\\d',
  '\\b',
  '\\x61',
  '\\141',
  '\\pL',
  '|',
  '\u00e9',
  '\u{1f600}',
  '\\*',
  '-',
  ' ',
  '[[:alpha:]]',
);
const pattern = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
const text = fc
  .array(fc.constantFrom('a', 'b', 'ab', 'abc', '.', '*', '1', '{', '}', '{2}', '\u00e9', '\u{1f600}', '-', ' '), {
    maxLength: 8,
  })
  .map((pieces) => pieces.join(''));

void test('whatever a pattern matches has its literals', async (t) => {
  let matches = 0;
  fc.assert(
    fc.property(pattern, fc.array(text, { minLength: 1, maxLength: 10 }), (source, texts) => {
      let compiled: LinearPattern;
      try {
        compiled = new LinearPattern(source);
      } catch {
        return; // is refused before it gets here
      }
      const literals = of(source);
      const end = requiredEnd({ kind: 'regex', pattern: source, ignoreCase: false });
      // What is left of a pattern without its signs matches it often.
      for (const one of [...texts, source.replaceAll(/[\\^$()[\]|+?*]/g, '')]) {
        if ((literals.length === 0 && end === '') || !compiled.test(one)) continue;
        matches++;
        if (!one.endsWith(end)) throw new Error(`/${source}/ matches ${one}, which does not end with ${end}`);
        if (!literals.every((literal) => one.includes(literal)))
          throw new Error(`/${source}/ matches ${one}, which lacks one of ${JSON.stringify(literals)}`);
      }
    }),
    { numRuns: 3000 },
  );
  t.ok(matches > 20, `${matches} texts`);
});
