/**
 * The routes that take rows: our own here, and those of protocols that senders speak already beside it. Each answers in its protocol's
 * words; all answer success when the rows are on disk.
 */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { readJsonEntries } from '../../inputs/http/json-entries.ts';
import { systemCodeOf } from '../../runtime/errors.ts';
import { markRepetition, named, sendRefusal, sendRejected } from '../ingest-answers.ts';
import { IngestGate, type IngestGateOptions, IngestRefusal, bodyTooLarge } from '../ingest-gate.ts';
import { ingestProblems, ingestedSchema } from '../schemas.ts';
import { bulkRoutes } from './ingest-bulk.ts';
import { lokiRoutes } from './ingest-loki.ts';
import { otlpRoutes } from './ingest-otlp.ts';

export function ingestRoutes(options: IngestGateOptions): FastifyPluginAsyncZod {
  const gate = new IngestGate(options);
  const readOptions = { timezone: 'UTC', nowMs: () => options.clock.nowMs() };
  return async (server) => {
    // Bodies stay bytes: each route reads its own format, whatever its sender calls it.
    server.removeAllContentTypeParsers();
    const bodyLimit = options.maxBodyBytes;
    server.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit }, (_request, body, done) => done(null, body));
    server.setErrorHandler(async (error, _request, reply) => {
      if (error instanceof IngestRefusal) return sendRefusal(reply, error);
      // fastify's own word for what it cuts off while it comes in
      if (systemCodeOf(error) === 'FST_ERR_CTP_BODY_TOO_LARGE')
        return sendRefusal(reply, bodyTooLarge(`the body is longer than ${bodyLimit} bytes`));
      if (systemCodeOf(error) === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
        const refusal = new IngestRefusal(415, 'MEDIA_TYPE_UNKNOWN', 'the Content-Type is empty or no media type', {
          hint: 'Send application/json, application/x-ndjson or what the route takes otherwise.',
        });
        return sendRefusal(reply, refusal);
      }
      throw error; // the server's own handler knows the rest
    });

    server.post(
      '/api/v1/logs',
      {
        config: { scope: 'ingest' },
        onRequest: gate.admit,
        schema: {
          operationId: 'sendLogs',
          summary: 'Stores entries: JSON objects, one a line or in an array',
          description:
            'Rows as `GET /api/v1/logs` gives them, or what a JSON logger writes. gzip and zstd bodies by `Content-Encoding`. 200 means committed to disk. Entries that cannot be read are named in `rejected`, the others are stored; 400 when there are no others. A repeated `Idempotency-Key` (remembered for a day) stores nothing twice and is answered alike, with `Idempotency-Replayed: true`.',
          tags: ['ingest'],
          security: [{ bearer: [] }],
          response: {
            200: ingestedSchema.describe('What was stored'),
            ...ingestProblems,
          },
        },
      },
      async (request, reply) => {
        const body = await gate.bodyOf(request);
        const posted = gate.read(() => readJsonEntries(body.toString('utf8'), readOptions));
        const stored = await gate.store(request, body, posted, 'http:/api/v1/logs');
        markRepetition(reply, stored);
        const { accepted, rejected } = stored;
        if (accepted === 0 && rejected.length > 0) return sendRejected(reply, stored);
        return { accepted, rejected_count: rejected.length, rejected: named(rejected) };
      },
    );
    otlpRoutes(server, gate);
    lokiRoutes(server, gate, readOptions);
    bulkRoutes(server, gate, readOptions);
  };
}
