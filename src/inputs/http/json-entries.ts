/**
 * Reads the body of `POST /api/v1/logs`: JSON objects one a line, or in an array.
 *
 * An object is our own row (`timestamp severity application version environment source message metadata`) or what any logger that
 * `format: json` reads would write. Malformed objects are rejected alone: their neighbours are cut out before they are parsed.
 */
import { parsers } from '../../parsers/registry.ts';
import type { Parser, ParserOptions } from '../../parsers/parser.ts';
import { withUniqueKeys } from '../../record/unique-keys.ts';
import {
  type Posted,
  type PostedEntry,
  type ReadEntry,
  type Rejected,
  UnreadableBody,
  maxEntryBytes,
} from './posted.ts';

export function readJsonEntries(body: string, options: ParserOptions): Posted {
  const parser = parsers.json.create(options);
  const entries: PostedEntry[] = [];
  const rejected: Rejected[] = [];
  let index = 0;
  for (const text of textsIn(body.replace(/^\ufeff/, ''))) {
    const read = readEntry(text, parser);
    if (typeof read === 'string') rejected.push({ index, reason: read });
    else entries.push({ index, ...read });
    index++;
  }
  return { entries, rejected };
}

/** The entry, or why it is none. */
export function readEntry(text: string, parser: Parser): ReadEntry | string {
  if (text.length > maxEntryBytes) return `longer than ${maxEntryBytes} bytes`;
  const result = parser.parse(text);
  if (!result.ok) return result.reason;
  const { entry } = result;
  let source: string | undefined;
  const metadata: [string, string][] = [];
  for (const [type, value] of entry.metadata) {
    if (type === 'timestamp' && entry.timestamp === undefined)
      return `timestamp: ${JSON.stringify(value.slice(0, 60))} is not a time`;
    if (type === 'severity' && entry.severity === undefined)
      return `severity: ${JSON.stringify(value.slice(0, 60))} is not a severity`;
    if (type === 'source') source = value;
    else metadata.push([type.startsWith('metadata.') ? type.slice(9) : type, value]);
  }
  if (metadata.length === 0 && entry.message === text) return 'an object without a message';
  return { entry: { ...entry, metadata: withUniqueKeys(metadata) }, source };
}

/** The texts of the objects: elements of an array, one pretty-printed object, or lines. */
function* textsIn(body: string): Generator<string> {
  const start = /\S/.exec(body)?.index;
  if (start === undefined) return;
  if (body[start] === '[') yield* elementsIn(body, start);
  else if (body[start] === '{' && isOneObject(body)) yield body.trim();
  else yield* linesIn(body, start);
}

function* linesIn(body: string, start: number): Generator<string> {
  for (let from = start; from < body.length;) {
    const newline = body.indexOf('\n', from);
    const end = newline < 0 ? body.length : newline;
    const line = body.slice(from, end).trim();
    if (line !== '') yield line;
    from = end + 1;
  }
}

/** Lines of objects begin with a whole one; an object whose first line is not whole is written over several. */
function isOneObject(body: string): boolean {
  const firstLine = body.slice(0, body.indexOf('\n') >>> 0).trim();
  if (firstLine.endsWith('}') && firstLine.length > 2) return false;
  try {
    return typeof JSON.parse(body) === 'object';
  } catch {
    return false; // then it is lines, each judged alone
  }
}

/**
 * Cuts an array at the commas of its first level, minding strings and brackets but nothing else of JSON.
 * @throws UnreadableBody when the array does not end where the body does.
 */
function* elementsIn(body: string, start: number): Generator<string> {
  let depth = 0;
  let from = start + 1;
  let hasElement = false;
  for (let at = start; at < body.length; at++) {
    const code = body.charCodeAt(at);
    if (code === 0x22) {
      at = stringEnd(body, at);
    } else if (code === 0x5b || code === 0x7b) {
      depth++;
    } else if (code === 0x5d || code === 0x7d) {
      depth--;
      if (depth > 0) continue;
      const last = body.slice(from, at).trim();
      if (last !== '' || hasElement) yield last;
      if (body.slice(at + 1).trim() !== '') throw new UnreadableBody('there is text behind the end of the array');
      return;
    } else if (code === 0x2c && depth === 1) {
      yield body.slice(from, at).trim();
      hasElement = true;
      from = at + 1;
    }
  }
  throw new UnreadableBody('the array has no end');
}

/** Index of the quote that ends the string which begins at `from`; the body's length when there is none. */
function stringEnd(body: string, from: number): number {
  let at = from + 1;
  for (;;) {
    const quote = body.indexOf('"', at);
    if (quote < 0) return body.length;
    let backslashes = 0;
    while (body[quote - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return quote;
    at = quote + 1;
  }
}
