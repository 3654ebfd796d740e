/**
 * Apache error logs: `[time] [module:level] [pid 4803:tid 3814] [client 10.0.0.9:51322] AH00016: text`, the 2.2 form
 * `[time] [level] [client 10.0.0.9] text` included (httpd.apache.org/docs/2.4/mod/core.html#errorlogformat).
 */
import { severityOfWord } from '../record/severity.ts';
import { parseTimestamp } from '../record/timestamp.ts';
import type { ParseResult, ParserKind } from './parser.ts';

const level = 'emerg|alert|crit|error|warn|notice|info|debug|trace[1-8]';
const header = new RegExp(`^\\[([^\\]]{10,40})\\] \\[(?:([\\w-]*):)?(${level})\\] `);
/** `[pid 4803]`, `[pid 4803:tid 140737]`, `[client address:port]`, `[remote address:port]`: each at most once, in this order. */
const process = /\[pid (\d+)(?::tid (\d+))?\] /y;
const client = /\[(?:client|remote) ([^\]\s]+)\] /y;
const referer = /, referer: (\S+)$/;

export const apacheError: ParserKind = {
  description: 'Apache error logs (2.2 and 2.4)',
  likelihood: (text) => (header.test(text) ? 0.96 : 0),
  create: (options) => ({
    parse(text): ParseResult {
      const match = header.exec(text);
      if (match === null) return { ok: false, reason: 'no Apache error header' };
      const [whole, time = '', module = '', levelWord = ''] = match;
      const timestamp = parseTimestamp(time, options);
      if (timestamp === null) return { ok: false, reason: `${time} is not a time` };
      const metadata: [string, string][] = [];
      const put = (type: string, value: string | undefined): void => {
        if (value !== undefined && value !== '') metadata.push([type, value]);
      };
      const severity = severityOfWord(levelWord.replace(/\d$/, ''));
      put('module', module);
      put('severity_text', /\d$/.test(levelWord) ? levelWord : severity?.text);
      let at = whole.length;
      process.lastIndex = at;
      const [processPart = '', pid, tid] = process.exec(text) ?? [];
      put('pid', pid);
      put('thread', tid);
      at += processPart.length;
      client.lastIndex = at;
      const [clientPart = '', address = ''] = client.exec(text) ?? [];
      const { host, port } = splitPort(address);
      put('client', host);
      put('port', port);
      at += clientPart.length;
      const message = text.slice(at);
      put('referer', referer.exec(message)?.[1]);
      return { ok: true, entry: { timestamp, severity: severity?.severity, message, metadata } };
    },
  }),
};

/** Apache writes an IPv6 address and its port without brackets: eight groups and one more. */
function splitPort(address: string): { host: string; port?: string } {
  const colon = address.lastIndexOf(':');
  const port = address.slice(colon + 1);
  const groups = address.split(':').length - 1;
  const isPort = /^\d{1,5}$/.test(port) && (groups === 1 || groups === 8 || (groups > 1 && port.length === 5));
  return isPort ? { host: address.slice(0, colon), port } : { host: address };
}
