/** `POST /_bulk`, `POST /{index}/_bulk`: what Elasticsearch's bulk clients send, answered in its shapes. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type PostedBulk, readBulk } from '../../inputs/http/bulk.ts';
import type { ParserOptions } from '../../parsers/parser.ts';
import { markRepetition } from '../ingest-answers.ts';
import { type IngestGate, IngestRefusal, type StoredPost } from '../ingest-gate.ts';
import { ingestProblems } from '../schemas.ts';

export function bulkRoutes(server: FastifyInstance, gate: IngestGate, readOptions: ParserOptions): void {
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const startedAtMs = performance.now();
    const body = await gate.bodyOf(request);
    const { index = '' } = (request.params ?? {}) as { index?: string };
    let posted: PostedBulk;
    try {
      posted = gate.read(() => readBulk(body.toString('utf8'), index, readOptions));
    } catch (error) {
      if (!(error instanceof IngestRefusal)) throw error;
      const cause = { type: 'illegal_argument_exception', reason: error.message };
      return send(reply, 400, { error: { root_cause: [cause], ...cause }, status: 400 });
    }
    const stored = await gate.store(request, body, posted, 'http:/_bulk', posted.isIdentified);
    markRepetition(reply, stored);
    const tookMs = Math.round(performance.now() - startedAtMs);
    return send(reply, 200, { took: tookMs, errors: stored.rejected.length > 0, items: itemsOf(posted, stored) });
  };
  for (const [url, operationId] of [
    ['/_bulk', 'bulk'],
    ['/:index/_bulk', 'bulkIndex'],
  ] as const) {
    server.post(
      url,
      {
        config: { scope: 'ingest' },
        onRequest: gate.admit,
        schema: {
          operationId,
          summary: "Stores documents: Elasticsearch's bulk API, `index` and `create`",
          description:
            'Documents as a JSON logger or ECS writes them. `update` and `delete` are answered with an error each: rows do not change, and an `index` with a known `_id` is a further row. A body in which every document has an `_id` stores nothing when it comes again within a day.',
          tags: ['ingest'],
          security: [{ bearer: [] }],
          response: {
            200: z.unknown().describe('An answer for each document'),
            ...ingestProblems,
            400: z.unknown().describe('Nothing of it can be read; in the words of its protocol'),
          },
        },
      },
      answer,
    );
  }
}

function itemsOf({ items, conflicts }: PostedBulk, { rejected }: StoredPost): unknown[] {
  const reasons = new Map(rejected.map(({ index, reason }) => [index, reason]));
  return items.map(({ action, index, id }, place) => {
    const reason = reasons.get(place);
    if (reason !== undefined) {
      const [status, type] = conflicts.has(place)
        ? [409, 'version_conflict_engine_exception']
        : [400, 'document_parsing_exception'];
      return { [action]: { _index: index, _id: id, status, error: { type, reason } } };
    }
    return {
      [action]: {
        _index: index,
        _id: id ?? randomUUID(),
        _version: 1,
        result: 'created',
        _shards: { total: 1, successful: 1, failed: 0 },
        status: 201,
      },
    };
  });
}

/** Elasticsearch's clients look for the header that says it is one. */
function send(reply: FastifyReply, status: number, body: unknown): FastifyReply {
  return reply
    .code(status)
    .header('x-elastic-product', 'Elasticsearch')
    .type('application/json')
    .send(Buffer.from(JSON.stringify(body)));
}
