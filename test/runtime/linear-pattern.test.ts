import { test } from 'tap';
import { LinearPattern, patternProblem } from '../../src/runtime/linear-pattern.ts';

void test('a pattern finds, names its groups and replaces', async (t) => {
  const pattern = new LinearPattern('(?P<key>\\w+)=(?<value>\\d+)');

  t.ok(pattern.test('well, a=1'));
  t.notOk(pattern.test('a=x'));
  t.strictSame(pattern.groupNames, ['key', 'value']);
  t.strictSame(
    [...(pattern.groupsIn('x a=1 b=2') ?? [])],
    [
      ['key', 'a'],
      ['value', '1'],
    ],
  );
  t.equal(pattern.groupsIn('nothing'), null);
  t.equal(pattern.replaceAll('a=1 b=2', '$1'), '$1 $1');
  t.ok(new LinearPattern('ERROR', { ignoreCase: true }).test('an error'));
});

void test('a group that took no part in the match is left out', async (t) => {
  t.strictSame([...(new LinearPattern('(?<a>x)|(?<b>y)').groupsIn('y') ?? [])], [['b', 'y']]);
});

void test('patterns that make a backtracking engine hang are matched in linear time (F32)', async (t) => {
  const text = 'a'.repeat(100_000);
  for (const source of ['(a+)+$', '(a|aa)+b', '(.*a){20}b', '^(([a-z])+.)+[A-Z]([a-z])+$']) {
    new LinearPattern(source).test(`${text}!`); // exponential work would not end
  }
  t.pass();
});

void test('what RE2 does not know is said, not guessed', async (t) => {
  t.match(patternProblem('(?=look)ahead'), /^\/\(\?=look\)ahead\/ is not a regular expression \(RE2 syntax\)/);
  t.match(patternProblem('(a)\\1'), /RE2 syntax/);
  t.match(patternProblem('(open'), /missing closing/);
  t.equal(patternProblem('^ok$'), null);
});
