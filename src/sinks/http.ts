/** Sends rows as NDJSON, each as the API gives it, to any HTTP endpoint that takes JSON lines. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { HttpUpstream } from './http-upstream.ts';
import { httpOptions } from './options.ts';
import type { Rows } from './rows.ts';
import { type SinkContext, type SinkKind, delivered } from './sink.ts';

const options = z.strictObject({ ...httpOptions });

export const http: SinkKind<typeof options> = {
  options,
  repetitions: 'by batch',
  create(given, context) {
    const upstream = new HttpUpstream(given, context);
    return {
      describe: () => `http ${given.url}`,
      async deliver(rows, signal) {
        const body = rows.text();
        const headers = { 'idempotency-key': idempotencyKey(context, rows, body) };
        const sent = await upstream.send({
          url: given.url,
          body,
          contentType: 'application/x-ndjson',
          headers,
          signal,
        });
        return sent.kind === 'answer' ? delivered : sent;
      },
      close: () => upstream.close(),
    };
  },
};

/**
 * The same for the same rows in the same words, and for no others: an upstream that remembers it stores a repetition once
 * (draft-ietf-httpapi-idempotency-key-header).
 */
export function idempotencyKey({ origin, name }: SinkContext, rows: Rows, body: Uint8Array): string {
  const digest = createHash('sha256').update(body).digest('hex').slice(0, 16);
  return `${origin}-${name}-${rows.at(0).id}-${rows.at(-1).id}-${digest}`;
}
