/** Sends rows as NDJSON, each as the API gives it, to any HTTP endpoint that takes JSON lines. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { LogRow } from '../search/request.ts';
import { HttpUpstream } from './http-upstream.ts';
import { httpOptions } from './options.ts';
import { type SinkContext, type SinkKind, delivered } from './sink.ts';

const options = z.strictObject({ ...httpOptions });

export const http: SinkKind<typeof options> = {
  options,
  repeatsBatches: true,
  create(given, context) {
    const upstream = new HttpUpstream(given, context);
    return {
      describe: () => `http ${given.url}`,
      async deliver(rows, signal) {
        const body = Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
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
export function idempotencyKey({ origin, name }: SinkContext, rows: readonly LogRow[], body: Uint8Array): string {
  const digest = createHash('sha256').update(body).digest('hex').slice(0, 16);
  return `${origin}-${name}-${rows[0]?.id ?? 0}-${rows.at(-1)?.id ?? 0}-${digest}`;
}
