/**
 * An entry whose message is itself a structured entry: JSON or logfmt sent through syslog. What the inner one says comes first, the
 * outer one's fields stay.
 */
import { withUniqueKeys } from '../record/unique-keys.ts';
import { json } from './json.ts';
import { logfmt } from './logfmt.ts';
import type { Entry, Parser, ParserOptions } from './parser.ts';

/** The Common Event Expression's cookie announces JSON (Lumberjack, rsyslog's mmjsonparse). */
const ceeCookie = /^\s*@cee: ?/;
/** Only a logger's logfmt: `date=2026-11-24 devname=fw1 ...` of a firewall is that sender's message. */
const loggersLogfmt = /^(?:time|ts|t|level|lvl)=\S.* msg=/;

export class InnerEntries {
  readonly #json: Parser;
  readonly #logfmt: Parser;

  constructor(options: ParserOptions) {
    this.#json = json.create(options);
    this.#logfmt = logfmt.create(options);
  }

  /** `outer` completed by what its message holds; `outer` itself when that is just text. */
  unwrap(outer: Entry): Entry {
    if (isJustText(outer.message)) return outer;
    const text = outer.message.replace(ceeCookie, '').trimStart();
    const parser = json.likelihood(text) > 0 ? this.#json : loggersLogfmt.test(text) ? this.#logfmt : null;
    const result = parser?.parse(text);
    if (!result?.ok) return outer;
    const { entry: inner } = result;
    const isOutdated = (type: string): boolean => type === 'severity_text' && inner.severity !== undefined;
    const metadata = [...outer.metadata.filter(([type]) => !isOutdated(type)), ...inner.metadata];
    if (inner.timestamp !== undefined && outer.timestamp !== undefined)
      metadata.push(['envelope_time', outer.timestamp]);
    return {
      timestamp: inner.timestamp ?? outer.timestamp,
      severity: inner.severity ?? outer.severity,
      applicationName: inner.applicationName ?? outer.applicationName,
      applicationVersion: inner.applicationVersion,
      environment: inner.environment,
      message: inner.message === text ? outer.message : inner.message,
      metadata: withUniqueKeys(metadata),
    };
  }
}

/** Most messages: they begin as neither the cookie, nor JSON, nor a logger's logfmt does. */
function isJustText(message: string): boolean {
  const first = message.charCodeAt(0);
  if (first <= 0x20 || first > 0x7e || first === 0x40 || first === 0x7b) return false; // blanks, `@`, `{`
  if (first !== 0x74 && first !== 0x6c) return true; // `t`, `l`
  return !loggersLogfmt.test(message);
}
