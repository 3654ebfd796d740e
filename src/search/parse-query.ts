/**
 * Reads the search language:
 *
 *     severity:>=warn app:checkout userId:42 -path:/health "connection reset" conn* (timeout OR /refused|reset/i)
 *
 * Terms side by side must all hold; `OR` binds weaker than that, `-` and `NOT` stronger. A recursive descent over the tokens of
 * query-scanner.ts; what a single term asks for is in query-terms.ts. Errors name the column and what was expected there.
 */
import { type Token, type Value, queryError, scanQuery } from './query-scanner.ts';
import { isNumber } from './predicates.ts';
import type { Operator, Query } from './query.ts';
import {
  type NamedField,
  checkValue,
  expectedValue,
  fieldEquals,
  fieldOf,
  messageTerm,
  severityTerm,
} from './query-terms.ts';
import { readTime } from './time.ts';

/** Deeper nesting is refused: SQLite bounds the depth of an expression. */
const maxDepth = 50;
const maxTerms = 200;

export const patternId = /^[0-9a-f]{16}$/;

/** What a pattern's id asks for; null where there is no such pattern. */
export type PatternResolver = (id: string) => Query | null;

/**
 * @param nowMs what `timestamp:>-1h` counts back from.
 * @returns null for a text without terms.
 * @throws RegressionError `QUERY_INVALID` with the column (from 1) and what was expected.
 */
export function parseQuery(text: string, nowMs: number, patternOf: PatternResolver = () => null): Query | null {
  return new QueryParser(scanQuery(cleaned(text)), nowMs, patternOf).parse();
}

/** As the text of rows is cleaned when it is stored: what SQLite or UTF-8 cannot hold is never found. */
function cleaned(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\u2400');
}

class QueryParser {
  readonly #tokens: readonly Token[];
  readonly #nowMs: number;
  readonly #patternOf: PatternResolver;
  #at = 0;
  #terms = 0;

  constructor(tokens: readonly Token[], nowMs: number, patternOf: PatternResolver) {
    this.#patternOf = patternOf;
    this.#tokens = tokens;
    this.#nowMs = nowMs;
  }

  parse(): Query | null {
    if (this.#tokens[0]?.kind === 'end') return null;
    const query = this.#alternatives(undefined, 0);
    const rest: Token = this.#next;
    if (rest.kind !== 'end') throw queryError(rest.column, 'no ( is open here', 'Leave out the ), or quote it: ")".');
    return query;
  }

  get #next(): Token {
    return this.#tokens[this.#at] as Token;
  }

  /** @param field inside `field:( ... )`: values are held against it. */
  #alternatives(field: NamedField | undefined, depth: number): Query {
    const parts = [this.#all(field, depth)];
    while (this.#next.kind === 'or') {
      this.#at++;
      parts.push(this.#all(field, depth));
    }
    return joined('or', parts);
  }

  #all(field: NamedField | undefined, depth: number): Query {
    const parts: Query[] = [];
    do {
      if (this.#next.kind === 'and') {
        if (parts.length === 0) throw this.#expectedTerm();
        this.#at++;
      }
      parts.push(this.#term(field, depth));
    } while (!['end', 'or', ')'].includes(this.#next.kind));
    return joined('and', parts);
  }

  #term(field: NamedField | undefined, depth: number): Query {
    const token = this.#next;
    if (depth > maxDepth) throw queryError(token.column, `nested deeper than ${maxDepth}`, 'Write it flatter.');
    if (++this.#terms > maxTerms)
      throw queryError(token.column, `more than ${maxTerms} terms`, 'Ask in several queries.');
    switch (token.kind) {
      case 'not':
        this.#at++;
        return { kind: 'not', part: this.#term(field, depth + 1) };
      case '(':
        return this.#group(field, depth);
      case 'field':
        if (field !== undefined) {
          throw queryError(token.column, `a value of ${field.name} is expected`, 'Close the parenthesis first.');
        }
        this.#at++;
        return this.#fieldTerm(fieldOf(token.name), token.end, depth);
      case 'operator':
      case 'value':
        if (field !== undefined) return this.#fieldValue(field);
        this.#at++;
        return token.kind === 'value' ? messageTerm(token.value, token.column) : this.#stray(token);
      case ')':
      case 'and':
      case 'or':
      case 'end':
        throw this.#expectedTerm();
      default:
        return token satisfies never;
    }
  }

  #group(field: NamedField | undefined, depth: number): Query {
    const { column } = this.#next;
    this.#at++;
    const query = this.#alternatives(field, depth + 1);
    if (this.#next.kind !== ')') {
      throw queryError(this.#next.column, `) is expected: the ( of column ${column} is open`, 'Add a ).');
    }
    this.#at++;
    return query;
  }

  #fieldTerm(field: NamedField, end: number, depth: number): Query {
    if (this.#next.column !== end) throw expectedValue(end, field); // `error: failed` is text more often than a field
    return this.#next.kind === '(' ? this.#group(field, depth) : this.#fieldValue(field);
  }

  #fieldValue(field: NamedField): Query {
    let operator: Operator | '=' | undefined;
    if (this.#next.kind === 'operator') {
      operator = this.#next.operator;
      this.#at++;
    }
    const { column } = this.#next;
    if (this.#next.kind !== 'value') {
      throw expectedValue(column, field);
    }
    const { value } = this.#next;
    this.#at++;
    if ('column' in field.field && field.field.column === 'severity') return severityTerm(operator, value, column);
    // Any other value is that of a metadata key of this name.
    if (field.name === 'pattern' && operator === undefined && patternId.test(value.text)) {
      const query = this.#patternOf(value.text);
      if (query !== null) return query;
      throw queryError(
        column,
        `there is no pattern ${value.text}`,
        'See GET /api/v1/patterns or `regression patterns`.',
      );
    }
    if (value.kind !== 'regex') checkValue(field, operator, value, column);
    if (operator === undefined || operator === '=') {
      return fieldEquals(field.field, this.#literal(field, value, column), operator === '=', column);
    }
    if (value.kind === 'regex' || value.kind === 'prefix') {
      throw queryError(column, `${operator} needs a number or a text`, `Like ${field.name}:${operator}1.`);
    }
    const { text } = this.#literal(field, value, column);
    // Versions go by their parts: 1.10 is no decimal fraction.
    const isVersion = 'column' in field.field && field.field.column === 'version';
    const as = isNumber(text) && !isVersion ? 'number' : 'text';
    return { kind: 'test', field: field.field, test: { kind: 'compare', operator, value: text, as } };
  }

  /** Times are given in any of the forms of `start` and `end`, and stand in rows as fixed-width UTC. */
  #literal({ field }: NamedField, value: Value, column: number): Value {
    const isTime = 'column' in field && field.column === 'timestamp';
    const isLiteral = value.kind === 'word' || value.kind === 'phrase';
    return isTime && isLiteral ? { ...value, text: readTime(value.text, `q: column ${column}`, this.#nowMs) } : value;
  }

  #stray({ column }: Token): Query {
    throw queryError(column, 'a comparison needs a field', 'Like cpu:>0.5; as text, quote it.');
  }

  #expectedTerm(): Error {
    const { kind, column } = this.#next;
    const found = kind === 'end' ? 'the query ends' : `there is ${kind.length > 1 ? kind.toUpperCase() : kind}`;
    return queryError(
      column,
      `a word, a "phrase", a field:value or a ( is expected, but ${found}`,
      'AND, OR and NOT in capitals are operators; as words, quote them.',
    );
  }
}

function joined(kind: 'and' | 'or', parts: readonly Query[]): Query {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : { kind, parts };
}
