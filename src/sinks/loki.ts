/**
 * Sends rows to Grafana Loki: `POST /loki/api/v1/push`, JSON. Few labels, as Loki asks for; everything else is structured metadata.
 *
 * Loki drops an entry that equals one of its stream in time and line, whatever its metadata: what is sent again is stored once, and so would
 * be a line that was logged twice in a microsecond. Rows have microseconds, so the nanoseconds tell neighbours apart.
 *
 * grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs
 */
import { z } from 'zod';
import type { LogRow } from '../search/request.ts';
import { HttpUpstream, webPageIn } from './http-upstream.ts';
import { nanosOf } from './nanos.ts';
import { httpOptions } from './options.ts';
import { type SinkKind, delivered } from './sink.ts';

const options = z.strictObject({
  ...httpOptions,
  url: httpOptions.url.describe('Base address, e.g. http://loki:3100; `/loki/api/v1/push` is added'),
  tenant: z.string().min(1).optional().describe('Sent as X-Scope-OrgID'),
  labels: z
    .record(z.string().regex(/^[A-Za-z_]\w*$/, { error: 'not the name of a label' }), z.string())
    .default({})
    .describe('Labels of every stream, beside `service_name`, `environment` and `level`'),
});

export const loki: SinkKind<typeof options> = {
  options,
  repetitions: 'by row',
  create(given, context) {
    const upstream = new HttpUpstream(given, context);
    const url = `${given.url.replace(/\/$/, '')}/loki/api/v1/push`;
    return {
      describe: () => `loki ${given.url}`,
      async deliver(rows, signal) {
        const body = JSON.stringify({ streams: streamsOf(rows, given.labels, context.origin) });
        const headers: Record<string, string> = given.tenant === undefined ? {} : { 'x-scope-orgid': given.tenant };
        const sent = await upstream.send({ url, body, contentType: 'application/json', headers, signal });
        return sent.kind === 'answer' ? (webPageIn(sent.answer, 'Loki') ?? delivered) : sent;
      },
      close: () => upstream.close(),
    };
  },
};

interface Stream {
  readonly stream: Readonly<Record<string, string>>;
  readonly values: [nanos: string, line: string, metadata: Readonly<Record<string, string>>][];
}

function streamsOf(rows: Iterable<LogRow>, labels: Readonly<Record<string, string>>, origin: string): Stream[] {
  const streams = new Map<string, Stream>();
  for (const { id, timestamp, severity, application, version, environment, source, message, metadata } of rows) {
    const key = `${application}\n${environment ?? ''}\n${severity}`;
    let stream = streams.get(key);
    if (stream === undefined) {
      const own: Record<string, string> = environment === null ? {} : { environment };
      stream = { stream: { ...labels, service_name: application, level: severity.toLowerCase(), ...own }, values: [] };
      streams.set(key, stream);
    }
    const more = { ...metadata, source, record_id: `${origin}-${id}`, ...(version === null ? {} : { version }) };
    stream.values.push([String(BigInt(nanosOf(timestamp)) + BigInt(id % 1000)), message, more]);
  }
  return [...streams.values()];
}
