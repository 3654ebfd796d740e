/** What the routes of consumers have in common: whose a consumer is, where ids and times stand in the store, how it is told. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RegressionError } from '../runtime/errors.ts';
import { parseDuration } from '../runtime/units.ts';
import { readTime } from '../search/time.ts';
import type { Consumer } from '../store/consumer-state.ts';
import type { QueryContext } from './context.ts';
import { abortOnHangUp } from './hang-up.ts';

export type ConsumerDesk = ReturnType<typeof consumerDesk>;

export function consumerDesk({ store, feed, clock, queryTimeoutMs }: QueryContext) {
  /** A viewer's consumers are its own; an admin's are all. */
  const mayUse = ({ principal }: FastifyRequest, { owner }: Consumer): boolean =>
    principal.role === 'admin' || principal.name === owner;
  const boundsOf = async (reply: FastifyReply) => {
    const limits = { deadlineMs: queryTimeoutMs, signal: abortOnHangUp(reply) };
    const { firstId, lastId } = await store.search({ filter: {}, order: 'arrival', limit: 1 }, limits);
    return { firstId, lastId, limits };
  };
  return {
    mayUse,
    /** The consumer that the path names. @throws RegressionError `NOT_FOUND`, `FORBIDDEN`. */
    async own(request: FastifyRequest<{ Params: { name: string } }>): Promise<Consumer> {
      const consumer = await store.state.consumer(request.params.name);
      if (mayUse(request, consumer)) return consumer;
      throw new RegressionError('FORBIDDEN', `the consumer ${consumer.name} belongs to ${consumer.owner}`);
    },
    /** Of the row that arrived last. */
    lastId: async (reply: FastifyReply): Promise<number> => (await boundsOf(reply)).lastId,
    /** `beginning`, `end`, an id, or a time: the position in front of the first row of that time. */
    async positionOf(from: string, reply: FastifyReply): Promise<number> {
      const place = placeOf(from, clock.nowMs());
      const { firstId, lastId, limits } = await boundsOf(reply);
      if (place === 'end') return lastId;
      if (place === 'beginning') return firstId === 0 ? lastId : firstId - 1;
      // Nobody waits for rows up to an id that is not there yet. The snapshot may lack the newest.
      if (typeof place === 'number') return Math.min(place, Math.max(lastId, feed.lastId));
      const { start } = place;
      const page = await store.search({ filter: { start }, order: 'arrival', limit: 1 }, limits);
      return page.last === null ? lastId : page.last.id - 1;
    },
  };
}

/** An id is a number. @throws RegressionError `QUERY_INVALID` for what is no place. */
export function placeOf(from: string, nowMs: number): 'beginning' | 'end' | number | { readonly start: string } {
  if (from === 'end' || from === 'beginning') return from;
  if (/^\d{1,8}$/.test(from) || /^id:\d{1,15}$/.test(from)) return Number(from.replace('id:', ''));
  return { start: readTime(from, 'from', nowMs) };
}

/** How long a batch may be leased. @throws RegressionError `QUERY_INVALID`. */
export function ackWaitOf(text: string): number {
  return durationOf(text, 'ack_wait', { min: 1000, max: 24 * 3_600_000 });
}

export function durationOf(text: string, parameter: string, { min, max }: { min: number; max: number }): number {
  const ms = text === '0' ? 0 : parseDuration(text);
  if (ms !== null && ms >= min && ms <= max) return ms;
  throw new RegressionError('QUERY_INVALID', `${parameter}: ${JSON.stringify(text)} is not a duration it takes`, {
    hint: `Between ${min / 1000}s and ${max / 1000}s, with a unit: 30s, 5m.`,
  });
}

export function consumerAnswer(consumer: Consumer, lastId: number) {
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
