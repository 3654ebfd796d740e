/**
 * Turns the search language's expression into a condition on `log` and `application`. What SQL cannot say, or would say
 * differently, goes through the function `satisfies` (see sqlite.ts), which is search/predicates.ts itself.
 *
 * No condition is ever NULL: `NOT NULL` is NULL, and a negated term would lose the rows that do not have the field.
 */
import { literalsOf } from '../../pattern/message-words.ts';
import type { Column, Field, Query as SearchQuery, Test } from '../../search/query.ts';
import { literalsIn } from '../../search/pattern-literals.ts';
import type { Filter } from '../../search/request.ts';
import type { SqlValue } from './sqlite.ts';

export interface Condition {
  readonly sql: string;
  readonly values: readonly SqlValue[];
  /** True when it names `application`. */
  readonly needsApplication: boolean;
}

export function queryCondition(query: SearchQuery): Condition {
  switch (query.kind) {
    case 'and':
    case 'or': {
      const parts = query.parts.map(queryCondition);
      return {
        sql: `(${parts.map(({ sql }) => sql).join(` ${query.kind.toUpperCase()} `)})`,
        values: parts.flatMap(({ values }) => values),
        needsApplication: parts.some(({ needsApplication }) => needsApplication),
      };
    }
    case 'not': {
      const part = queryCondition(query.part);
      return { ...part, sql: `NOT ${part.sql}` };
    }
    case 'severity':
      return onLog(`log.severity IN (${query.among.map(() => '?').join(', ')})`, query.among);
    case 'test':
      return testCondition(query.field, query.test);
    default:
      return query satisfies never;
  }
}

/** Metadata pairs that every row of the answer has: the filter's, and those that stand unconditionally in the query. */
export function requiredPairs({ metadata = [], search }: Filter): readonly (readonly [type: string, value: string])[] {
  const query = search?.query;
  const terms = query?.kind === 'and' ? query.parts : [query];
  const pairs = [...metadata];
  for (const term of terms) {
    if (term?.kind !== 'test' || !('metadata' in term.field) || term.test.kind !== 'is') continue;
    pairs.push([term.field.metadata, term.test.value]);
  }
  return pairs;
}

/** Texts that every message of the answer contains, upper and lower case of ASCII alike. */
export function requiredTexts({ search }: Filter): readonly string[] {
  return search === undefined ? [] : textsOf(search.query);
}

function textsOf(query: SearchQuery): readonly string[] {
  if (query.kind === 'and') return query.parts.flatMap(textsOf);
  if (query.kind !== 'test' || !('column' in query.field) || query.field.column !== 'message') return [];
  const { test } = query;
  if (test.kind === 'fits') return literalsOf(test.template);
  if (test.kind === 'regex') return literalsIn(test);
  const holds = test.kind === 'contains' || test.kind === 'word_starts' || test.kind === 'starts' || test.kind === 'is';
  return holds ? [test.value] : [];
}

const columns: Readonly<Record<Column, string>> = {
  id: 'log.id',
  timestamp: 'log.timestamp',
  severity: 'log.severity',
  application: 'application.name',
  version: 'application.version',
  environment: 'application.environment',
  source: 'log.source',
  message: 'log.message',
};

function testCondition(field: Field, test: Test): Condition {
  if ('metadata' in field) {
    const { sql, values } = textCondition('pair.metadata_value', test);
    return onLog(
      `EXISTS (SELECT 1 FROM logs_metadata pair NOT INDEXED WHERE pair.id BETWEEN log.id * 1024 AND log.id * 1024 + 1023
         AND pair.metadata_type = ? AND ${sql})`,
      [field.metadata, ...values],
    );
  }
  const { column } = field;
  const needsApplication = columns[column].startsWith('application.');
  const isNullable = column === 'version' || column === 'environment';
  if (column === 'id' && test.kind === 'compare' && test.as === 'number')
    return onLog(`log.id ${test.operator} ?`, [Number(test.value)]);
  if (isNullable || column === 'id') return { ...satisfied(columns[column], test), needsApplication };
  return { ...textCondition(columns[column], test), needsApplication };
}

/** @param text an expression that is text and never NULL. */
function textCondition(text: string, test: Test): Condition {
  switch (test.kind) {
    case 'exists':
      return onLog('1', []);
    case 'is':
      return onLog(`${text} = ?`, [test.value]);
    case 'contains':
      return onLog(`${text} LIKE ? ESCAPE '\\'`, [`%${escapeLike(test.value)}%`]);
    case 'word_starts':
      return roughly([textCondition(text, { kind: 'contains', value: test.value })], satisfied(text, test));
    case 'fits':
      return roughly(
        literalsOf(test.template).map((value) => textCondition(text, { kind: 'contains', value })),
        satisfied(text, test),
      );
    case 'regex':
      return roughly(
        literalsIn(test).map((value) => textCondition(text, { kind: 'contains', value })),
        satisfied(text, test),
      );
    case 'compare':
      return roughly(
        test.as === 'number' && Number.isFinite(Number(test.value)) ? [nearly(text, test)] : [],
        satisfied(text, test),
      );
    case 'starts':
      return satisfied(text, test);
    default:
      return test satisfies never;
  }
}

/** What the engine says itself goes first: it is quick, and leaves few rows to look at closely. */
function roughly(rough: readonly Condition[], exact: Condition): Condition {
  if (rough.length === 0) return exact;
  const parts = [...rough, exact];
  return onLog(
    `(${parts.map(({ sql }) => sql).join(' AND ')})`,
    parts.flatMap(({ values }) => values),
  );
}

/** Holds for every number that the comparison does, however the engine rounds it, and for some texts that are none. */
function nearly(text: string, { operator, value }: Extract<Test, { readonly kind: 'compare' }>): Condition {
  const bound = Number(value);
  const margin = Math.abs(bound) * 1e-9 + Number.MIN_VALUE;
  return operator === '>' || operator === '>='
    ? onLog(`CAST(${text} AS REAL) >= ?`, [bound - margin])
    : onLog(`CAST(${text} AS REAL) <= ?`, [bound + margin]);
}

function satisfied(text: string, test: Test): Condition {
  return onLog(`satisfies(${text}, ?)`, [JSON.stringify(test)]);
}

function onLog(sql: string, values: readonly SqlValue[]): Condition {
  return { sql, values, needsApplication: false };
}

/** LIKE is case-insensitive for ASCII letters; its two wildcards lose their meaning behind a backslash. */
function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/g, '\\$&');
}
