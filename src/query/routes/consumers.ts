/**
 * `/api/v1/consumers`: named readers with a durable place. `pull` leases a batch, `ack` finishes it; what is not acknowledged
 * comes again unchanged. Every row that is wanted is seen at least once, and none of an acknowledged batch again.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { RegressionError } from '../../runtime/errors.ts';
import { parseDuration } from '../../runtime/units.ts';
import { readTime } from '../../search/time.ts';
import type { Consumer } from '../../store/state.ts';
import {
  batchIdSchema,
  consumerName,
  consumerSchema,
  consumerSettings,
  nakSchema,
  parkedSchema,
  pullSchema,
  pulledSchema,
  seekSchema,
} from '../consumer-schemas.ts';
import { pulledJson } from '../pulled-answer.ts';
import type { RouteContext } from '../context.ts';
import { remoteOf } from '../guard.ts';
import { abortOnHangUp } from '../hang-up.ts';
import { filterFrom } from '../pattern-filter.ts';
import { notFound, problemSchema, problems } from '../schemas.ts';
import { z } from 'zod';

const tags = ['consumers'];
const security = [{ bearer: [] }];
const config = { scope: 'consume' } as const;
const conflict = { 409: problemSchema.describe('The batch is not out, or the consumer is another') } as const;

export function consumerRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { store, clock, audit, queryTimeoutMs } = context;
  const { state } = store;

  /** A viewer's consumers are its own; an admin's are all. */
  async function own(request: FastifyRequest<{ Params: { name: string } }>): Promise<Consumer> {
    const consumer = await state.consumer(request.params.name);
    if (mayUse(request, consumer)) return consumer;
    throw new RegressionError('FORBIDDEN', `the consumer ${consumer.name} belongs to ${consumer.owner}`);
  }
  function mayUse({ principal }: FastifyRequest, { owner }: Consumer): boolean {
    return principal.role === 'admin' || principal.name === owner;
  }
  const bounds = async (reply: FastifyReply) => {
    const limits = { deadlineMs: queryTimeoutMs, signal: abortOnHangUp(reply) };
    const { firstId, lastId } = await store.search({ filter: {}, order: 'arrival', limit: 1 }, limits);
    return { firstId, lastId, limits };
  };
  const log = (request: FastifyRequest, action: string, object: string) =>
    audit({ actor: request.principal.name, action, object, remote: remoteOf(request) });

  /** `beginning`, `end`, an id, or a time: the position in front of the first row of that time. */
  async function positionOf(from: string, reply: FastifyReply): Promise<number> {
    const { firstId, lastId, limits } = await bounds(reply);
    if (from === 'end') return lastId;
    if (from === 'beginning') return Math.max(firstId - 1, 0);
    if (/^\d{1,8}$/.test(from) || /^id:\d{1,15}$/.test(from)) return Number(from.replace('id:', ''));
    const start = readTime(from, 'from', clock.nowMs());
    const page = await store.search({ filter: { start }, order: 'arrival', limit: 1 }, limits);
    return page.last === null ? lastId : page.last.id - 1;
  }

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
        const { lastId } = await bounds(reply);
        const all = await state.consumers();
        return all.filter((consumer) => mayUse(request, consumer)).map((consumer) => viewOf(consumer, lastId));
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
      async (request, reply) => viewOf(await own(request), (await bounds(reply)).lastId),
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
          ackWaitMs: durationOf(ackWait, 'ack_wait', { min: 1000, max: 24 * 3_600_000 }),
          maxDeliver,
          position: await positionOf(from, reply),
        });
        await log(request, 'consumer.create', name);
        return viewOf(consumer, (await bounds(reply)).lastId);
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
        const { name } = await own(request);
        const removed = await state.removeConsumer(name);
        await log(request, 'consumer.remove', name);
        return viewOf(removed, (await bounds(reply)).lastId);
      },
    );
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
        const { name } = await own(request);
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
        const { name } = await own(request);
        return viewOf(await state.ackBatch(name, request.body.batch), (await bounds(reply)).lastId);
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
        const { name } = await own(request);
        const delayMs = durationOf(request.body.delay, 'delay', { min: 0, max: 24 * 3_600_000 });
        const consumer = await state.nakBatch(name, request.body.batch, clock.nowMs() + delayMs);
        return viewOf(consumer, (await bounds(reply)).lastId);
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
        const { name } = await own(request);
        const position = await positionOf(request.body.from, reply);
        const consumer = await state.seekConsumer(name, position);
        await log(request, 'consumer.seek', `${name} to ${position}`);
        return viewOf(consumer, (await bounds(reply)).lastId);
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
        const { name } = await own(request);
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

function durationOf(text: string, parameter: string, { min, max }: { min: number; max: number }): number {
  const ms = text === '0' ? 0 : parseDuration(text);
  if (ms !== null && ms >= min && ms <= max) return ms;
  throw new RegressionError('QUERY_INVALID', `${parameter}: ${JSON.stringify(text)} is not a duration it takes`, {
    hint: `Between ${min / 1000}s and ${max / 1000}s, with a unit: 30s, 5m.`,
  });
}

function viewOf(consumer: Consumer, lastId: number) {
  const { batch } = consumer;
  return {
    name: consumer.name,
    owner: consumer.owner,
    position: consumer.position,
    lag: Math.max(lastId - consumer.position, 0),
    batch:
      batch === null
        ? null
        : {
            id: batch.id,
            first_id: batch.firstId,
            last_id: batch.lastId,
            rows: batch.rows,
            deliveries: batch.deliveries,
            leased_until: new Date(batch.leaseUntilMs).toISOString(),
          },
    ack_wait_ms: consumer.ackWaitMs,
    max_deliver: consumer.maxDeliver,
    acked_rows: consumer.ackedRows,
    parked_batches: consumer.parkedBatches,
    lost_ids: consumer.lostIds,
    created_at: consumer.createdAt,
    updated_at: consumer.updatedAt,
  };
}
