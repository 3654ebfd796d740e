/** The search language as a grammar: what is printed is read back as the same, and whatever is typed is answered in words. */
import fc from 'fast-check';
import { test } from 'tap';
import { severities } from '../../src/record/severity.ts';
import { RegressionError } from '../../src/runtime/errors.ts';
import { parseQuery } from '../../src/search/parse-query.ts';
import { isNumber } from '../../src/search/predicates.ts';
import type { Column, Field, Query, Test } from '../../src/search/query.ts';

const nowMs = Date.parse('2026-11-24T04:00:00Z');

const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`;

/** Operators of severities and what they leave, told by trying. */
const severityTerms = ['', '>', '>=', '<', '<='].flatMap((operator) =>
  severities.map((name) => `severity:${operator}${name.toLowerCase()}`),
);

function print(query: Query): string {
  switch (query.kind) {
    case 'and':
      return query.parts.map(grouped).join(' ');
    case 'or':
      return query.parts.map((part) => (part.kind === 'and' ? print(part) : grouped(part))).join(' OR ');
    case 'not':
      return `-${grouped(query.part)}`;
    case 'severity':
      return (
        severityTerms.find((term) => {
          const read = parseQuery(term, nowMs);
          return read?.kind === 'severity' && String(read.among) === String(query.among);
        }) ?? ''
      );
    case 'test':
      return printTest(query.field, query.test);
    default:
      return query satisfies never;
  }
}

function grouped(query: Query): string {
  return query.kind === 'and' || query.kind === 'or' ? `(${print(query)})` : print(query);
}

function printTest(field: Field, test: Test): string {
  const name = 'column' in field ? field.column : quoted(`meta.${field.metadata}`);
  const isMessage = name === 'message';
  switch (test.kind) {
    case 'exists':
      return `${name}:*`;
    case 'is':
      return `${name}:${isMessage ? '=' : ''}${quoted(test.value)}`;
    case 'starts':
      return `${name}:${isMessage ? '=' : ''}${test.value}*`;
    case 'contains':
      return quoted(test.value);
    case 'word_starts':
      return `${test.value}*`;
    case 'regex':
      return `${name}:/${test.pattern.replaceAll('/', '\\/')}/${test.ignoreCase ? 'i' : ''}`;
    case 'compare':
      return `${name}:${test.operator}${quoted(test.value)}`;
    case 'fits':
      throw new Error('only a pattern that the store knows becomes one');
    default:
      return test satisfies never;
  }
}

/** With everything that means something to the scanner. */
const text = fc.string({
  unit: fc.constantFrom(
    'a',
    'Z',
    '7',
    ' ',
    '"',
    '\\',
    '(',
    ')',
    ':',
    '*',
    '/',
    '-',
    '>',
    '=',
    '.',
    'OR',
    'é',
    '😀',
    '\n',
  ),
  maxLength: 8,
});
const word = fc.stringMatching(/^[A-Za-zé0-9_.@]{1,6}$/).filter((found) => !['AND', 'OR', 'NOT'].includes(found));
const pattern = fc.constantFrom('a', '^/var', '[a-z]+$', '(x|y) z', '"', '\\d{2}', 'é.');
const operator = fc.constantFrom('>', '>=', '<', '<=');
const time = fc
  .integer({ min: 0, max: 10_000_000 })
  .map((second) => new Date(nowMs - second * 1000).toISOString().replace('Z', '000Z'));

const column = fc.constantFrom<Column>('application', 'version', 'environment', 'source');
const field: fc.Arbitrary<Field> = fc.oneof(
  column.map((name) => ({ column: name })),
  fc
    .oneof(word, fc.constantFrom('source', 'meta.x', 'weird key', '"', '\\', '__proto__'))
    .map((metadata) => ({ metadata })),
);
const onField = fc.tuple(
  field,
  fc.oneof(
    fc.constant<Test>({ kind: 'exists' }),
    text.map((value): Test => ({ kind: 'is', value })),
    word.map((value): Test => ({ kind: 'starts', value })),
    fc.tuple(pattern, fc.boolean()).map(([found, ignoreCase]): Test => ({ kind: 'regex', pattern: found, ignoreCase })),
    fc
      .tuple(operator, fc.oneof(text, fc.constantFrom('0.5', '-3', '1e2', '1.10.0')))
      .map(([sign, value]): Test => ({ kind: 'compare', operator: sign as '>', value, as: 'text' })),
  ),
);
const term: fc.Arbitrary<Query> = fc.oneof(
  onField.map(([on, test]): Query => {
    const isVersion = 'column' in on && on.column === 'version';
    const as = test.kind === 'compare' && isNumber(test.value) && !isVersion ? 'number' : 'text';
    return { kind: 'test', field: on, test: test.kind === 'compare' ? { ...test, as } : test };
  }),
  fc
    .oneof(
      text.map((value): Test => ({ kind: 'contains', value })),
      word.map((value): Test => ({ kind: 'word_starts', value })),
      text.map((value): Test => ({ kind: 'is', value })),
      word.map((value): Test => ({ kind: 'starts', value })),
    )
    .map((test): Query => ({ kind: 'test', field: { column: 'message' }, test })),
  fc
    .oneof(
      fc.constantFrom('0', '7', '42').map((value): Test => ({ kind: 'is', value })),
      fc.constantFrom('4', '42').map((value): Test => ({ kind: 'starts', value })),
      fc
        .tuple(operator, fc.constantFrom('7', '-3', '1e2'))
        .map(([sign, value]): Test => ({ kind: 'compare', operator: sign as '>', value, as: 'number' })),
      fc.constantFrom<Test>({ kind: 'exists' }, { kind: 'regex', pattern: '^4', ignoreCase: false }),
    )
    .map((test): Query => ({ kind: 'test', field: { column: 'id' }, test })),
  fc.tuple(operator, time).map(([sign, value]): Query => ({
    kind: 'test',
    field: { column: 'timestamp' },
    test: { kind: 'compare', operator: sign as '>', value, as: 'text' },
  })),
  fc.constantFrom(...severityTerms).map((written) => parseQuery(written, nowMs) as Query),
);
const { query } = fc.letrec<{ query: Query }>((tie) => {
  const parts = fc.array(tie('query'), { minLength: 2, maxLength: 3 });
  return {
    query: fc.oneof(
      { maxDepth: 4 },
      term,
      parts.map((all): Query => ({ kind: 'and', parts: all })),
      parts.map((all): Query => ({ kind: 'or', parts: all })),
      tie('query').map((part): Query => ({ kind: 'not', part })),
    ),
  };
});

void test('a query that is printed is read back as the same', async (t) => {
  fc.assert(
    fc.property(query, (one) => {
      const printed = print(one);
      const read = parseQuery(printed, nowMs);
      if (JSON.stringify(read) !== JSON.stringify(one)) {
        throw new Error(`${printed}\n is read as ${JSON.stringify(read)}\n instead of ${JSON.stringify(one)}`);
      }
    }),
    { numRuns: 400 },
  );
  t.pass('each');
});

/** Pieces that mean something, in an order that means nothing; and bytes. */
const garbage = fc.oneof(
  fc
    .array(
      fc.oneof(
        fc.constantFrom(
          '(',
          ')',
          '"',
          '/',
          '/i',
          '\\',
          '-',
          ':',
          '*',
          '>',
          '>=',
          '=',
          ' ',
          '  ',
          '\t',
          '\n',
          '\0',
          '\ud800',
        ),
        fc.constantFrom(
          'AND',
          'OR',
          'NOT',
          'a',
          'app:',
          'severity:',
          'timestamp:>',
          'k:(',
          '[',
          '{9999}',
          '(?=',
          '\\p{X}',
        ),
      ),
      { maxLength: 30 },
    )
    .map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary', maxLength: 40 }),
);

void test('whatever is typed is a query, or an error that names a column of it', async (t) => {
  const outcomes = new Set<string>();
  fc.assert(
    fc.property(garbage, (typed) => {
      try {
        outcomes.add(parseQuery(typed, nowMs) === null ? 'nothing' : 'query');
      } catch (error) {
        if (!(error instanceof RegressionError) || error.code !== 'QUERY_INVALID') throw error;
        const at = Number(/^q: column (\d+):? \S/.exec(error.message)?.[1]);
        const isGood = at >= 1 && at <= typed.length + 1 && !/\p{Cc}/u.test(error.message) && error.hint !== undefined;
        if (!isGood) throw new Error(`no column, hint or single line: ${error.message}`, { cause: error });
        outcomes.add('refused');
      }
    }),
    { numRuns: 3000 },
  );
  t.strictSame([...outcomes].sort(), ['nothing', 'query', 'refused']);
});

// Half a megabyte each: what takes more than time in proportion to its length would not end before the test does.
const long = 500_000;
const hostile: Readonly<Record<string, string>> = {
  parentheses: '('.repeat(long),
  minuses: '-'.repeat(long),
  'quotes that are not closed': 'a" '.repeat(long / 3),
  'slashes that close nothing': '/a '.repeat(long / 3),
  'escaped slashes': `/${'\\/'.repeat(long / 2)} `,
  'names without a colon': 'a.'.repeat(long / 2),
  'a quoted name without a colon': `"${'\\"'.repeat(long / 2)}" "${'a'.repeat(long)}`,
  colons: 'a:'.repeat(long / 2),
  operators: `a:${'>'.repeat(long)}`,
  blanks: ' '.repeat(long),
  OR: 'a OR '.repeat(long / 5),
};
for (const [name, typed] of Object.entries(hostile)) {
  void test(`half a megabyte of ${name} is answered`, async (t) => {
    try {
      void parseQuery(typed, nowMs);
      t.pass('read');
    } catch (error) {
      t.match(error, { code: 'QUERY_INVALID', message: /^q: column \d+/ });
    }
  });
}
