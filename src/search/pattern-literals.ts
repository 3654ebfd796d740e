/**
 * The texts that whatever matches a regular expression contains: what an index can look up. Fewer than there are, never more: what
 * it does not know ends a text, and what it may take for something else gives none at all.
 */
import type { Test } from './query.ts';

/** Shorter ones say little. */
const shortest = 3;
const most = 4;
/** A class as a whole; in it a `]` stands first or behind a backslash. */
const characterClass = /\[\^?\]?(?:\\[^]|\[:\^?[a-z]+:\]|[^\]\\])*\]/y;
/** Behind `{`. */
const count = /\d+(?:,\d*)?\}/y;
/** Behind one of these letters a backslash stands for a class or a place, and ends where the letter does. */
const shortEscapes = 'dDwWsSbBAz';

export function literalsIn({ pattern, ignoreCase }: Extract<Test, { readonly kind: 'regex' }>): readonly string[] {
  // Letters beyond ASCII can be alike to those of ASCII, which LIKE does not know. Groups may begin with flags.
  if (ignoreCase || /\(\?|\||\\Q/.test(pattern)) return [];
  const texts: string[] = [];
  let text = '';
  /** Of its last character. */
  let lastLength = 1;
  const end = (): void => {
    if (text.length >= shortest) texts.push(text);
    text = '';
  };
  for (let at = 0; at < pattern.length;) {
    const point = String.fromCodePoint(pattern.codePointAt(at) ?? 0);
    at += point.length;
    if (point === '*' || point === '?' || point === '{') {
      // What it is about may be missing.
      text = text.slice(0, -lastLength);
      end();
      if (point !== '{') continue;
      count.lastIndex = at;
      if (!count.test(pattern)) return []; // a brace as it is
      at = count.lastIndex;
    } else if (point === '[') {
      characterClass.lastIndex = at - 1;
      if (!characterClass.test(pattern)) return [];
      at = characterClass.lastIndex;
      end();
    } else if (point === '(') return texts.concat(text.length >= shortest ? text : []).slice(0, most);
    else if ('^$.+)]}'.includes(point)) end();
    else if (point === '\\') {
      const next = pattern[at++] ?? '';
      if (/[!-/:-@[-`{-~]/.test(next)) {
        text += next;
        lastLength = 1;
      } else if (shortEscapes.includes(next)) end();
      else return [];
    } else {
      text += point;
      lastLength = point.length;
    }
  }
  end();
  return texts.sort((a, b) => b.length - a.length).slice(0, most);
}

/** A run of plain characters, all of it, at the end; behind a backslash its first ones may be anything. */
const plainEnd = /(?:^|[.+*?()[\]{}^$|])([^\\.+*?()[\]{}^$|]+)\$$/;

/** What every text that matches ends with; empty where that is not known. */
export function requiredEnd({ pattern, ignoreCase }: Extract<Test, { readonly kind: 'regex' }>): string {
  if (ignoreCase || /\(\?|\||\\Q/.test(pattern)) return '';
  return plainEnd.exec(pattern)?.[1] ?? '';
}
