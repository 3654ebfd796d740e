/** `GET /api/v1/store`: what the store holds, and how the daemon's parts are. For `status`. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { QueryContext } from '../context.ts';
import { healthSchema, problems } from '../schemas.ts';

const storeSchema = z.object({
  last_id: z.int().describe('Of the row stored last; ids are not used again, so it also counts the rows ever stored'),
  hot_bytes: z.int().describe('The file that rows are written to'),
  wal_bytes: z.int(),
  segments: z.int().describe('Closed files'),
  unsealed_segments: z.int().describe('Of those, the ones without their indexes yet'),
  segment_bytes: z.int(),
  lost_rows: z.int().describe('Lost to damaged files, as far as they could be counted'),
  parts: healthSchema.shape.parts.describe('As in /health/ready'),
});

export type StoreAnswer = z.output<typeof storeSchema>;

export function storeRoutes(context: QueryContext): FastifyPluginAsyncZod {
  return async (server) => {
    server.get(
      '/api/v1/store',
      {
        config: { scope: 'admin' },
        schema: {
          operationId: 'store',
          summary: 'What the store holds, and which part of the daemon does not do its work',
          tags: ['operation'],
          security: [{ bearer: [] }],
          response: { 200: storeSchema.describe('Files and parts'), ...problems },
        },
      },
      async () => {
        const stats = await context.store.stats();
        return {
          last_id: stats.lastId,
          hot_bytes: stats.databaseBytes,
          wal_bytes: stats.walBytes,
          segments: stats.segments,
          unsealed_segments: stats.unsealedSegments,
          segment_bytes: stats.segmentBytes,
          lost_rows: stats.lostRows,
          parts: [...context.health()],
        };
      },
    );
  };
}
