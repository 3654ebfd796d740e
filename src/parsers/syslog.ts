/**
 * Syslog messages of either standard: RFC 5424 when the header has a version, else RFC 3164 in its many dialects.
 *
 * JSON or a logger's logfmt inside is read too. Metadata: `facility` (name), `host`, `procid`, `msgid`, and structured data as `SD-ID.PARAM-NAME`.
 */
import { InnerEntries } from './inner-entry.ts';
import type { ParseResult, ParserKind, ParserOptions } from './parser.ts';
import { severityOfWord } from '../record/severity.ts';
import { parseRfc3164 } from './syslog-3164.ts';
import { parseRfc5424 } from './syslog-5424.ts';
import { priorityEnd } from './syslog-priority.ts';

const versionHeader = /^(?:<\d{1,3}>)?\d{1,3} (?:-|\d{4}-\d\d-\d\dT)/;
const bsdHeader =
  /^(?:[A-Z][a-z]{2} [ \d]\d|\d{4}-\d\d-\d\dT)(?:[\d:.+-]|\s(?=\d\d:))+Z? (?<host>\S+) \S+?(?:\[\d+\])?(?: \([\w.-]+(?:\[\d+\])?\))?: /;

export const syslog: ParserKind = {
  description: 'syslog, RFC 5424 and RFC 3164 (also without priority, as in /var/log/syslog)',
  likelihood(text) {
    if (/^<\d{1,3}>/.test(text)) return 1;
    if (versionHeader.test(text)) return 0.9;
    const host = bsdHeader.exec(text)?.groups?.['host'];
    return host === undefined || severityOfWord(host.replaceAll(/[[\]:]/g, '')) !== null ? 0 : 0.9;
  },
  isSingleLine: true,
  create: (options) => {
    const inner = new InnerEntries(options);
    return {
      parse(text) {
        const result = parseEither(text, options);
        return result.ok ? { ok: true, entry: inner.unwrap(result.entry) } : result;
      },
    };
  },
};

function parseEither(text: string, options: ParserOptions): ParseResult {
  const first = text.charCodeAt(priorityEnd(text));
  const mayHaveVersion = first >= 0x30 && first <= 0x39;
  if (mayHaveVersion && versionHeader.test(text)) {
    const result = parseRfc5424(text, options);
    if (result.ok) return result;
  }
  return parseRfc3164(text, options);
}
