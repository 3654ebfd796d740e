/**
 * RFC 3164 as it is really written: `<PRI>TIMESTAMP HOST TAG[PID]: MESSAGE`, any part of which may be missing.
 *
 * Also read: ISO timestamps (rsyslog), years behind the day (Cisco, old Solaris), Cisco's sequence number, origin and `%FAC-SEV-MNEMONIC`,
 * AIX's `Message forwarded from`, files without PRI. A word in front of the message without a colon is not taken for a tag.
 */
import { isIP } from 'node:net';
import { leadingTimestamp } from '../record/timestamp.ts';
import type { ParseResult, ParserOptions } from './parser.ts';
import { readPriority } from './syslog-priority.ts';

/** Cisco: `91: *Oct 07 ...`, `29: foo: *Apr 29 ...`, `123030: host: %SYS-...`. */
const ciscoPrefix =
  /(?:\d+: )?(?:(?<origin>[\w.-]+)(?: [\d/]+)?: )?(?=[*.]?(?:[A-Z][a-z]{2} [ \d]\d|\d{4}-\d\d-\d\d)|%[A-Z])/y;
const forwarded = /Message forwarded from (?<host>[^\s:]+): /y;
/** macOS: on whose behalf launchd and others speak, `com.apple.xpc.launchd[1] (com.apple.quicklook[1010]): text`. */
const sender = / ?\((?<sender>[\w.-]+(?:\[\d+\])?)\): /y;
/** A tag ends in `: `, `:` or `[pid]`; what looks like a URL scheme, a quote or a brace is message. */
const tag = /(?<name>[\w./%()@#+-]+)(?:\[(?<pid>[^\]\s]*)\]:? ?|: ?(?!\/\/))/y;

export function parseRfc3164(text: string, options: ParserOptions): ParseResult {
  const priority = readPriority(text);
  let at = skipSpaces(text, priority?.end ?? 0);
  let host: string | undefined;
  ciscoPrefix.lastIndex = at;
  const prefix = ciscoPrefix.exec(text);
  if (prefix !== null) {
    host = prefix.groups?.['origin'];
    at = ciscoPrefix.lastIndex;
    if (text[at] === '*' || text[at] === '.') at++; // Cisco: the device's clock is not, or was not lately, in step
  }
  const time = leadingTimestamp(text, options, at);
  if (time === null && priority === null) return { ok: false, reason: 'neither a priority nor a syslog timestamp' };

  if (time !== null) {
    at = time.end;
    const isCisco = text[at] === ':';
    at = skipSpaces(text, isCisco ? at + 1 : at);
    if (host === undefined && text[at] !== '%') ({ host, at } = readHost(text, at, isCisco));
  }
  const { name, pid, sender: onBehalfOf, end } = readTag(text, at, time !== null);
  const metadata: [string, string][] = [];
  if (priority !== null) {
    metadata.push(['facility', priority.facility]);
    if (priority.severity.text !== undefined) metadata.push(['severity_text', priority.severity.text]);
  }
  if (host !== undefined) metadata.push(['host', host]);
  if (pid !== undefined && pid !== '') metadata.push(['procid', pid]);
  if (onBehalfOf !== undefined) metadata.push(['sender', onBehalfOf]);
  return {
    ok: true,
    entry: {
      timestamp: time?.timestamp,
      severity: priority?.severity.severity,
      applicationName: name,
      message: text.slice(end),
      metadata,
    },
  };
}

function readHost(text: string, at: number, isCisco: boolean): { host: string | undefined; at: number } {
  forwarded.lastIndex = at;
  const relay = forwarded.exec(text)?.groups?.['host'];
  if (relay !== undefined) return { host: relay, at: forwarded.lastIndex };
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

interface Tag {
  readonly name?: string;
  readonly pid?: string | undefined;
  readonly sender?: string | undefined;
  /** Where the message begins. */
  readonly end: number;
}

function readTag(text: string, at: number, hasTime: boolean): Tag {
  tag.lastIndex = at;
  const groups = tag.exec(text)?.groups;
  const name = groups?.['name'];
  if (name === undefined) return { end: at };
  // Without a timestamp there is no header: only what could be a program's name is one.
  if (!hasTime && !/^%?[A-Za-z][\w./%()@#+-]*$/.test(name)) return { end: at };
  sender.lastIndex = tag.lastIndex;
  const address = groups?.['pid'] === undefined ? undefined : sender.exec(text)?.groups?.['sender'];
  return { name, pid: groups?.['pid'], sender: address, end: address === undefined ? tag.lastIndex : sender.lastIndex };
}

function skipSpaces(text: string, at: number): number {
  while (text[at] === ' ') at++;
  return at;
}
