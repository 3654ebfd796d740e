/**
 * `/api/v1/consumers/{name}/pull`, `/ack`, `/nak`: a pull leases a batch, an ack finishes it; what is not acknowledged comes again
 * unchanged. Every row that is wanted is seen at least once, and none of an acknowledged batch again.
 */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { consumerAnswer, consumerDesk, durationOf } from '../consumer-desk.ts';
import {
  batchIdSchema,
  conflict,
  consumerName,
  consumerSchema,
  nakSchema,
  pullSchema,
  pulledSchema,
} from '../consumer-schemas.ts';
import { pulledJson } from '../pulled-answer.ts';
import type { RouteContext } from '../context.ts';
import { abortOnHangUp } from '../hang-up.ts';
import { notFound, problems } from '../schemas.ts';

const tags = ['consumers'];
const security = [{ bearer: [] }];
const config = { scope: 'consume' } as const;

export function batchRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { clock } = context;
  const { state } = context.store;
  const desk = consumerDesk(context);

  return async (server) => {
    server.post(
      '/api/v1/consumers/:name/pull',
      {
        config: { ...config, isLongLived: true },
        schema: {
          operationId: 'pull',
          summary: 'The next batch, or the one that is out',
          description:
            'A batch is out until it is acknowledged: every pull meanwhile gives the same one. After `ack_wait` without an ack it counts as delivered again; after `max_deliver` deliveries it is parked. `batch` is null when there are no rows, after waiting `wait` for some. `gap` says which ids went to retention before they were read. With `view: "digest"` a batch is up to 100,000 rows and comes as a summary within `max_tokens`: what they say, not each of them.',
          tags,
          security,
          params: consumerName,
          body: pullSchema,
          response: { 200: pulledSchema.describe('A batch'), ...notFound, ...problems, ...conflict },
        },
      },
      async (request, reply) => {
        const { name } = await desk.own(request);
        const { wait, ...asked } = request.body;
        const waitMs = wait === undefined ? 0 : durationOf(wait, 'wait', { min: 0, max: 60_000 });
        const json = await pulledJson(context, name, { ...asked, waitMs }, abortOnHangUp(reply));
        return reply.type('application/json; charset=utf-8').send(Buffer.from(json) as never);
      },
    );
    server.post(
      '/api/v1/consumers/:name/ack',
      {
        config,
        schema: {
          operationId: 'ack',
          summary: 'The batch is done with: it never comes again',
          description: 'Repeating the last ack is fine.',
          tags,
          security,
          params: consumerName,
          body: batchIdSchema,
          response: { 200: consumerSchema, ...notFound, ...problems, ...conflict },
        },
      },
      async (request, reply) => {
        const { name } = await desk.own(request);
        return consumerAnswer(await state.ackBatch(name, request.body.batch), await desk.lastId(reply));
      },
    );
    server.post(
      '/api/v1/consumers/:name/nak',
      {
        config,
        schema: {
          operationId: 'nak',
          summary: 'The batch could not be worked on: it comes again, after `delay`',
          tags,
          security,
          params: consumerName,
          body: nakSchema,
          response: { 200: consumerSchema, ...notFound, ...problems, ...conflict },
        },
      },
      async (request, reply) => {
        const { name } = await desk.own(request);
        const delayMs = durationOf(request.body.delay, 'delay', { min: 0, max: 24 * 3_600_000 });
        const consumer = await state.nakBatch(name, request.body.batch, clock.nowMs() + delayMs);
        return consumerAnswer(consumer, await desk.lastId(reply));
      },
    );
  };
}
