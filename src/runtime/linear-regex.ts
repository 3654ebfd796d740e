/**
 * Regular expressions that users write, on an engine that takes time linear in the text whatever the pattern (RE2's syntax): no
 * back-references, no look-around. A backtracking engine could be made to stop the process by one pattern or one log line.
 */
import { RE2JS } from 're2js';
import { messageOf } from './errors.ts';

export interface LinearRegex {
  /** Whether the pattern occurs anywhere in `text`. */
  test(text: string): boolean;
}

/** Programs grow with the pattern; this bounds both compiling and the memory of a match. */
export const maxPatternLength = 1000;

/** @throws Error whose message says what is wrong with the pattern. */
export function compileRegex(pattern: string, options: { readonly ignoreCase?: boolean } = {}): LinearRegex {
  if (pattern.length > maxPatternLength) throw new Error(`the pattern is longer than ${maxPatternLength} characters`);
  try {
    return RE2JS.compile(pattern, options.ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
  } catch (error) {
    throw new Error(messageOf(error).replace(/^error parsing regexp: /, ''), { cause: error });
  }
}
