/** `GET/PUT/DELETE /api/v1/results/{key}`: a cache for the answers of AI jobs, with a time to live and ETags (RFC 9110). */
import { createHash } from 'node:crypto';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { RegressionError } from '../../runtime/errors.ts';
import { parseDuration } from '../../runtime/units.ts';
import type { RouteContext } from '../context.ts';
import { notFound, problemSchema, problems } from '../schemas.ts';

const maxTotalBytes = 64 * 1024 * 1024;
const maxResultBytes = 1024 * 1024;
const maxTtlMs = 90 * 86_400_000;

const tags = ['results'];
const security = [{ bearer: [] }];
const params = z.object({
  key: z
    .string()
    .regex(/^(?!\.{1,2}$)[\w.:~-]{1,200}$/, { error: 'letters, digits, _ . : ~ -, at most 200; not . or ..' }),
});
const stored = z.object({ key: z.string(), etag: z.string(), expires_at: z.string() });

export function resultRoutes({ store, clock }: RouteContext): FastifyPluginAsyncZod {
  const nowText = (): string => new Date(clock.nowMs()).toISOString();
  return async (server) => {
    // Any content is kept as the bytes it came as. Only in here: plugins are encapsulated.
    server.removeAllContentTypeParsers();
    server.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: maxResultBytes }, (_request, body, done) =>
      done(null, body),
    );
    server.get(
      '/api/v1/results/:key',
      {
        config: { scope: 'read' },
        schema: {
          operationId: 'getResult',
          summary: 'A cached answer, as it was put',
          description: 'With `If-None-Match` 304 when it has not changed.',
          tags,
          security,
          params,
          response: {
            200: z.string().describe('The answer, with its content type and ETag'),
            304: z.null().describe('It has not changed'),
            ...notFound,
            ...problems,
          },
        },
      },
      async (request, reply) => {
        const { key } = request.params;
        const result = await store.state.result(key, nowText());
        if (result === null) throw new RegressionError('NOT_FOUND', `there is no result ${key}`);
        void reply.header('etag', result.etag).header('expires', new Date(result.expiresAt).toUTCString());
        if (namesTag(request.headers['if-none-match'], result.etag)) return reply.code(304).send(null);
        void reply.header('x-content-type-options', 'nosniff').header('content-security-policy', 'sandbox');
        return reply.type(result.contentType).send(Buffer.from(result.body) as never);
      },
    );
    server.put(
      '/api/v1/results/:key',
      {
        config: { scope: 'consume' },
        schema: {
          operationId: 'putResult',
          summary: 'Caches an answer for a while',
          description: `Any content type, at most ${maxResultBytes / 1024} KiB. \`If-Match: ETAG\`: only over that one; \`If-None-Match: *\`: only where there is none. Over ${maxTotalBytes / 1024 / 1024} MiB in all the oldest go.`,
          tags,
          security,
          params,
          consumes: ['*/*'],
          querystring: z.strictObject({
            ttl: z.string().default('1d').describe('How long it is kept: `12h`, at most `90d`'),
          }),
          response: {
            200: stored.describe('It is kept'),
            409: problemSchema.describe('The condition does not hold'),
            ...problems,
          },
        },
      },
      async (request) => {
        const { key } = request.params;
        const ttlMs = parseDuration(request.query.ttl);
        if (ttlMs === null || ttlMs < 1000 || ttlMs > maxTtlMs) {
          throw new RegressionError(
            'QUERY_INVALID',
            `ttl: ${JSON.stringify(request.query.ttl)} is not a time to live`,
            {
              hint: 'Between 1s and 90d.',
            },
          );
        }
        const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
        const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
        const expiresAt = new Date(clock.nowMs() + ttlMs).toISOString();
        const ifMatch = request.headers['if-match'];
        await store.state.putResult(
          {
            key,
            owner: request.principal.name,
            etag,
            contentType: request.headers['content-type'] ?? 'application/octet-stream',
            body: new Uint8Array(body),
            createdAt: nowText(),
            expiresAt,
          },
          {
            ...(ifMatch === undefined ? {} : { ifMatch }),
            ifNoneMatch: request.headers['if-none-match'] === '*',
          },
          maxTotalBytes,
        );
        return { key, etag, expires_at: expiresAt };
      },
    );
    server.delete(
      '/api/v1/results/:key',
      {
        config: { scope: 'consume' },
        schema: {
          operationId: 'removeResult',
          summary: 'Forgets a cached answer',
          tags,
          security,
          params,
          response: { 204: z.null().describe('It is gone'), ...notFound, ...problems },
        },
      },
      async (request, reply) => {
        const { key } = request.params;
        if (!(await store.state.removeResult(key))) throw new RegressionError('NOT_FOUND', `there is no result ${key}`);
        return reply.code(204).send(null);
      },
    );
  };
}

/** A list of tags, weak or not, or any (RFC 9110, section 13.1.2). */
function namesTag(header: string | undefined, etag: string): boolean {
  const tags = header?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? [];
  return tags.includes('*') || tags.includes(etag);
}
