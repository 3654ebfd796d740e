/** What one term of the search language asks for: a field and a value, as the parser (parse-query.ts) found them side by side. */
import { type Severity, severities, severityOfWord, severityRank } from '../record/severity.ts';
import { messageOf } from '../runtime/errors.ts';
import { LinearPattern } from '../runtime/linear-pattern.ts';
import { nearestName } from '../runtime/nearest.ts';
import { columnLike, columns } from './columns.ts';
import { isNumber } from './predicates.ts';
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

/** A value that a row can have in the field: what can find nothing is a slip, and is said. @param value no regular expression. */
export function checkValue(
  { field, name }: NamedField,
  operator: Operator | '=' | undefined,
  value: Value,
  column: number,
): void {
  const { kind, text } = value;
  const isRange = operator !== undefined && operator !== '=';
  const refuse = (expected: string, hint: string): never => {
    throw queryError(column, `${JSON.stringify(text)} is no ${expected}`, hint);
  };
  if (!('column' in field)) {
    // Texts have an order too, but who means that says so: a number, a version or a name with a number is what ranges are of.
    if (!isRange || kind !== 'word' || /\d/.test(text)) return;
    const meant = columnLike(name);
    return refuse(
      `number: ${operator} expects one, or a text with digits in it`,
      meant === undefined
        ? `Like ${name}:${operator}1; the order of texts: ${name}:${operator}"${text}".`
        : `Did you mean ${meant}:${operator}${text}? No column is called ${name}; it is looked for in the metadata.`,
    );
  }
  if (kind === 'prefix' && text === '') return;
  if (field.column === 'id' && !(isRange ? isNumber(text) : /^(?:0|[1-9]\d*)$/.test(text)))
    refuse('id: a whole number is expected', 'Like id:42, id:>42 or id:/^42/.');
  if (field.column === 'timestamp' && kind === 'prefix' && !/^\d[\dTZ:.-]*$/.test(text))
    refuse('beginning of a time', 'Like timestamp:2026-11-24T03*.');
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
    const among = severities.filter((name) => name.startsWith(value.text.toUpperCase()));
    if (among.length > 0) return { kind: 'severity', among };
    throw queryError(
      column,
      `no severity begins with ${JSON.stringify(value.text)}; they are ${severities.join(', ')}`,
      'Like severity:>=warn.',
    );
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
