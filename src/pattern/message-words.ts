/** The words of a masked message as templates are made of them, and whether a template fits them. */

/** A variable word. */
export const anyWord = '<*>';

/** Of the pattern for what fits no other. */
export const catchAllTemplate = '<anything>';

/** @param masked as mask.ts leaves a message. */
export function templateWords(masked: string): string[] {
  const words = masked.split(' ');
  for (let place = 0; place < words.length; place++) {
    if (isVariable(words[place] ?? '', place)) words[place] = anyWord;
  }
  return words;
}

/** Only templates of as many words and the same first word can fit each other: they share this. */
export function leafKeyOf(words: readonly string[]): string {
  return `${words.length} ${words[0] ?? ''}`;
}

/** Every word is the template's, or stands where it has a variable. Both have as many. */
export function fits(template: readonly string[], words: readonly string[]): boolean {
  for (let place = 0; place < template.length; place++) {
    if (template[place] !== anyWord && template[place] !== words[place]) return false;
  }
  return true;
}

/** A mask that is the word, or stands in an id; what follows a key (`memory:<num>`, `CPU#<num>`) leaves the key as a word. */
export function isVariable(word: string, place: number): boolean {
  const mask = word.indexOf('<');
  if (mask < 0 || word.indexOf('>', mask) < 0) return place > 0 && (isAbsence(word) || isNameLike(word));
  if (mask > 1 && ':=#('.includes(word.charAt(mask - 1)) && /[a-zA-Z]/.test(word.slice(0, mask))) return false;
  return true;
}

/** What loggers write where there is no value: `()`, `""`, `null`, `(none)`. */
function isAbsence(word: string): boolean {
  return /^(?:\(\)|\[\]|\{\}|""|''|null|nil|[([{<"'](?:null|nil|none|undefined|unknown)[)\]}>"'])[,.;:]?$/i.test(word);
}

/** Words that are not prose: names with dots, paths, what stands in quotes. */
function isNameLike(word: string): boolean {
  return (
    /^[("'[]*[\w$-]+(?:\.[\w$-]+){2,}[)"',:;\]]*$/.test(word) ||
    /^["'][^\s"']+["'][,.:;]?$/.test(word) ||
    /^[\w-]+\/[\w.-]+$/.test(word)
  );
}

const maxLiterals = 3;

/** The longest words that every message of a template has as they stand: to find its messages by. */
export function literalsOf(template: string): string[] {
  return template
    .split(' ')
    .filter((word) => word.length > 2 && !word.includes('<'))
    .sort((a, b) => b.length - a.length)
    .slice(0, maxLiterals);
}
