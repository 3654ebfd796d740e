/** `POST /loki/api/v1/push`: Loki's push API, in JSON. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { readLokiPush } from '../../inputs/http/loki.ts';
import type { ParserOptions } from '../../parsers/parser.ts';
import { markRepetition, mediaTypeOf, sendRejected } from '../ingest-answers.ts';
import { type IngestGate, IngestRefusal } from '../ingest-gate.ts';
import { ingestProblems } from '../schemas.ts';

export function lokiRoutes(server: FastifyInstance, gate: IngestGate, readOptions: ParserOptions): void {
  server.post(
    '/loki/api/v1/push',
    {
      config: { scope: 'ingest' },
      onRequest: gate.admit,
      schema: {
        operationId: 'pushLoki',
        summary: "Stores the entries of a Loki client: Loki's push API in JSON",
        description: '204 when all are stored. Entries that cannot be read are named in a 400; the others are stored.',
        tags: ['ingest'],
        security: [{ bearer: [] }],
        response: {
          204: z.null().describe('All entries are stored'),
          ...ingestProblems,
        },
      },
    },
    async (request, reply) => {
      const type = mediaTypeOf(request);
      if (type !== 'application/json') {
        throw new IngestRefusal(
          415,
          'MEDIA_TYPE_UNKNOWN',
          type === 'application/x-protobuf'
            ? 'snappy-compressed protobuf is not read here'
            : `${type} is not read here`,
          { hint: 'Let the client send JSON: winston-loki `json: true`, Fluent Bit and Vector `encoding: json`.' },
        );
      }
      const body = await gate.bodyOf(request);
      const posted = gate.read(() => readLokiPush(body.toString('utf8'), readOptions));
      const stored = await gate.store(request, body, posted, 'http:/loki/api/v1/push');
      markRepetition(reply, stored);
      if (stored.rejected.length > 0) return sendRejected(reply, stored);
      return reply.code(204).send();
    },
  );
}
