/** `/api/v1/consumers`: named readers with a durable place; what they read is in batches.ts. */
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { consumerAnswer, consumerDesk, ackWaitOf } from '../consumer-desk.ts';
import {
  conflict,
  consumerName,
  consumerSchema,
  consumerSettings,
  parkedSchema,
  seekSchema,
} from '../consumer-schemas.ts';
import type { RouteContext } from '../context.ts';
import { remoteOf } from '../guard.ts';
import { abortOnHangUp } from '../hang-up.ts';
import { filterFrom } from '../pattern-filter.ts';
import { notFound, problems } from '../schemas.ts';

const tags = ['consumers'];
const security = [{ bearer: [] }];
const config = { scope: 'consume' } as const;

export function consumerRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { audit, queryTimeoutMs } = context;
  const { state } = context.store;
  const desk = consumerDesk(context);
  const log = (request: FastifyRequest, action: string, object: string) =>
    audit({ actor: request.principal.name, action, object, remote: remoteOf(request) });

  return async (server) => {
    server.get(
      '/api/v1/consumers',
      {
        config,
        schema: {
          operationId: 'listConsumers',
          summary: "One's consumers; an admin's answer has all",
          tags,
          security,
          response: { 200: z.array(consumerSchema).describe('Consumers'), ...problems },
        },
      },
      async (request, reply) => {
        const lastId = await desk.lastId(reply);
        const all = await state.consumers();
        return all
          .filter((consumer) => desk.mayUse(request, consumer))
          .map((consumer) => consumerAnswer(consumer, lastId));
      },
    );
    server.get(
      '/api/v1/consumers/:name',
      {
        config,
        schema: {
          operationId: 'getConsumer',
          summary: 'Where a consumer stands, and how far behind',
          tags,
          security,
          params: consumerName,
          response: { 200: consumerSchema, ...notFound, ...problems },
        },
      },
      async (request, reply) => consumerAnswer(await desk.own(request), await desk.lastId(reply)),
    );
    server.put(
      '/api/v1/consumers/:name',
      {
        config,
        schema: {
          operationId: 'createConsumer',
          summary: 'Creates a consumer, or changes its lease settings',
          description:
            'Its filter stays: relative times are those of its creation. `from` says where it begins: `beginning`, `end`, an id, or a time.',
          tags,
          security,
          params: consumerName,
          body: consumerSettings,
          response: { 200: consumerSchema, ...problems, ...conflict },
        },
      },
      async (request, reply) => {
        const { name } = request.params;
        const { from, ack_wait: ackWait, max_deliver: maxDeliver, meta = {}, ...parameters } = request.body;
        const consumer = await state.createConsumer({
          name,
          owner: request.principal.name,
          filter: await filterFrom(context, parameters, Object.entries(meta), {
            deadlineMs: queryTimeoutMs,
            signal: abortOnHangUp(reply),
          }),
          ackWaitMs: ackWaitOf(ackWait),
          maxDeliver,
          position: await desk.positionOf(from, reply),
        });
        await log(request, 'consumer.create', name);
        return consumerAnswer(consumer, await desk.lastId(reply));
      },
    );
    server.delete(
      '/api/v1/consumers/:name',
      {
        config,
        schema: {
          operationId: 'removeConsumer',
          summary: 'Removes a consumer and what it has parked',
          tags,
          security,
          params: consumerName,
          response: { 200: consumerSchema.describe('The consumer that was removed'), ...notFound, ...problems },
        },
      },
      async (request, reply) => {
        const { name } = await desk.own(request);
        const removed = await state.removeConsumer(name);
        await log(request, 'consumer.remove', name);
        return consumerAnswer(removed, await desk.lastId(reply));
      },
    );
    server.post(
      '/api/v1/consumers/:name/seek',
      {
        config,
        schema: {
          operationId: 'seek',
          summary: 'Goes on from another place; a batch that is out is dropped',
          tags,
          security,
          params: consumerName,
          body: seekSchema,
          response: { 200: consumerSchema, ...notFound, ...problems },
        },
      },
      async (request, reply) => {
        const { name } = await desk.own(request);
        const position = await desk.positionOf(request.body.from, reply);
        const consumer = await state.seekConsumer(name, position);
        await log(request, 'consumer.seek', `${name} to ${position}`);
        return consumerAnswer(consumer, await desk.lastId(reply));
      },
    );
    server.get(
      '/api/v1/consumers/:name/parked',
      {
        config,
        schema: {
          operationId: 'parkedBatches',
          summary: 'Batches given up after `max_deliver` deliveries',
          tags,
          security,
          params: consumerName,
          response: { 200: z.array(parkedSchema).describe('Batches'), ...notFound, ...problems },
        },
      },
      async (request) => {
        const { name } = await desk.own(request);
        const parked = await state.parkedBatches(name);
        return parked.map(({ firstId, lastId, rows, parkedAt }) => ({
          first_id: firstId,
          last_id: lastId,
          rows,
          parked_at: parkedAt,
        }));
      },
    );
  };
}
