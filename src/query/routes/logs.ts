/** `GET /api/v1/logs`: pages of rows. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { decodeCursor, encodeCursor } from '../../search/cursor.ts';
import type { SearchPage } from '../../search/request.ts';
import type { QueryContext } from '../context.ts';
import { checkNames, filterOf, metadataOf } from '../filter-parameters.ts';
import { abortOnHangUp } from '../hang-up.ts';
import { logsParameters, pageSchema, problemSchema } from '../schemas.ts';

export function logsRoutes(context: QueryContext): FastifyPluginAsyncZod {
  return async (server) => {
    server.get(
      '/api/v1/logs',
      {
        preValidation: checkNames(Object.keys(logsParameters)),
        schema: {
          operationId: 'searchLogs',
          summary: 'Rows with their metadata, newest or oldest first, page by page',
          description:
            'Metadata is filtered by `meta.<key>=<value>`, e.g. `meta.userId=u-1`; several must all hold. As NDJSON the last line is `{"_end":true,...}`: without it the answer was cut off.',
          tags: ['logs'],
          security: [{ bearer: [] }],
          querystring: z.looseObject(logsParameters),
          response: {
            200: pageSchema.describe('A page of rows'),
            400: problemSchema,
            401: problemSchema,
            504: problemSchema,
          },
        },
      },
      async (request, reply) => {
        const startedAtMs = context.clock.monotonicMs();
        const { order, limit, cursor, format } = request.query;
        const metadata = metadataOf(request.query);
        const filter = filterOf(request.query, metadata, context.clock.nowMs());
        const after = cursor === undefined ? undefined : decodeCursor(cursor, { filter, order });
        const page = await context.store.search(
          { filter, order, limit, after },
          { deadlineMs: context.queryTimeoutMs, signal: abortOnHangUp(request, reply) },
        );
        const next = page.hasMore && page.last !== null ? encodeCursor(page.last, { filter, order }) : null;
        if (next !== null) void reply.header('link', nextLink(request.url, next));
        const elapsedMs = Math.round((context.clock.monotonicMs() - startedAtMs) * 10) / 10;
        const isNdjson =
          format === 'ndjson' || (format === undefined && request.headers.accept?.includes('ndjson') === true);
        const text = isNdjson ? ndjsonOf(page, next) : jsonOf(page, next, elapsedMs);
        // Bytes: the rows are JSON text when they leave the store, and are not to be serialized again.
        return reply
          .type(isNdjson ? 'application/x-ndjson; charset=utf-8' : 'application/json; charset=utf-8')
          .send(Buffer.from(text) as never);
      },
    );
  };
}

function ndjsonOf(page: SearchPage, next: string | null): string {
  return `${page.ndjson}${JSON.stringify({ _end: true, rows: page.rowCount, last_id: page.lastId, next })}\n`;
}

/** JSON text has no raw newlines, so the rows' newlines are exactly the places of the commas. */
function jsonOf(page: SearchPage, next: string | null, elapsedMs: number): string {
  const rows = page.ndjson.slice(0, -1).replaceAll('\n', ',');
  const stats = JSON.stringify({ rows: page.rowCount, last_id: page.lastId, elapsed_ms: elapsedMs });
  return `{"rows":[${rows}],"next":${JSON.stringify(next)},"truncated":${page.hasMore},"stats":${stats}}`;
}

/** RFC 8288. */
function nextLink(url: string, cursor: string): string {
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  searchParams.set('cursor', cursor);
  return `<${pathname}?${searchParams.toString()}>; rel="next"`;
}
