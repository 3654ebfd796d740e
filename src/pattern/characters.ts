/** What a character is to the masks. Everything outside ASCII is a letter. */
export const digit = 1;
export const letter = 2;
/** A word with one of these may be more than a word: a path, an address, a pair. */
export const special = 4;
/** What is none of the others: the rest of the punctuation, control characters. */
export const mark = 8;
export const space = 16;
/** Behind this the message goes on in another line: a stack trace is no part of what was said. */
export const lineEnd = 32;

const classes = classTable();

/** @param code UTF-16 code unit. */
export function kindOf(code: number): number {
  return code < 128 ? (classes[code] ?? mark) : letter;
}

export function isDigitAt(text: string, at: number): boolean {
  return classes[text.charCodeAt(at)] === digit;
}

function classTable(): Uint8Array {
  const table = new Uint8Array(128).fill(mark);
  for (let code = 48; code <= 57; code++) table[code] = digit;
  for (let code = 65; code <= 90; code++) table[code] = table[code + 32] = letter;
  for (const character of '=/\\@:&|') table[character.charCodeAt(0)] = special;
  table[32] = table[9] = space;
  table[10] = table[13] = lineEnd;
  return table;
}
