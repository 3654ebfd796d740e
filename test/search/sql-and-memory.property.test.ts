/** SQL and the in-memory matcher give the same answers, for random rows and random queries. */
import fc from 'fast-check';
import { test } from 'tap';
import { severities } from '../../src/record/severity.ts';
import { matchesFilter } from '../../src/search/match.ts';
import { parseQuery } from '../../src/search/parse-query.ts';
import type { Filter, LogRow } from '../../src/search/request.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { rowsOf } from '../store/store.contract.ts';

const nowMs = Date.parse('2026-11-24T04:00:00Z');

/** Few words, so that queries meet rows; odd ones, so that SQL's own notions (wildcards, NULL, case, numbers) show. */
const word = fc.constantFrom(
  'a',
  'B',
  'ab',
  'conn',
  'Connection',
  '%',
  '_',
  '100%',
  '\\',
  'é',
  'É',
  '😀x',
  '7',
  '0.5',
  '-3',
  '1e2',
  '12abc',
  '1.10.0',
  '1.9',
  "o'k",
  '',
);
const text = fc.array(word, { maxLength: 4 }).map((words) => words.join(' '));
const key = fc.constantFrom('k', 'cpu', 'source', '__proto__', 'weird key');
const record = fc.record({
  timestamp: fc
    .integer({ min: 0, max: 7200 })
    .map((s) => new Date(nowMs - s * 1000).toISOString().replace('Z', '000Z')),
  severity: fc.constantFrom(...severities),
  application: fc.record({
    name: fc.constantFrom('a', 'ab', 'shop'),
    version: fc.constantFrom(null, '1.9', '1.10.0'),
    environment: fc.constantFrom(null, 'a', 'test'),
  }),
  source: fc.constantFrom('/a', '/a/b.log', 'a%'),
  message: text,
  metadata: fc.uniqueArray(fc.tuple(key, text), { selector: ([name]) => name, maxLength: 3 }),
});

const quoted = (value: string): string => `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
const literal = text.map(quoted);
const field = fc.constantFrom(
  'app',
  'version',
  'env',
  'source',
  'message',
  'k',
  'cpu',
  'meta.source',
  '__proto__',
  '"weird key"',
);
const prefix = fc.constantFrom('a*', 'conn*', 'é*', '😀*', '1*', '100%*');
const pattern = fc.constantFrom('/a/', '/^A/i', '/[0-9]+$/', '/(a|b)+ /', '/./');
const value = fc.oneof(literal, prefix, pattern, fc.constant('*'));
const comparison = fc
  .tuple(
    fc.constantFrom('>', '>=', '<', '<=', '='),
    fc.constantFrom('0.5', '7', '-3', '100', '1.9', '1.10.0', '"ab"', '12abc'),
  )
  .map(([operator, operand]) => `${operator}${operand}`);
const term = fc.oneof(
  literal,
  prefix,
  pattern,
  fc.tuple(field, fc.oneof(value, comparison)).map(([name, test]) => `${name}:${test}`),
  fc
    .tuple(fc.constantFrom('', '=', '>', '>=', '<', '<='), fc.constantFrom('1', '3', '7', '12'))
    .map(([operator, id]) => `id:${operator}${id}`),
  fc.constantFrom(
    'id:1*',
    'id:/^1/',
    'id:*',
    'severity:>=warn',
    'severity:info',
    'level:<error',
    'severity:/R/',
    'time:>-1h',
    'timestamp:<=2026-11-24T03:30:00Z',
    'k:(a OR "ab")',
  ),
);
const { query } = fc.letrec<{ query: string }>((tie) => ({
  query: fc.oneof(
    { maxDepth: 3 },
    term,
    term.map((inner) => `-${inner}`),
    fc.tuple(tie('query'), tie('query')).map(([a, b]) => `${a} ${b}`),
    fc.tuple(tie('query'), tie('query')).map(([a, b]) => `(${a} OR ${b})`),
    tie('query').map((inner) => `NOT (${inner})`),
  ),
}));

void test('a query finds in the store what it matches in memory', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(record, { minLength: 1, maxLength: 12 }),
      fc.array(query, { minLength: 5, maxLength: 20 }),
      async (records, queries) => {
        const store = new SqliteStore(':memory:');
        try {
          await store.append({ records, positions: [], gaps: [] });
          const rows: LogRow[] = await rowsOf(store, { order: 'arrival' });
          for (const one of queries) {
            const parsed = parseQuery(one, nowMs);
            const filter: Filter = parsed === null ? {} : { search: { text: one, query: parsed } };
            const stored = (await rowsOf(store, { filter, order: 'arrival' })).map(({ id }) => id);
            const inMemory = rows.filter((row) => matchesFilter(row, filter)).map(({ id }) => id);
            if (String(stored) !== String(inMemory))
              throw new Error(`${one}: SQL finds ${String(stored)}, memory ${String(inMemory)}`);
          }
        } finally {
          await store.close();
        }
      },
    ),
    { numRuns: 150 },
  );
});
