/**
 * Sends rows to Elasticsearch, OpenSearch or VictoriaLogs by `_bulk`. Each row has its `_id`, and `create` refuses one that is there:
 * what is sent again is stored once; VictoriaLogs has no ids, and `event.id` tells there what came twice.
 *
 * elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
 */
import { z } from 'zod';
import type { LogRow } from '../search/request.ts';
import { bodyOf } from './body.ts';
import { HttpUpstream, jsonOf, shown } from './http-upstream.ts';
import { httpOptions } from './options.ts';
import type { Rows } from './rows.ts';
import { type Delivery, type RefusedRow, type SinkKind, delivered } from './sink.ts';

const options = z.strictObject({
  ...httpOptions,
  url: httpOptions.url.describe(
    'Base address, e.g. https://es:9200; `/_bulk` is added. VictoriaLogs: http://vl:9428/insert/elasticsearch?_time_field=@timestamp&_msg_field=message',
  ),
  index: z
    .string()
    .regex(/^[^A-Z\\/*?"<>| ,#:]+$/, { error: 'not the name of an index' })
    .default('logs-regression-default')
    .describe('Index or data stream; `{date}` becomes the day of the row, `2026-11-24`'),
});

export const elasticsearch: SinkKind<typeof options> = {
  options,
  repetitions: 'by row',
  create(given, context) {
    const upstream = new HttpUpstream(given, context);
    const url = new URL(given.url);
    url.pathname = `${url.pathname.replace(/\/$/, '')}/_bulk`;
    url.searchParams.set('filter_path', 'errors,items.*.status,items.*.error.type,items.*.error.reason');
    return {
      describe: () => `elasticsearch ${given.url} ${given.index}`,
      async deliver(rows, signal) {
        const body = bodyOf(operationsOf(rows, given.index, context.origin), rows.bytes);
        const sent = await upstream.send({ url, body, contentType: 'application/x-ndjson', signal });
        return sent.kind === 'answer' ? deliveryOf(sent.answer.text, rows.length) : sent;
      },
      close: () => upstream.close(),
    };
  },
};

function* operationsOf(rows: Rows, index: string, origin: string): Generator<string> {
  for (const row of rows) yield operationOf(row, index, origin);
}

function operationOf(row: LogRow, index: string, origin: string): string {
  const { id, timestamp, severity, application, version, environment, source, message, metadata } = row;
  const create = { _index: index.replace('{date}', timestamp.slice(0, 10)), _id: `${origin}-${id}` };
  const document = {
    '@timestamp': timestamp,
    message,
    log: { level: severity },
    service: { name: application, version: version ?? undefined, environment: environment ?? undefined },
    source,
    // One object field of keyword leaves would be a field for each key: `labels` is ECS's place for what loggers add.
    labels: metadata,
    event: { id: `${origin}-${id}` },
  };
  return `${JSON.stringify({ create })}\n${JSON.stringify(document)}\n`;
}

const answerSchema = z.object({
  errors: z.boolean(),
  items: z
    .array(
      z.record(
        z.string(),
        z.object({
          status: z.int(),
          error: z
            .union([z.string(), z.object({ type: z.string().optional(), reason: z.string().nullish() })])
            .optional(),
        }),
      ),
    )
    .default([]),
});

function deliveryOf(text: string, count: number): Delivery {
  const parsed = answerSchema.safeParse(jsonOf(text));
  if (!parsed.success || (parsed.data.errors && parsed.data.items.length !== count)) {
    const reason = `not the answer of _bulk: ${shown(text)}`;
    return { kind: 'refused', reason, hint: "Does the sink's url lead to Elasticsearch?" };
  }
  const { errors, items } = parsed.data;
  if (!errors) return delivered;
  const refused: RefusedRow[] = [];
  const again: number[] = [];
  for (const [index, item] of items.entries()) {
    const [result] = Object.values(item);
    const status = result?.status ?? 500;
    // 404: an index that is not there, and is not made by itself. Of several items some may be stored: they answer 409 next time.
    if (status === 401 || status === 403 || status === 404) {
      return {
        kind: 'refused',
        reason: `${status} ${textOf(result?.error)}`,
        hint: "Check the sink's auth and index; rows wait until they are right.",
      };
    }
    // 409: the row is there already, from a request whose answer was lost.
    if (status < 300 || status === 409) continue;
    if (status === 429 || status >= 500) again.push(index);
    else refused.push({ index, reason: `${status} ${textOf(result?.error)}` });
  }
  return refused.length + again.length === 0 ? delivered : { kind: 'partly', refused, again };
}

function textOf(error: string | { type?: string | undefined; reason?: string | null | undefined } | undefined): string {
  return shown(typeof error === 'object' ? `${error.type ?? ''}: ${error.reason ?? ''}` : (error ?? ''));
}
