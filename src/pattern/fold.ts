/** Where two words are one value: a number and its unit, the parts of a date, the items of a list. */
const months = new Set(['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']);
const weekdays = new Set(['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']);
export const sizeUnits: ReadonlySet<string> = new Set(['b', 'kb', 'mb', 'gb', 'tb', 'pb', 'kib', 'mib', 'gib', 'tib']);
// oxfmt-ignore
export const durationUnits: ReadonlySet<string> = new Set(['ns', 'us', 'ms', 's', 'sec', 'secs', 'second', 'seconds', 'msec', 'msecs', 'millis', 'milliseconds', 'microseconds',
  'm', 'min', 'mins', 'minute', 'minutes', 'h', 'hour', 'hours', 'd', 'day', 'days']);

/** No unit has more characters. */
export const longestUnit = 12;
const unitInitials: ReadonlySet<number> = new Set([...sizeUnits, ...durationUnits].map((unit) => unit.charCodeAt(0)));

/**
 * Whether letters, and nothing else, may be part of a value together with the word before them: the unit of a number, part of a date.
 * Says so of some that are not; it is asked before they are cut out of their message.
 *
 * @param first their first character.
 */
export function mayFoldLetters(first: number, length: number, isBehindNumber: boolean): boolean {
  if (isBehindNumber && length <= longestUnit && (first > 127 || unitInitials.has(first | 32))) return true;
  return length === 3 && first >= 65 && first <= 90;
}

const greater = 62;
const comma = 44;

/** Whether the word behind this one may be part of the same value: it is one, an item of a list, or part of a date. */
export function mayFold(word: string): boolean {
  const last = word.charCodeAt(word.length - 1);
  return last === greater || (last === comma && word.includes('>')) || isDateWord(word);
}

/** The one word that two masked words make; null where they are two. */
export function foldInto(previous: string, word: string): string | null {
  const last = previous.charCodeAt(previous.length - 1);
  if (word.includes('>')) return foldValues(previous, word, last === comma ? previous.slice(0, -1) : previous);
  if (isDateWord(word) && (previous === '<time>' || weekdays.has(bareOf(previous)))) return '<time>';
  if (!previous.endsWith('<num>')) return null;
  const unit = unitMask(word);
  return unit === null ? null : previous.slice(0, -'<num>'.length) + unit;
}

function foldValues(previous: string, word: string, bare: string): string | null {
  const isSame = word === bare || word === previous || (word.length === bare.length + 1 && word.startsWith(bare));
  if (isSame) return word;
  if (isDateWord(bare) && (word.startsWith('<num>') || word.startsWith('<time>'))) {
    return `<time>${word.slice(word.indexOf('>') + 1)}`;
  }
  return bare === '<time>' && word === '<num>' ? '<time>' : null;
}

function bareOf(word: string): string {
  return word.endsWith(',') ? word.slice(0, -1) : word;
}

function isDateWord(word: string): boolean {
  const bare = bareOf(word);
  return bare.length === 3 && (months.has(bare) || weekdays.has(bare));
}

/** `KB)` behind a number: the mask of both, with the punctuation kept. */
function unitMask(word: string): string | null {
  let end = word.length;
  while (end > 0 && ',.;:)]'.includes(word.charAt(end - 1))) end--;
  if (end === 0 || end > longestUnit) return null;
  const unit = word.slice(0, end).toLowerCase();
  if (sizeUnits.has(unit)) return `<size>${word.slice(end)}`;
  // One letter alone may be anything: a unit only where it is glued to its number.
  return unit.length > 1 && durationUnits.has(unit) ? `<duration>${word.slice(end)}` : null;
}
