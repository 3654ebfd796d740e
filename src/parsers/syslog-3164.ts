/**
 * RFC 3164 as it is really written: `<PRI>TIMESTAMP HOST TAG[PID]: MESSAGE`, any part of which may be missing.
 *
 * Also read: ISO timestamps (rsyslog), years behind the day (Cisco, old Solaris), Cisco's sequence number, origin and `%FAC-SEV-MNEMONIC`,
 * AIX's `Message forwarded from`, files without PRI. A word in front of the message without a colon is not taken for a tag.
 */
import { isIP } from 'node:net';
import { Remembered } from '../record/remembered.ts';
import { leadingTimestamp } from '../record/timestamp.ts';
import type { ParseResult, ParserOptions } from './parser.ts';
import { priorityEnd, readPriority } from './syslog-priority.ts';
import { readTag } from './syslog-tag.ts';

/** Cisco: `91: *Oct 07 ...`, `29: foo: *Apr 29 ...`, `123030: host: %SYS-...`. */
const ciscoPrefix =
  /(?:\d+: )?(?:(?<origin>[\w.-]+)(?: [\d/]+)?: )?(?=[*.]?(?:[A-Z][a-z]{2} [ \d]\d|\d{4}-\d\d-\d\d)|%[A-Z])/y;
const forwarded = /Message forwarded from (?<host>[^\s:]+): /y;

const hostPairs = new Remembered((host) => ['host', host] as const);
const procidPairs = new Remembered((procid) => ['procid', procid] as const);

export function parseRfc3164(text: string, options: ParserOptions): ParseResult {
  const priority = readPriority(text);
  let at = skipSpaces(text, priority === null ? 0 : priorityEnd(text));
  let host: string | undefined;
  let time = leadingTimestamp(text, options, at);
  // No prefix begins as a time in letters does, and most messages begin with one.
  if (time === null || !isLetter(text.charCodeAt(at))) {
    const prefix = readPrefix(text, at);
    host = prefix.origin;
    if (prefix.end !== at) time = leadingTimestamp(text, options, prefix.end);
    at = prefix.end;
  }
  if (time === null && priority === null) return { ok: false, reason: 'neither a priority nor a syslog timestamp' };

  if (time !== null) {
    at = time.end;
    const isCisco = text[at] === ':';
    at = skipSpaces(text, isCisco ? at + 1 : at);
    if (host === undefined && text[at] !== '%') ({ host, at } = readHost(text, at, isCisco));
  }
  const { name, pid, sender: onBehalfOf, end } = readTag(text, at, time !== null);
  const metadata: (readonly [string, string])[] = priority === null ? [] : [...priority.metadata];
  if (host !== undefined) metadata.push(hostPairs.of(host));
  if (pid !== undefined && pid !== '') metadata.push(procidPairs.of(pid));
  if (onBehalfOf !== undefined) metadata.push(['sender', onBehalfOf]);
  return {
    ok: true,
    entry: {
      timestamp: time?.timestamp,
      severity: priority?.severity,
      applicationName: name,
      message: text.slice(end),
      metadata,
    },
  };
}

function readPrefix(text: string, at: number): { origin: string | undefined; end: number } {
  ciscoPrefix.lastIndex = at;
  const prefix = ciscoPrefix.exec(text);
  if (prefix === null) return { origin: undefined, end: at };
  const end = ciscoPrefix.lastIndex;
  // The device's clock is not, or was not lately, in step.
  const hasMark = text[end] === '*' || text[end] === '.';
  return { origin: prefix.groups?.['origin'], end: hasMark ? end + 1 : end };
}

function readHost(text: string, at: number, isCisco: boolean): { host: string | undefined; at: number } {
  if (text.startsWith('Message', at)) {
    forwarded.lastIndex = at;
    const relay = forwarded.exec(text)?.groups?.['host'];
    if (relay !== undefined) return { host: relay, at: forwarded.lastIndex };
  }
  const space = text.indexOf(' ', at);
  const end = space < 0 ? text.length : space;
  const word = text.slice(at, end);
  const next = skipSpaces(text, end);
  if (word.endsWith(':') && isIP(word) === 0) {
    // `mydevice.com: %CRYPTO-4-...` is a host; `haproxy[73411]: ...` is a tag without a host
    return text[next] === '%' || isCisco ? { host: word.slice(0, -1), at: next } : { host: undefined, at };
  }
  const isTag = word.includes('[') || word === '' || word === '--';
  return isTag ? { host: undefined, at } : { host: word, at: next };
}

function skipSpaces(text: string, at: number): number {
  while (text[at] === ' ') at++;
  return at;
}

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}
