/**
 * RFC 5424: `<PRI>VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG`.
 *
 * The header is read to the letter, except that PRI may be missing (files) and fields may be longer than the RFC's bounds.
 * Structured data that breaks its grammar is not thrown away: it stays where it is, at the beginning of the message.
 */
import { parseTimestamp } from '../record/timestamp.ts';
import { withUniqueKeys } from '../record/unique-keys.ts';
import type { ParseResult, ParserOptions } from './parser.ts';
import { priorityEnd, readPriority } from './syslog-priority.ts';

/** VERSION is 1 to 3 digits without a leading zero; HOSTNAME to MSGID are printable US-ASCII. RFC 5424 section 6. */
const header = /([1-9]\d{0,2}) (\S+) ([!-~]+) ([!-~]+) ([!-~]+) ([!-~]+) ?/y;

export function parseRfc5424(text: string, options: ParserOptions): ParseResult {
  const priority = readPriority(text);
  header.lastIndex = priority === null ? 0 : priorityEnd(text);
  const match = header.exec(text);
  if (match === null) return { ok: false, reason: 'no RFC 5424 header' };
  const [, version = '', time = '', host = '', appName = '', procid = '', msgid = ''] = match;
  const timestamp = time === '-' ? undefined : parseTimestamp(time, options);
  if (timestamp === null) return { ok: false, reason: `${time} is not an RFC 5424 timestamp` };

  const metadata: (readonly [string, string])[] = priority === null ? [] : [...priority.metadata];
  const put = (type: string, value: string): void => {
    if (value !== '-') metadata.push([type, value]);
  };
  if (version !== '1') metadata.push(['syslog_version', version]);
  put('host', host);
  put('procid', procid);
  put('msgid', msgid);
  const messageStart = readStructuredData(text, header.lastIndex, metadata);
  return {
    ok: true,
    entry: {
      timestamp,
      severity: priority?.severity,
      applicationName: appName === '-' ? undefined : appName,
      message: text.slice(messageStart).replace(/^\ufeff/, ''),
      metadata: withUniqueKeys(metadata),
    },
  };
}

/** SD-NAME: up to 32 printable characters but `=`, space, `]` and `"`; longer ones are read too. RFC 5424 section 6.3.2. */
const sdName = /[!#-<>-\\^-~]+/y;
const sdParam = / +([!#-<>-\\^-~]+)="((?:[^"\\\]]|\\[\s\S])*)"/y;

/** Adds the parameters to `metadata`; answers where the message begins. */
function readStructuredData(text: string, from: number, metadata: (readonly [string, string])[]): number {
  if (text[from] === '-' && (from + 1 === text.length || text[from + 1] === ' ')) return from + 2;
  const found: [string, string][] = [];
  let at = from;
  while (text[at] === '[') {
    sdName.lastIndex = at + 1;
    const id = sdName.exec(text)?.[0];
    if (id === undefined) return from;
    at = sdName.lastIndex;
    const before = found.length;
    sdParam.lastIndex = at;
    for (let param = sdParam.exec(text); param !== null; param = sdParam.exec(text)) {
      found.push([`${id}.${param[1]}`, unescape(param[2] ?? '')]);
      at = sdParam.lastIndex;
    }
    if (text[at] !== ']') return from;
    if (found.length === before) found.push([id, '']);
    at++;
  }
  if (at === from || (at < text.length && text[at] !== ' ')) return from;
  metadata.push(...found); // a parameter may occur more than once in an element

  return at + 1;
}

// RFC 5424 section 6.3.3: only '"', '\' and ']' are escaped; a backslash before anything else is an ordinary backslash.
function unescape(value: string): string {
  return value.replaceAll(/\\(["\\\]])/g, '$1');
}
