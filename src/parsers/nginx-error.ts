/**
 * nginx error logs: `2021/04/01 13:02:31 [error] 31#31: *1 text, client: 172.17.0.1, server: localhost, request: "..."`.
 *
 * Level, process, thread and connection as ngx_log.c writes them; the pairs behind the text are those of
 * ngx_http_log_error_handler and of limit_req (nginx.org/en/docs/ngx_core_module.html#error_log). The time is local.
 */
import { severityOfWord } from '../record/severity.ts';
import { parseTimestamp } from '../record/timestamp.ts';
import { withUniqueKeys } from '../record/unique-keys.ts';
import type { ParseResult, ParserKind } from './parser.ts';

const header =
  /^(\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d) \[(emerg|alert|crit|error|warn|notice|info|debug)\] (\d{1,10})#(\d{1,10}): (?:\*(\d{1,20}) )?/;

/**
 * Where the text ends: the first of the pairs' names. `excess:` and `by zone` are limit_req's; "client:" alone would also match
 * inside a sentence, so each stands behind a comma.
 */
const context =
  /, (?:(client|server|request|subrequest|upstream|host|referrer|excess|login|session|udp client|bytes from\/to client): (?:"((?:[^"\\]|\\.)*)"|([^,]*))|by zone "([^"]*)")/y;
const contextStart = /, (?:client|server|request|subrequest|upstream|host|referrer|login|udp client): |, excess: \d/g;

export const nginxError: ParserKind = {
  description: 'nginx error logs',
  likelihood: (text) => (header.test(text) ? 1 : 0),
  create: (options) => ({
    parse(text): ParseResult {
      const match = header.exec(text);
      if (match === null) return { ok: false, reason: 'no nginx error header' };
      const [whole, time = '', level = '', pid = '', tid = '', connection] = match;
      const timestamp = parseTimestamp(time, options);
      if (timestamp === null) return { ok: false, reason: `${time} is not a time` };
      const severity = severityOfWord(level);
      const metadata: [string, string][] = [
        ['pid', pid],
        ['tid', tid],
      ];
      if (severity?.text !== undefined) metadata.push(['severity_text', severity.text]);
      if (connection !== undefined) metadata.push(['cid', connection]);
      const message = text.slice(whole.length, readContext(text, whole.length, metadata));
      return {
        ok: true,
        entry: { timestamp, severity: severity?.severity, message, metadata: withUniqueKeys(metadata) },
      };
    },
  }),
};

/**
 * Adds the pairs behind the text; answers where the text ends. Pairs count only where nothing but pairs follows to the end of the
 * line, so that no word is lost: what is not understood stays in the message.
 */
function readContext(text: string, from: number, metadata: [string, string][]): number {
  const attempts = 8;
  contextStart.lastIndex = from;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const start = contextStart.exec(text);
    if (start === null) return text.length;
    const pairs: [string, string][] = [];
    let at = start.index;
    context.lastIndex = at;
    for (let match = context.exec(text); match !== null; match = context.exec(text)) {
      const [, name, inQuotes, bare, zone] = match;
      const value = inQuotes ?? bare ?? zone ?? '';
      if (value !== '') pairs.push([name ?? 'zone', value]);
      at = context.lastIndex;
    }
    if (at === text.length) {
      metadata.push(...pairs);
      return start.index;
    }
    contextStart.lastIndex = start.index + 1;
  }
  return text.length;
}
