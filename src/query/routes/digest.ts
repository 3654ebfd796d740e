/** `GET /api/v1/digest`: a span of logs within a budget of tokens. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RouteContext } from '../context.ts';
import { digestOf } from '../digest.ts';
import { checkNames } from '../filter-parameters.ts';
import { abortOnHangUp } from '../hang-up.ts';
import { digestAnswer, digestParameters, digestSchema } from '../pattern-schemas.ts';
import { problems } from '../schemas.ts';

export function digestRoutes(context: RouteContext): FastifyPluginAsyncZod {
  return async (server) => {
    server.get(
      '/api/v1/digest',
      {
        preValidation: checkNames(Object.keys(digestParameters)),
        config: { scope: 'read' },
        schema: {
          operationId: 'digest',
          summary: 'A span of logs, written down within a budget of tokens',
          description:
            'Totals, histogram, new errors, known errors, bursts, changes against the span before, rare, most frequent; says what it left out. The same rows give the same bytes.',
          tags: ['patterns'],
          security: [{ bearer: [] }],
          querystring: z.looseObject(digestParameters),
          response: {
            200: digestSchema.describe('The digest; with `format=text` its `text` alone, as text/markdown'),
            ...problems,
          },
        },
      },
      async (request, reply) => {
        const { tokens: budget, format, ...asked } = request.query;
        const limits = { deadlineMs: context.queryTimeoutMs, signal: abortOnHangUp(reply) };
        const digest = await digestOf(context.store, asked, budget, context.clock.nowMs(), limits);
        if (format === 'json') return digestAnswer(digest, budget);
        reply.type('text/markdown; charset=utf-8').serializer((text: unknown) => String(text));
        return reply.send(digest.text as never);
      },
    );
  };
}
