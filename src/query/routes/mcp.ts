/** `POST /mcp`: the Model Context Protocol over streamable HTTP, without sessions and streams: each request has its answer as JSON. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { innerHeader } from '../guard.ts';
import { problems } from '../schemas.ts';

/** @param innerKey names requests that stand for one which was let in already, see guard.ts. */
export function mcpRoutes(version: string, innerKey: string): FastifyPluginAsyncZod {
  return async (server) => {
    server.post(
      '/mcp',
      {
        config: { scope: 'read' },
        schema: {
          operationId: 'mcp',
          summary: 'Tools for models (Model Context Protocol, streamable HTTP)',
          description:
            'overview, search_logs, log_context, hits, field_values, patterns, compare, pull_batch; answers are capped and marked when cut.',
          tags: ['operation'],
          security: [{ bearer: [] }],
          body: z.unknown().describe('A JSON-RPC message; older clients may send a list of them'),
          response: {
            200: z.unknown().describe('The answers'),
            202: z.null().describe('There is nothing to answer'),
            ...problems,
          },
        },
      },
      async (request, reply) => {
        const { authorization = '', host = 'localhost' } = request.headers;
        let asked = 0;
        const answerer = {
          version,
          // In the name of whoever asks: the routes' own guard says what they may.
          ask: async (method: 'GET' | 'POST', url: string, body?: unknown) => {
            const answer = await server.inject({
              method,
              url,
              // The first question is this request's own; a list of messages may ask more, and those count.
              headers: { authorization, host, ...(asked++ === 0 ? { [innerHeader]: innerKey } : {}) },
              ...(body === undefined ? {} : { payload: body as object }),
            });
            return { status: answer.statusCode, text: answer.body };
          },
        };
        const { answerMcpList } = await import('../mcp.ts'); // its tools are nothing to a daemon that no model asks
        const { body } = request;
        const answers = await answerMcpList(Array.isArray(body) ? body : [body], answerer);
        if (answers.length === 0) return reply.code(202).send(null);
        return reply.code(200).send(Array.isArray(body) ? answers : answers[0]);
      },
    );
  };
}
