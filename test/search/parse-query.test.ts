import { test } from 'tap';
import { matchesQuery } from '../../src/search/match.ts';
import { parseQuery } from '../../src/search/parse-query.ts';
import type { LogRow } from '../../src/search/request.ts';

const nowMs = Date.parse('2026-11-24T04:00:00Z');

const row: LogRow = {
  id: 7,
  timestamp: '2026-11-24T03:30:00.000000Z',
  severity: 'WARN',
  application: 'checkout',
  version: '1.10.0',
  environment: null,
  source: '/var/log/shop/app.log',
  message: 'Connection reset by peer (10.0.0.1:443) at 12:30:00, 100% done: OR so',
  metadata: {
    userId: '42',
    cpu: '0.75',
    path: '/health',
    'req.id': 'a-b',
    odd: 'two words',
    big: '1e3',
    text: '12abc',
  },
};

const holding = [
  '',
  'connection',
  'CONNECTION reset',
  '"reset by peer"',
  'conn*',
  'pee* res*',
  '/re.et by/',
  '/CONNECTION/i',
  '12:30:00',
  '10.0.0.1:443',
  '100%',
  '-refused',
  'NOT refused',
  '--reset',
  'severity:warn',
  'severity:warning',
  'severity:>=info',
  'severity:>info severity:<error',
  'level:W*',
  'severity:(error OR warn)',
  'severity:/^WA/',
  'app:checkout',
  'application:check*',
  '-app:shop',
  'version:1.10.0',
  'version:>1.9.3',
  'version:>=1.10',
  '-env:production',
  '-environment:*',
  'env:<1 OR reset',
  'source:/var/log/shop/app.log',
  'source:/var/*',
  'source:/shop\\/app/',
  'userId:42',
  'userId:=42',
  'meta.userId:42',
  '"userId":42',
  'req.id:a-b',
  'path:/health',
  '-path:/healthz',
  'cpu:>0.5',
  'cpu:>=0.75 cpu:<=.75',
  'cpu:>-1',
  'big:>999',
  '-text:>1',
  '-text:<1',
  'text:>=12ab',
  'odd:"two words"',
  'odd:two*',
  'userId:*',
  '-nothing:*',
  'userId:(41 OR 42) cpu:*',
  'userId:(-41)',
  'cpu:(>=0.5 <0.9)',
  'cpu:(<0.1 OR (>0.5 -0.7))',
  'id:7',
  'id:7*',
  'id:*',
  'id:/^7$/',
  'text:>"abc" OR text:<"abc"',
  'req.id:<b-1',
  'timestamp:2026-11-24T03*',
  'id:>6',
  'timestamp:>-1h',
  'timestamp:<2026-11-24T03:30:00.000001Z',
  'timestamp:2026-11-24T03:30:00Z',
  'message:"reset by"',
  '-message:="reset by"',
  'msg:conn*',
  '(refused OR reset) app:checkout',
  'refused OR reset',
  'refused boom OR reset peer',
  'reset AND peer',
  '-(refused reset)',
  '"OR so"',
  'or so',
  '"(10"',
  'toString OR reset',
  '-constructor:*',
];
for (const query of holding) {
  void test(`a row is found by ${query === '' ? 'an empty query' : query}`, async (t) => {
    const parsed = parseQuery(query, nowMs);
    t.ok(parsed === null || matchesQuery(row, parsed));
    if (parsed === null) return;
    const negated = parseQuery(`-(${query})`, nowMs);
    t.notOk(negated === null || matchesQuery(row, negated), 'and lost by its negation');
  });
}

// A range of what is no number, a shorter text, a prefix inside a word, another case.
const losing = [
  'text:>1',
  'text:<99',
  'onn*',
  '/connection/',
  'path:/heal',
  'userId:4*2',
  'env:*',
  'severity:>warn',
  'app:Checkout',
  'message:=reset',
];
for (const query of losing) {
  void test(`a row is not found by ${query}`, async (t) => {
    const parsed = parseQuery(query, nowMs);
    t.ok(parsed !== null && !matchesQuery(row, parsed));
  });
}

const wrong: readonly (readonly [query: string, column: number, message: RegExp, hint: RegExp])[] = [
  ['a "open', 3, /the quote is not closed/, /Close the phrase/],
  ['(a OR b', 8, /\) is expected: the \( of column 1 is open/, /Add/],
  ['a b)', 4, /no \( is open/, /quote it/],
  ['a OR', 5, /a word, a "phrase", a field:value or a \( is expected, but the query ends/, /quote them/],
  ['OR a', 1, /but there is OR/, /quote them/],
  ['a AND OR b', 7, /but there is OR/, /quote them/],
  ['x ()', 4, /but there is \)/, /quote them/],
  ['a NOT', 6, /but the query ends/, /quote/],
  ['severity:lowd', 10, /"lowd" is no severity; one of TRACE, DEBUG, INFO/, /severity:>=warn/],
  ['severity:>=warm', 12, /"warm" is no severity/, /Did you mean warn/],
  ['app: shop', 5, /a value of app is expected right behind the colon/, /quote it/],
  ['error:', 7, /a value of error is expected/, /quote it/],
  ['cpu:>', 6, /a value of cpu is expected/, /cpu:>1/],
  ['cpu:>/x/', 6, /> needs a number or a text/, /cpu:>1/],
  ['userId:(a app:b)', 11, /a value of userId is expected/, /Close the parenthesis/],
  ['x /(/', 3, /missing closing \)/, /RE2/],
  ['/a(?=b)/', 1, /invalid or unsupported Perl syntax/, /RE2/],
  ['severity:x*', 10, /no severity begins with "x"; they are TRACE, DEBUG/, /severity:>=warn/],
  ['id:abc', 4, /"abc" is no id: a whole number is expected/, /id:42/],
  ['id:"7 "', 4, /"7 " is no id/, /id:42/],
  ['id:(7 OR x*)', 10, /"x" is no id/, /id:42/],
  ['id:>seven', 5, /"seven" is no id/, /id:>42/],
  ['id:-7', 4, /"-7" is no id/, /id:42/],
  [
    'durationMs:>abc',
    13,
    /"abc" is no number: > expects one, or a text with digits/,
    /durationMs:>1; .*durationMs:>"abc"/,
  ],
  ['sevrity:>=warn', 11, /"warn" is no number: >= expects one/, /Did you mean severity:>=warn\?/],
  ['cpu:(>=0.5 <high)', 13, /"high" is no number: < expects one/, /cpu:<"high"/],
  ['time:yesterday*', 6, /"yesterday" is no beginning of a time/, /timestamp:2026/],
  ['time:>soon', 7, /"soon" is not a time/, /RFC 3339/],
  [`${'('.repeat(60)}a${')'.repeat(60)}`, 52, /nested deeper than 50/, /flatter/],
  ['a '.repeat(201), 401, /more than 200 terms/, /several/],
];
for (const [query, column, message, hint] of wrong) {
  void test(`${query.slice(0, 20)} is refused at column ${column}`, async (t) => {
    t.throws(() => parseQuery(query, nowMs), {
      code: 'QUERY_INVALID',
      message: new RegExp(`^q: column ${column}: `),
      hint,
    });
    t.throws(() => parseQuery(query, nowMs), { message });
  });
}

void test('a pattern that would take a backtracking engine for ever is answered at once (F32)', async (t) => {
  const parsed = parseQuery('/(a+)+$/', nowMs);
  const startedAtMs = performance.now();
  t.notOk(parsed === null || matchesQuery({ ...row, message: `${'a'.repeat(50_000)}!` }, parsed));
  t.ok(performance.now() - startedAtMs < 5000);
});
