/**
 * What a test says of a text. The one definition: the in-memory matcher calls it, and SQLite calls it for what its own
 * operators cannot say.
 */
import { Masker } from '../pattern/mask.ts';
import { fits, templateWords } from '../pattern/message-words.ts';
import { LinearPattern } from '../runtime/linear-pattern.ts';
import type { Operator, Test } from './query.ts';

export type NumberTest = Extract<Test, { readonly kind: 'compare' }>;

/** @returns false for a text that is not there. */
export function satisfies(text: string | null | undefined, test: Test): boolean {
  if (text === null || text === undefined) return false;
  switch (test.kind) {
    case 'exists':
      return true;
    case 'is':
      return text === test.value;
    case 'starts':
      return text.startsWith(test.value);
    case 'contains':
      return asciiLower(text).includes(asciiLower(test.value));
    case 'word_starts':
      return hasWordStart(asciiLower(text), asciiLower(test.value));
    case 'fits':
      return fitsTemplate(text, test.template);
    case 'regex':
      return regexOf(test.pattern, test.ignoreCase).test(text);
    case 'compare':
      if (test.as === 'text') return holds(naturalOrder(text, test.value), test.operator);
      return isNumber(text) && satisfiesNumber(Number(text), test);
    default:
      return test satisfies never;
  }
}

/** What a comparison of numbers says of one; false for NaN. */
export function satisfiesNumber(value: number, { operator, value: bound }: NumberTest): boolean {
  return holds(value - Number(bound), operator);
}

const masker = new Masker();

function fitsTemplate(text: string, template: string): boolean {
  const wanted = template.split(' ');
  const words = templateWords(masker.mask(text).toString());
  return words.length === wanted.length && fits(wanted, words);
}

/** Upper and lower case alike as SQLite's LIKE has it: the letters A to Z, and no others. */
function asciiLower(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

const wordCharacter = /[\p{L}\p{N}_]/u;

/** Wherever `prefix` stands with no letter, digit or underscore right before it. */
function hasWordStart(text: string, prefix: string): boolean {
  for (let at = text.indexOf(prefix); at >= 0; at = text.indexOf(prefix, at + 1)) {
    if (at === 0 || !wordCharacter.test(characterBefore(text, at))) return true;
  }
  return false;
}

/** Whole, also when it takes two UTF-16 units. */
function characterBefore(text: string, at: number): string {
  const isPair = at >= 2 && (text.codePointAt(at - 2) ?? 0) > 0xffff;
  return text.slice(isPair ? at - 2 : at - 1, at);
}

/** A plain decimal number as a whole: `0x10`, `1_000`, `Infinity` and the empty text are none. */
export function isNumber(text: string): boolean {
  return /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(text);
}

function holds(difference: number, operator: Operator): boolean {
  if (operator === '>') return difference > 0;
  if (operator === '>=') return difference >= 0;
  return operator === '<' ? difference < 0 : difference <= 0;
}

function naturalOrder(a: string, b: string): number {
  const left = a.match(/\d+|\D+/g) ?? [];
  const right = b.match(/\d+|\D+/g) ?? [];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = partOrder(left[index] ?? '', right[index] ?? '');
    if (difference !== 0) return difference;
  }
  return 0;
}

function partOrder(a: string, b: string): number {
  if (isDigits(a) && isDigits(b)) {
    const left = a.replace(/^0+(?=\d)/, '');
    const right = b.replace(/^0+(?=\d)/, '');
    // Digits of any number: the longer is the larger.
    if (left.length !== right.length) return left.length - right.length;
    return textOrder(left, right);
  }
  return textOrder(a, b);
}

function isDigits(part: string): boolean {
  return /^\d/.test(part);
}

function textOrder(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Compiled patterns, so that a query compiles once and not once a row. */
const compiled = new Map<string, LinearPattern>();
const maxCompiled = 100;

function regexOf(pattern: string, ignoreCase: boolean): LinearPattern {
  const key = `${ignoreCase ? 'i' : '-'}${pattern}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  if (compiled.size >= maxCompiled) compiled.clear();
  const regex = new LinearPattern(pattern, { ignoreCase });
  compiled.set(key, regex);
  return regex;
}
