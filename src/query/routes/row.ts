/** `GET /api/v1/logs/{id}` and its `/context`: one row, and what was logged around it. */
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { RegressionError } from '../../runtime/errors.ts';
import type { Filter, LogRow, Order, RowPlace } from '../../search/request.ts';
import type { QueryContext } from '../context.ts';
import { abortOnHangUp } from '../hang-up.ts';
import { contextParameters, contextSchema, notFound, problems, rowIdParameters, rowSchema } from '../schemas.ts';
import { parseRows } from './logs.ts';

export function rowRoutes(context: QueryContext): FastifyPluginAsyncZod {
  const { store, queryTimeoutMs } = context;
  const limits = (reply: FastifyReply) => ({
    deadlineMs: queryTimeoutMs,
    signal: abortOnHangUp(reply),
  });
  type Limits = ReturnType<typeof limits>;

  async function rowOf(id: number, within: Limits): Promise<LogRow> {
    const { ndjson } = await store.search({ filter: { afterId: id - 1 }, order: 'arrival', limit: 1 }, within);
    const [row] = parseRows(ndjson);
    if (row?.id === id) return row;
    throw new RegressionError('NOT_FOUND', `there is no row ${id}`, { hint: 'It may have gone to retention.' });
  }

  async function neighbours(filter: Filter, order: Order, after: RowPlace, limit: number, within: Limits) {
    return limit === 0 ? [] : parseRows((await store.search({ filter, order, after, limit }, within)).ndjson);
  }

  return async (server) => {
    server.get(
      '/api/v1/logs/:id',
      {
        config: { scope: 'read' },
        schema: {
          operationId: 'getLog',
          summary: 'One row',
          tags: ['logs'],
          security: [{ bearer: [] }],
          params: rowIdParameters,
          response: { 200: rowSchema, ...notFound, ...problems },
        },
      },
      async (request, reply) => rowOf(request.params.id, limits(reply)),
    );
    server.get(
      '/api/v1/logs/:id/context',
      {
        config: { scope: 'read' },
        schema: {
          operationId: 'getLogContext',
          summary: 'A row and what was logged before and after it, in time order',
          tags: ['logs'],
          security: [{ bearer: [] }],
          params: rowIdParameters,
          querystring: z.strictObject(contextParameters),
          response: { 200: contextSchema.describe('The row and its neighbours'), ...notFound, ...problems },
        },
      },
      async (request, reply) => {
        const within = limits(reply);
        const row = await rowOf(request.params.id, within);
        const { before, after, scope } = request.query;
        const { source, application } = row;
        const filter = { source: { source }, application: { application }, all: {} }[scope];
        const earlier = await neighbours(filter, 'desc', row, before, within);
        const later = await neighbours(filter, 'asc', row, after, within);
        return { before: earlier.toReversed(), row, after: later };
      },
    );
  };
}
