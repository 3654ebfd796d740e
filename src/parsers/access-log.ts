/**
 * Access logs of web servers: Common Log Format, the combined format, and what nginx, its Kubernetes ingress and Apache's
 * virtual hosts add in front of or behind it.
 *
 *     host ident user [time] "request" status bytes "referer" "agent" "x-forwarded-for or gzip ratio"
 *
 * Common and combined: httpd.apache.org/docs/2.4/logs.html; nginx `main` and `combined`: nginx.org/en/docs/http/ngx_http_log_module.html;
 * ingress `upstreaminfo`: kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/log-format.
 *
 * The message is the request and its status. A status of 500 or more is an ERROR, of 400 or more a WARN (RFC 9110 section 15: the
 * server failed, the client did). Escapes (`\x22`, `\"`) stay as the server wrote them; fields that are empty or `-` are left out.
 */
import type { Severity } from '../record/severity.ts';
import { parseTimestamp } from '../record/timestamp.ts';
import type { ParseResult, ParserKind } from './parser.ts';

/** A quoted field: the servers escape quotes and backslashes in it. */
const quoted = '"((?:[^"\\\\]|\\\\.)*)"';
const head = new RegExp(
  `^(?:([\\w.*-]+:\\d{1,5}) )?([\\w.:%*-]+(?:, [\\w.:-]+)*|unix:) (\\S+) (.{0,256}?) ?\\[([^\\]"]{8,40})\\] ${quoted} (\\d{3}|-) (\\d+|-)(?= |$)`,
);
const shape = /^(?:[\w.*-]+:\d{1,5} )?(?:[\w.:%*-]+|unix:)(?:, [\w.:-]+)* \S+ .{0,256}?\[\d{1,2}\/\w{3}\/\d{4}:/;
/** Behind the size: `"referer" "agent"`, and one more quoted field in nginx's `main`; either may be a bare `-`. */
const item = new RegExp(` (?:${quoted}|\\[([^\\]]*)\\]|([^\\s"[]\\S*?(?:, \\S+?)*)(?= |$))`, 'y');

/** Behind the agent in the ingress controller's `upstreaminfo`. */
const ingressFields = [
  'request_length',
  'request_time',
  'proxy_upstream_name',
  'proxy_alternative_upstream_name',
  'upstream_addr',
  'upstream_response_length',
  'upstream_response_time',
  'upstream_status',
  'req_id',
];

/** RFC 9112 section 3: method, target, version; HTTP/0.9 has no version. */
const requestLine = /^([A-Z][A-Z_-]{1,30}) (\S+)(?: ((?:HTTP|RTSP|SIP|ICE)\/\d(?:\.\d)?))?$/;

export const accessLog: ParserKind = {
  description: 'access logs of nginx, its Kubernetes ingress, Apache and others (common, combined and longer)',
  likelihood: (text) => (shape.test(text) && head.test(text) ? 0.97 : 0),
  isSingleLine: true,
  create: (options) => ({
    parse(text): ParseResult {
      const match = head.exec(text);
      if (match === null) return { ok: false, reason: 'not the common log format' };
      const [
        whole,
        vhost = '',
        client = '',
        identity = '',
        user = '',
        time = '',
        request = '',
        status = '',
        size = '',
      ] = match;
      const timestamp = parseTimestamp(time, options);
      if (timestamp === null) return { ok: false, reason: `${time} is not a time` };
      const metadata: [string, string][] = [];
      const put = (type: string, value: string): void => {
        if (value !== '' && value !== '-') metadata.push([type, value]);
      };
      put('vhost', vhost);
      put('client', client);
      put('identity', identity);
      put('user', user);
      const [, method = '', path = '', protocol = ''] = requestLine.exec(request) ?? [];
      put('request', request);
      put('method', method);
      put('path', path);
      put('protocol', protocol);
      put('status', status);
      put('size', size);
      putRest(text, whole.length, put);
      return {
        ok: true,
        entry: {
          timestamp,
          severity: severityOfStatus(Number(status)),
          message: `${request} ${status}`.trim(),
          metadata,
        },
      };
    },
  }),
};

function putRest(text: string, from: number, put: (type: string, value: string) => void): void {
  const items: { readonly value: string; readonly isQuoted: boolean }[] = [];
  let at = from;
  item.lastIndex = at;
  for (let match = item.exec(text); match !== null; match = item.exec(text)) {
    const [, inQuotes, inBrackets, bare] = match;
    items.push({ value: inQuotes ?? inBrackets ?? bare ?? '', isQuoted: inQuotes !== undefined });
    at = item.lastIndex;
  }
  put('referer', items[0]?.value ?? '');
  put('agent', items[1]?.value ?? '');
  const more = items.slice(2);
  if (more.length === ingressFields.length && !more.some(({ isQuoted }) => isQuoted)) {
    ingressFields.forEach((name, index) => put(name, more[index]?.value ?? ''));
  } else {
    more.forEach(({ value, isQuoted }, index) =>
      put(index === 0 && isQuoted ? forwardedOrRatio(value) : `field_${index + 3}`, value),
    );
  }
  put('rest', text.slice(at).trim());
}

/** The ninth field of nginx: `main` writes X-Forwarded-For there, the documentation's `compression` the gzip ratio. */
function forwardedOrRatio(value: string): string {
  return /^\d+\.\d+$/.test(value) ? 'compression' : 'x_forwarded_for';
}

function severityOfStatus(status: number): Severity {
  return status >= 500 ? 'ERROR' : status >= 400 ? 'WARN' : 'INFO';
}
