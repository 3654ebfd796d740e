/**
 * Cuts the text of a query into tokens, each with its column. Knows quotes, regular expressions and where words end; what the
 * tokens mean together is decided in parse-query.ts.
 */
import { RegressionError } from '../runtime/errors.ts';
import type { Operator } from './query.ts';

export interface Value {
  readonly kind: 'word' | 'phrase' | 'prefix' | 'regex';
  /** Without quotes, escapes, the `*` of a prefix, the slashes of a regular expression. */
  readonly text: string;
  /** `/.../i` */
  readonly ignoreCase: boolean;
}

export type Token = { readonly column: number } & (
  | { readonly kind: '(' | ')' | 'and' | 'or' | 'not' | 'end' }
  | { readonly kind: 'value'; readonly value: Value }
  /** `name:`; a value, a comparison or a parenthesis of them follows right behind it, at column `end`. */
  | { readonly kind: 'field'; readonly name: string; readonly end: number }
  | { readonly kind: 'operator'; readonly operator: Operator | '=' }
);

/** Begins with a letter, so that 12:30:00 is a word and not the field 12. */
const fieldName = /(?:"((?:[^"\\]|\\.)+)"|([\p{L}_@$][\p{L}\p{N}_.@$/-]*)):(?!\/\/)/uy;
const operator = />=|<=|>|<|=/y;
const keyword = /(AND|OR|NOT)(?=[\s()]|$)/y;
/** What follows the slash that closes a regular expression. */
const afterRegex = /i?(?=[\s)]|$)/y;

/** @throws RegressionError `QUERY_INVALID`. */
export function scanQuery(text: string): readonly Token[] {
  const tokens: Token[] = [];
  /** A parenthesis that is open, each: whether it holds values of a field. */
  const groups: boolean[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at = pattern.lastIndex;
    return found;
  };
  for (;;) {
    take(/\s*/y);
    const column = at + 1;
    const char = text[at];
    if (char === undefined) return [...tokens, { kind: 'end', column }];
    const last = tokens.at(-1);
    const isOperand = isBehindField(last, column);
    const isOfField = groups.at(-1) === true || isOperand;
    const word = isOperand ? undefined : (take(keyword)?.[1]?.toLowerCase() as 'and' | 'or' | 'not' | undefined);
    if (word !== undefined) tokens.push({ kind: word, column });
    else if (char === '(' || char === ')') {
      if (char === '(') groups.push(isOfField);
      else groups.pop();
      tokens.push({ kind: char, column });
      at++;
    } else if (char === '-' && /[^\s)]/.test(text[at + 1] ?? ' ') && !isOperand) {
      tokens.push({ kind: 'not', column });
      at++;
    } else {
      const name = isOperand ? null : take(fieldName);
      if (name !== null) tokens.push({ kind: 'field', name: name[2] ?? unescape(name[1] ?? ''), column, end: at + 1 });
      else {
        const sign = isOfField && last?.kind !== 'operator' ? take(operator)?.[0] : undefined;
        if (sign !== undefined) tokens.push({ kind: 'operator', operator: sign as Operator | '=', column });
        else {
          const read = readValue(text, at);
          tokens.push({ kind: 'value', value: read.value, column });
          at = read.end;
        }
      }
    }
  }
}

/** Right behind a field's colon or its comparison everything belongs to the value: `a:-1`, `a:b:c`, `a:>-1`. */
function isBehindField(last: Token | undefined, column: number): boolean {
  return (last?.kind === 'field' && last.end === column) || last?.kind === 'operator';
}

function readValue(text: string, start: number): { readonly value: Value; readonly end: number } {
  if (text[start] === '"') return readPhrase(text, start);
  const regex = text[start] === '/' ? readRegex(text, start) : null;
  if (regex !== null) return regex;
  let end = start;
  while (end < text.length && /[^\s()"]/.test(text[end] ?? '')) end++;
  const word = text.slice(start, end);
  const isPrefix = word.endsWith('*') && !word.endsWith('\\*');
  const plain = (isPrefix ? word.slice(0, -1) : word).replaceAll('\\*', '*');
  return { value: { kind: isPrefix ? 'prefix' : 'word', text: plain, ignoreCase: false }, end };
}

function readPhrase(text: string, start: number): { readonly value: Value; readonly end: number } {
  const found = /"((?:[^"\\]|\\.)*)"/y;
  found.lastIndex = start;
  const phrase = found.exec(text)?.[1];
  if (phrase === undefined) {
    throw queryError(start + 1, 'the quote is not closed', 'Close the phrase with ", or write \\" inside it.');
  }
  return { value: { kind: 'phrase', text: unescape(phrase), ignoreCase: false }, end: found.lastIndex };
}

/**
 * `/pattern/` or `/pattern/i` up to a blank, a parenthesis or the end. A path is no pattern: `/var/log` and `/health` have no
 * slash in such a place.
 */
function readRegex(text: string, start: number): { readonly value: Value; readonly end: number } | null {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '/' && at > start + 1) {
      afterRegex.lastIndex = at + 1;
      const behind = afterRegex.exec(text)?.[0];
      if (behind === undefined) return null;
      const pattern = text.slice(start + 1, at).replaceAll('\\/', '/');
      return {
        value: { kind: 'regex', text: pattern, ignoreCase: behind === 'i' },
        end: at + 1 + behind.length,
      };
    }
  }
  return null;
}

function unescape(text: string): string {
  return text.replaceAll(/\\(["\\])/g, '$1');
}

/** The one shape of a query's errors: where (columns count from 1), and what was expected. */
export function queryError(column: number, message: string, hint: string): RegressionError {
  // It may quote what was typed, and stays one line.
  const line = message.replaceAll(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return new RegressionError('QUERY_INVALID', `q: column ${column}: ${line}`, { hint });
}
