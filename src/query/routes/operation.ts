/** What operators and their tools ask: health, metrics, the API's description. Open to all who reach the port. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { QueryContext } from '../context.ts';
import { readinessOf } from '../readiness.ts';
import { healthSchema } from '../schemas.ts';

const maxMeasuringMs = 1000;

/** @param describe makes the OpenAPI document, as JSON. Called once: it is work, and whoever reaches the port may ask. */
export function operationRoutes(context: QueryContext, describe: () => Promise<string>): FastifyPluginAsyncZod {
  let description: Promise<string> | undefined;
  return async (server) => {
    server.get(
      '/health/live',
      {
        config: { scope: 'open' },
        schema: {
          operationId: 'live',
          summary: 'Whether the process answers',
          tags: ['operation'],
          response: { 200: z.object({ status: z.literal('ok') }).describe('It does') },
        },
      },
      async () => ({ status: 'ok' as const }),
    );
    server.get(
      '/health/ready',
      {
        config: { scope: 'open' },
        schema: {
          operationId: 'ready',
          summary: 'Whether every part does its work, and which does not',
          tags: ['operation'],
          response: {
            200: healthSchema.describe('All parts are ready; `degraded` when one of them has a warning'),
            503: healthSchema.describe('Some part is not'),
          },
        },
      },
      async (_request, reply) => {
        const { status, parts } = readinessOf(context.health());
        return reply.code(status === 'not_ready' ? 503 : 200).send({ status, parts: [...parts] });
      },
    );
    server.get(
      '/metrics',
      {
        config: { scope: 'open' },
        schema: {
          operationId: 'metrics',
          summary: 'Prometheus metrics',
          tags: ['operation'],
          response: { 200: z.string().describe('Text exposition format') },
        },
        serializerCompiler: () => (data) => data as string,
      },
      async (_request, reply) => {
        // A store that is stuck is what metrics are looked at for: what it said last is answered then.
        const waited = new AbortController();
        await Promise.race([measure(context), context.clock.delay(maxMeasuringMs, waited.signal)]);
        waited.abort();
        const { registry } = context.metrics;
        return reply.type(registry.contentType).send(await registry.metrics());
      },
    );
    server.get('/openapi.json', { config: { scope: 'open' }, schema: { hide: true } }, async (_request, reply) => {
      return reply.type('application/json; charset=utf-8').send(await (description ??= describe()));
    });
  };
}

/** Sets the gauges that are asked for rather than kept. */
async function measure({ store, metrics, forwarder, logger, health, freeBytes }: QueryContext): Promise<void> {
  for (const { name, ok } of health()) metrics.partReady.set({ part: name }, ok ? 1 : 0);
  try {
    if (freeBytes !== undefined) metrics.freeBytes.set(await freeBytes());
    await forwarder?.measure();
    const stats = await store.stats();
    metrics.storeBytes.set({ part: 'hot' }, stats.databaseBytes);
    metrics.storeBytes.set({ part: 'wal' }, stats.walBytes);
    metrics.storeBytes.set({ part: 'segments' }, stats.segmentBytes);
    metrics.segments.set(stats.segments);
    metrics.unsealedSegments.set(stats.unsealedSegments);
  } catch (error) {
    logger.debug({ err: error }, 'the store did not say how it is'); // its own metrics and health tell that it fails
  }
}
