/**
 * Cuts a message into words and replaces what varies by a named mask, in one pass over its characters.
 *
 *   Connection from 10.0.0.7 port 4022 closed after 12 ms   ->   Connection from <ip> port <num> closed after <duration>
 *
 * Masks know forms, never a system's own vocabulary: what only experience can tell (that this word is a user's name) is the
 * template tree's work. Linear in the length of the message; at most `maxWords` words of its first line are looked at.
 */
import { ownText } from '../record/own-text.ts';
import { digit, kindOf, lineEnd, space, special } from './characters.ts';
import { foldInto, mayFold } from './fold.ts';
import { maskWord } from './mask-word.ts';

/** Words behind this many are one `<rest>`: what tells messages apart stands at their beginning. */
export const maxWords = 64;
const maxCharacters = 2048;
const greaterThan = 62;

/**
 * Masks messages one after another. The places of the words of the last one can be asked for, so that the values behind masks
 * need not be cut out when nobody wants them.
 */
export class Masker {
  /** Start and end of each word of the last message, in characters. A folded word covers all that were folded into it. */
  readonly #places = new Int32Array((maxWords + 1) * 2);
  #wordCount = 0;

  /** The words with their masks, joined by single spaces. */
  mask(message: string): string {
    const places = this.#places;
    const isCut = message.length > maxCharacters;
    const end = isCut ? maxCharacters : message.length;
    let text = '';
    /** Words that stand in the message as they do in the text, one space between them: they are copied at once. */
    let runStart = -1;
    let runEnd = 0;
    /** The last word where it may be one value with the next (fold.ts); else empty. */
    let previous = '';
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
      let word = '';
      if (!isPlain || previous !== '' || at - start <= 4 || message.charCodeAt(at - 1) === greaterThan) {
        word = isPlain ? message.slice(start, at) : maskWord(message.slice(start, at), (seen & digit) !== 0);
        const folded = previous === '' ? null : foldInto(previous, word);
        if (folded !== null) {
          text = text.slice(0, text.length - previous.length) + folded;
          previous = folded;
          places[count * 2 - 1] = at;
          continue;
        }
        previous = mayFold(word) ? word : '';
      }
      places[count * 2] = start;
      places[count * 2 + 1] = at;
      count++;
      if (count > maxWords) {
        places[count * 2 - 1] = end;
        break;
      }
      if (isPlain && previous === '') {
        if (runStart >= 0 && start === runEnd + 1 && message.charCodeAt(runEnd) === 32) {
          runEnd = at;
          continue;
        }
        if (runStart >= 0) text = joined(text, message.slice(runStart, runEnd));
        runStart = start;
        runEnd = at;
        continue;
      }
      if (runStart >= 0) {
        text = joined(text, message.slice(runStart, runEnd));
        runStart = -1;
      }
      text = joined(text, word);
    }
    if (runStart >= 0)
      text = text === '' ? firstLineOf(message, runStart, runEnd) : joined(text, message.slice(runStart, runEnd));
    if (count > maxWords) text += ' <rest>';
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

/** All of it stands in the message as it is. It is kept to be known again, and what follows it, a stack trace, need not be. */
function firstLineOf(message: string, start: number, end: number): string {
  const line = message.slice(start, end);
  return message.length > 2 * line.length ? ownText(line) : line;
}

function joined(text: string, more: string): string {
  return text === '' ? more : `${text} ${more}`;
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
