/**
 * logfmt: `level=info msg="Stopping all fetchers" id=1382721708341`, as Go services write it (github.com/kr/logfmt).
 *
 * Lenient: a word without `=` is a key with an empty value, what follows a closing quote begins a new pair, a quote that is
 * never closed reaches to the end of the line.
 */
import { EntryFields } from './entry-fields.ts';
import type { ParseResult, Parser, ParserKind, ParserOptions } from './parser.ts';

export const logfmt: ParserKind = {
  description: 'key=value pairs with quoted values (logfmt: Go services, Heroku, Prometheus)',
  likelihood: (text) =>
    /^[\w.@-]+=(?:"(?:[^"\\]|\\.)*"|\S*)(?: +[\w.@/-]+=| *$)/.test(text) ? likelihoodOfPairs(text) : 0,
  isSingleLine: true,
  create: (options) => new LogfmtParser(options),
};

/** A query string or one stray assignment is not logfmt; two pairs or a logger's key are. */
function likelihoodOfPairs(text: string): number {
  if (/(?:^| )(?:level|lvl|msg|ts|time)=/.test(text)) return 0.95;
  return / [\w.@/-]+=/.test(text) ? 0.8 : 0.3;
}

/** Pairs beyond this many stay together as JSON text in `metadata_rest`. */
const maxFields = 256;

class LogfmtParser implements Parser {
  readonly #options: ParserOptions;

  constructor(options: ParserOptions) {
    this.#options = options;
  }

  parse(text: string): ParseResult {
    const fields = new EntryFields(this.#options, true);
    let pairs = 0;
    const rest: [string, string | null][] = [];
    for (const [key, value] of pairsOf(text)) {
      if (fields.count < maxFields) fields.add(key, value ?? '');
      else rest.push([key, value]);
      if (value !== null) pairs++;
    }
    if (rest.length > 0) fields.addMetadata('metadata_rest', JSON.stringify(rest));
    if (pairs === 0) return { ok: false, reason: 'no key=value pair' };
    return { ok: true, entry: fields.toEntry(text) };
  }
}

/** Keys and values in order; the value of a key without `=` is null. */
export function* pairsOf(text: string): Generator<[key: string, value: string | null]> {
  let at = 0;
  while (at < text.length) {
    if (isSpace(text, at)) {
      at++;
      continue;
    }
    const keyStart = at;
    while (at < text.length && text[at] !== '=' && !isSpace(text, at)) at++;
    const key = text.slice(keyStart, at);
    if (text[at] !== '=') {
      yield [key, null];
    } else if (text[at + 1] === '"') {
      const end = closingQuote(text, at + 2);
      yield [key, unescape(text.slice(at + 2, end))];
      at = end + 1;
    } else {
      const valueStart = ++at;
      while (at < text.length && !isSpace(text, at)) at++;
      yield [key, text.slice(valueStart, at)];
    }
  }
}

/** Go's unicode.IsSpace and everything below: control characters separate as blanks do. */
function isSpace(text: string, at: number): boolean {
  return text.charCodeAt(at) <= 0x20;
}

function closingQuote(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at;
  }
  return text.length;
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', v: '\v', a: '\x07' };

/** Go string escapes (strconv.Unquote): single letters, \\xhh and \\uhhhh; anything else stands for itself. */
function unescape(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replaceAll(/\\(?:u([\da-fA-F]{4})|x([\da-fA-F]{2})|([\s\S]))/g, (_all, unicode, hex, letter: string) => {
    const code = (unicode ?? hex) as string | undefined;
    return code === undefined ? (escapes[letter] ?? letter) : String.fromCharCode(Number.parseInt(code, 16));
  });
}
