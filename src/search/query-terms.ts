/** What one term of the search language asks for: a field and a value, as the parser (parse-query.ts) found them side by side. */
import { type Severity, severities, severityOfWord, severityRank } from '../record/severity.ts';
import { messageOf } from '../runtime/errors.ts';
import { LinearPattern } from '../runtime/linear-pattern.ts';
import { nearestName } from '../runtime/nearest.ts';
import { columns } from './columns.ts';
import { type Value, queryError } from './query-scanner.ts';
import type { Field, Operator, Query } from './query.ts';

/** Programs grow with the pattern; this bounds both compiling and the memory of a match. */
const maxPatternLength = 1000;

export interface NamedField {
  readonly field: Field;
  /** As it was typed, for errors. */
  readonly name: string;
}

export function expectedValue(column: number, { name }: NamedField): Error {
  return queryError(
    column,
    `a value of ${name} is expected right behind the colon`,
    `Like ${name}:x, ${name}:>1 or ${name}:"two words". If the colon is text, quote it.`,
  );
}

export function fieldOf(name: string): NamedField {
  if (name.startsWith('meta.') && name.length > 5) return { field: { metadata: name.slice(5) }, name };
  const column = Object.hasOwn(columns, name) ? columns[name] : undefined;
  return { field: column === undefined ? { metadata: name } : { column }, name };
}

/** Without a field the message is meant. */
export function messageTerm(value: Value, column: number): Query {
  const field = { column: 'message' } as const;
  switch (value.kind) {
    case 'word':
    case 'phrase':
      return { kind: 'test', field, test: { kind: 'contains', value: value.text } };
    case 'prefix':
      return { kind: 'test', field, test: { kind: 'word_starts', value: value.text } };
    case 'regex':
      return regexTerm(field, value, column);
    default:
      return value.kind satisfies never;
  }
}

/** @param isExact `message:=x`: the whole message, where `message:x` asks for a part of it. */
export function fieldEquals(field: Field, value: Value, isExact: boolean, column: number): Query {
  if (value.kind === 'regex') return regexTerm(field, value, column);
  if (value.kind === 'prefix' && value.text === '') return { kind: 'test', field, test: { kind: 'exists' } };
  const isMessage = 'column' in field && field.column === 'message';
  if (isMessage && !isExact) return messageTerm(value, column);
  return { kind: 'test', field, test: { kind: value.kind === 'prefix' ? 'starts' : 'is', value: value.text } };
}

function regexTerm(field: Field, { text, ignoreCase }: Value, column: number): Query {
  if (text.length > maxPatternLength) {
    throw queryError(column, `the pattern is longer than ${maxPatternLength} characters`, 'Ask in several queries.');
  }
  try {
    void new LinearPattern(text, { ignoreCase });
  } catch (error) {
    throw queryError(
      column,
      messageOf(error),
      "The syntax is RE2's; a slash inside is written \\/. As text, quote it.",
    );
  }
  return { kind: 'test', field, test: { kind: 'regex', pattern: text, ignoreCase } };
}

export function severityTerm(operator: Operator | '=' | undefined, value: Value, column: number): Query {
  const field = { column: 'severity' } as const;
  if (value.kind === 'regex') return regexTerm(field, value, column);
  if (value.kind === 'prefix') {
    return { kind: 'severity', among: severities.filter((name) => name.startsWith(value.text.toUpperCase())) };
  }
  const wanted = severityOfWord(value.text)?.severity;
  if (wanted === undefined) {
    const near = nearestName(value.text, severities);
    throw queryError(
      column,
      `${JSON.stringify(value.text)} is no severity; one of ${severities.join(', ')} is expected`,
      near === undefined ? 'Like severity:>=warn.' : `Did you mean ${near.toLowerCase()}?`,
    );
  }
  return { kind: 'severity', among: severities.filter((name) => isWanted(name, operator, wanted)) };
}

function isWanted(name: Severity, operator: Operator | '=' | undefined, wanted: Severity): boolean {
  const difference = severityRank(name) - severityRank(wanted);
  if (operator === '>') return difference > 0;
  if (operator === '>=') return difference >= 0;
  if (operator === '<') return difference < 0;
  return operator === '<=' ? difference <= 0 : difference === 0;
}
