/** `GET /api/v1/hits`: counts a time step, in the shape of VictoriaLogs' hits. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { timestampOfMs } from '../../record/timestamp.ts';
import { RegressionError } from '../../runtime/errors.ts';
import { parseDuration } from '../../runtime/units.ts';
import type { RouteContext } from '../context.ts';
import { checkNames, metadataOf } from '../filter-parameters.ts';
import { abortOnHangUp } from '../hang-up.ts';
import { filterFrom } from '../pattern-filter.ts';
import { hitsParameters, hitsSchema, maxBuckets, problems } from '../schemas.ts';

const dayMs = 86_400_000;
/** Steps that people read off an axis, in seconds. */
const niceSteps = [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 6 * 3600, 12 * 3600, 86_400, 7 * 86_400, 30 * 86_400];
const wantedBuckets = 60;

export function hitsRoutes(context: RouteContext): FastifyPluginAsyncZod {
  return async (server) => {
    server.get(
      '/api/v1/hits',
      {
        preValidation: checkNames(Object.keys(hitsParameters)),
        config: { scope: 'read' },
        schema: {
          operationId: 'countHits',
          summary: 'Number of rows per time step',
          description:
            'Without `start` the last 24 hours (before `end`, if given). Empty buckets are left out. Filters as for /api/v1/logs.',
          tags: ['logs'],
          security: [{ bearer: [] }],
          querystring: z.looseObject(hitsParameters),
          response: { 200: hitsSchema.describe('Counts'), ...problems },
        },
      },
      async (request, reply) => {
        const metadata = metadataOf(request.query);
        const limits = { deadlineMs: context.queryTimeoutMs, signal: abortOnHangUp(reply) };
        const given = await filterFrom(context, request.query, metadata, limits);
        const endMs = given.end === undefined ? context.clock.nowMs() : Date.parse(given.end);
        const filter = { ...given, start: given.start ?? timestampOfMs(Math.max(endMs - dayMs, 0)) };
        const spanSeconds = Math.max((endMs - Date.parse(filter.start)) / 1000, 1);
        const stepSeconds = readStep(request.query.step, spanSeconds);
        const buckets = await context.queries.hits({ filter, stepSeconds }, limits);
        const values = buckets.map(({ count }) => count);
        const total = values.reduce((sum, count) => sum + count, 0);
        return { hits: [{ fields: {}, timestamps: buckets.map(({ timestamp }) => timestamp), values, total }] };
      },
    );
  };
}

function readStep(step: string | undefined, spanSeconds: number): number {
  if (step === undefined) return niceSteps.find((seconds) => spanSeconds / seconds <= wantedBuckets) ?? spanSeconds;
  const stepMs = parseDuration(step);
  if (stepMs === null || stepMs < 1000 || stepMs % 1000 !== 0) {
    throw new RegressionError('QUERY_INVALID', `step: ${JSON.stringify(step)} is not a step`, {
      hint: 'Whole seconds with a unit: 60s, 5m, 1h, 1d.',
    });
  }
  if (spanSeconds / (stepMs / 1000) > maxBuckets) {
    throw new RegressionError(
      'QUERY_INVALID',
      `step: ${step} makes more than ${maxBuckets} buckets of this time range`,
      {
        hint: 'Take a longer step or a shorter range.',
      },
    );
  }
  return stepMs / 1000;
}
