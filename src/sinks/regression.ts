/**
 * Sends rows to another Regression, end to end exactly once: the upstream remembers each batch's Idempotency-Key in the transaction of
 * its rows, for a day.
 */
import { z } from 'zod';
import { Body } from './body.ts';
import { HttpUpstream, jsonOf, shown } from './http-upstream.ts';
import { idempotencyKey } from './http.ts';
import { httpOptions } from './options.ts';
import type { Rows } from './rows.ts';
import { type Delivery, type SinkKind, delivered } from './sink.ts';

const options = z.strictObject({
  ...httpOptions,
  url: httpOptions.url.describe("The other Regression's server.listen, e.g. http://logs:8514"),
});

const comma = 0x2c;

export const regression: SinkKind<typeof options> = {
  options,
  repetitions: 'by batch',
  create(given, context) {
    const upstream = new HttpUpstream(given, context);
    const url = `${given.url.replace(/\/$/, '')}/api/v1/logs`;
    return {
      describe: () => `regression ${given.url}`,
      async deliver(rows, signal) {
        const body = withoutIds(rows);
        const headers = { 'idempotency-key': idempotencyKey(context, rows, body) };
        const sent = await upstream.send({ url, body, contentType: 'application/x-ndjson', headers, signal });
        return sent.kind === 'answer' ? deliveryOf(sent.answer.text) : sent;
      },
      close: () => upstream.close(),
    };
  },
};

/** Ids are each store's own: the upstream gives the row another. The id is the first member of a row's text. */
function withoutIds(rows: Rows): Uint8Array {
  const body = new Body(rows.bytes);
  for (const line of rows.lines()) {
    body.add('{');
    body.addBytes(line.subarray(line.indexOf(comma) + 1));
  }
  return body.bytes;
}

const answerSchema = z.object({
  accepted: z.int(),
  rejected_count: z.int(),
  rejected: z.array(z.object({ index: z.int(), reason: z.string() })),
});

function deliveryOf(text: string): Delivery {
  const parsed = answerSchema.safeParse(jsonOf(text));
  if (!parsed.success) {
    const hint = "Does the sink's url lead to a Regression?";
    return { kind: 'refused', reason: `not the answer of a Regression: ${shown(text)}`, hint };
  }
  const { rejected_count: count, rejected } = parsed.data;
  if (count === 0) return delivered;
  // More than it names: smaller batches are named whole.
  if (count > rejected.length) return { kind: 'rejected', reason: `${count} rows are refused`, isTooLarge: true };
  return { kind: 'partly', refused: rejected, again: [] };
}
