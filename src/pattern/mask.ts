/**
 * Cuts a message into words and replaces what varies by a named mask, in one pass over its characters.
 *
 *   Connection from 10.0.0.7 port 4022 closed after 12 ms   ->   Connection from <ip> port <num> closed after <duration>
 *
 * Masks know forms, never a system's own vocabulary: what only experience can tell (that this word is a user's name) is the
 * template tree's work. Linear in the length of the message; at most `maxWords` words of its first line are looked at.
 */
import { digit, kindOf, letter, lineEnd, space, special } from './characters.ts';
import { foldInto, mayFold, mayFoldLetters } from './fold.ts';
import { maskPart, maskWord } from './mask-word.ts';
import { MaskedText } from './masked-text.ts';

/** Words behind this many are one `<rest>`: what tells messages apart stands at their beginning. */
export const maxWords = 64;
const maxCharacters = 2048;
const equalsSign = 61;
const greaterThan = 62;
const pairValue = '<val>';

/**
 * Masks messages one after another. The places of the words of the last one can be asked for, so that the values behind masks
 * need not be cut out when nobody wants them.
 */
export class Masker {
  /** Start and end of each word of the last message, in characters. A folded word covers all that were folded into it. */
  readonly #places = new Int32Array((maxWords + 1) * 2);
  readonly #text = new MaskedText();
  #wordCount = 0;

  /** The words with their masks, joined by single spaces. Good until the next message. */
  mask(message: string): MaskedText {
    const places = this.#places;
    const text = this.#text;
    const isCut = message.length > maxCharacters;
    const end = isCut ? maxCharacters : message.length;
    text.clear();
    /** The last word where it may be one value with the next (fold.ts); else empty. */
    let previous = '';
    let isBehindNumber = false;
    /** Instead of `previous`, where the last word is a pair whose text nobody has needed yet: the end of `key=`; else 0. */
    let pairEnd = 0;
    let pairStart = 0;
    let count = 0;
    let at = 0;
    for (;;) {
      let kind = 0;
      while (at < end && (kind = kindOf(message.charCodeAt(at))) === space) at++;
      if (at === end || kind === lineEnd) break;
      const start = at;
      let seen = 0;
      while (at < end && (kind = kindOf(message.charCodeAt(at))) < space) {
        seen |= kind;
        at++;
      }
      if (isCut && at === end) break; // half a word is none
      if ((seen & special) !== 0) at = endOfQuoted(message, start, at, end);
      const isPlain = (seen & (digit | special)) === 0;
      let equals = 0;
      let word = '';
      if (seen === letter && !mayFoldLetters(message.charCodeAt(start), at - start, isBehindNumber)) {
        previous = '';
        isBehindNumber = false;
        pairEnd = 0;
      } else if (previous === '' && pairEnd === 0 && (equals = equalsOfPair(message, start, at, seen)) > 0) {
        pairStart = start;
        pairEnd = equals + 1;
      } else if (
        !isPlain ||
        previous !== '' ||
        pairEnd > 0 ||
        at - start <= 4 ||
        message.charCodeAt(at - 1) === greaterThan
      ) {
        if (pairEnd > 0) previous = message.slice(pairStart, pairEnd) + pairValue;
        pairEnd = 0;
        word = isPlain ? message.slice(start, at) : masked(message, start, at, seen);
        const folded = previous === '' ? null : foldInto(previous, word);
        if (folded !== null) text.replaceEnd(previous.length, folded);
        previous = folded ?? (mayFold(word) ? word : '');
        isBehindNumber = previous.endsWith('<num>');
        if (folded !== null) {
          places[count * 2 - 1] = at;
          continue;
        }
      }
      places[count * 2] = start;
      places[count * 2 + 1] = at;
      count++;
      if (count > maxWords) {
        places[count * 2 - 1] = end;
        text.addWord('<rest>');
        break;
      }
      if (equals > 0) {
        text.addWord(message, start, equals + 1);
        text.append(pairValue);
      } else if (isPlain) text.addWord(message, start, at);
      else text.addWord(word);
    }
    this.#wordCount = count;
    return text;
  }

  /** Where word `index` of the last message begins in it, in characters; -1 when there is no such word. */
  startOf(index: number): number {
    return index < this.#wordCount ? (this.#places[index * 2] ?? -1) : -1;
  }

  /** Where it ends, exclusive. */
  endOf(index: number): number {
    return index < this.#wordCount ? (this.#places[index * 2 + 1] ?? -1) : -1;
  }
}

/** Where the equals sign is in `id=4711`, letters before it and letters and digits behind it, which is what most pairs are; else 0. */
function equalsOfPair(message: string, start: number, end: number, seen: number): number {
  if ((seen & special) === 0 || (seen & ~(special | letter | digit)) !== 0) return 0;
  let at = start;
  while (at < end && kindOf(message.charCodeAt(at)) === letter) at++;
  const equals = at;
  if (equals === start || message.charCodeAt(equals) !== equalsSign || equals + 1 === end) return 0;
  for (at++; at < end; at++) if ((kindOf(message.charCodeAt(at)) & (letter | digit)) === 0) return 0;
  return equals;
}

/** @param seen kinds of its characters. */
function masked(message: string, start: number, end: number, seen: number): string {
  if (seen === digit) return '<num>';
  const word = message.slice(start, end);
  return seen === (digit | letter) ? maskPart(word) : maskWord(word, (seen & digit) !== 0);
}

/** `name="two words"` is one word. */
function endOfQuoted(message: string, start: number, wordEnd: number, end: number): number {
  const opening = message.indexOf('="', start);
  if (opening < 0 || opening + 2 > wordEnd) return wordEnd;
  let at = message.indexOf('"', opening + 2);
  if (at < wordEnd || at >= end) return wordEnd;
  while (at < end && kindOf(message.charCodeAt(at)) < space) at++;
  return at;
}
