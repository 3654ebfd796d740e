/**
 * Sends rows as OpenTelemetry logs: OTLP/HTTP, protobuf or JSON. `service.name`, `service.version` and `deployment.environment.name` are
 * the resource, the source is an attribute, metadata are attributes; `log.record.uid` tells what was sent twice.
 *
 * A partial success says how many records were refused, not which, and must not be sent again: they are counted, and stay in the store.
 *
 * opentelemetry.io/docs/specs/otlp, "OTLP/HTTP"; how messages are encoded is in otlp-request.ts and otlp-protobuf.ts.
 */
import { z } from 'zod';
import { HttpUpstream, shown, webPageIn } from './http-upstream.ts';
import { httpOptions } from './options.ts';
import { otlpJson, partialSuccessOf } from './otlp-request.ts';
import { type SinkKind, delivered } from './sink.ts';

const options = z.strictObject({
  ...httpOptions,
  url: httpOptions.url.describe('Where logs are taken, in full, e.g. http://collector:4318/v1/logs'),
  encoding: z.enum(['protobuf', 'json']).default('protobuf').describe('Of requests'),
});

export const otlp: SinkKind<typeof options> = {
  options,
  repetitions: 'untold',
  create(given, context) {
    const upstream = new HttpUpstream(given, context);
    const isProtobuf = given.encoding === 'protobuf';
    return {
      describe: () => `otlp ${given.url}`,
      async deliver(rows, signal) {
        const body = isProtobuf
          ? (await import('./otlp-protobuf.ts')).otlpProtobuf(rows, context.origin)
          : otlpJson(rows, context.origin);
        const contentType = isProtobuf ? 'application/x-protobuf' : 'application/json';
        const sent = await upstream.send({ url: given.url, body, contentType, signal });
        if (sent.kind !== 'answer') return sent;
        const page = webPageIn(sent.answer, 'an OTLP receiver, with its path (/v1/logs)');
        if (page !== null) return page;
        const { rejected, message } = await partialSuccessOf(sent.answer);
        if (rejected === 0) return delivered;
        const reason = shown(message) || 'no reason given';
        if (rejected < rows.length) return { kind: 'delivered', unnamed: { rows: rejected, reason } };
        return {
          kind: 'partly',
          refused: Array.from({ length: rows.length }, (_, index) => ({ index, reason })),
          again: [],
        };
      },
      close: () => upstream.close(),
    };
  },
};
