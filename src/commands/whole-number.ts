/** Flags whose value is a count. They are taken from yargs as text, so that what is refused can be told as it was typed. */
import type { Options } from 'yargs';

/** @param name as it is typed, without the dashes. */
export function wholeNumber(name: string, options: { readonly describe: string; readonly default?: number }) {
  const coerce = (given: string | number | undefined) => (given === undefined ? undefined : read(name, given));
  return { ...options, type: 'string', coerce, requiresArg: true } as const satisfies Options;
}

/** The same, any number of times. */
export function wholeNumbers(name: string, describe: string) {
  const coerce = (given: readonly string[] | undefined) => given?.map((each) => read(name, each));
  return { describe, type: 'string', array: true, coerce, requiresArg: true } as const satisfies Options;
}

/** @throws Error, which yargs makes a usage error. */
function read(name: string, given: string | number): number {
  const value = Number(given);
  if (Number.isSafeInteger(value) && value >= 1 && String(given).trim() !== '') return value;
  throw new Error(`--${name}: expected a whole number from 1, got ${JSON.stringify(given)}`);
}
