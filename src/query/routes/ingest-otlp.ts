/** `POST /v1/logs`: OTLP/HTTP, answered in the encoding it came in (opentelemetry.io/docs/specs/otlp, "OTLP/HTTP"). */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { readOtlpJson } from '../../inputs/http/otlp-json.ts';
import { mediaTypeOf, markRepetition, rejectionText } from '../ingest-answers.ts';
import { type IngestGate, IngestRefusal } from '../ingest-gate.ts';
import { ingestProblems } from '../schemas.ts';

const protobufType = 'application/x-protobuf';
/** google.rpc.Code */
const INVALID_ARGUMENT = 3;

export function otlpRoutes(server: FastifyInstance, gate: IngestGate): void {
  server.post(
    '/v1/logs',
    {
      config: { scope: 'ingest' },
      onRequest: gate.admit,
      schema: {
        operationId: 'sendOtlpLogs',
        summary: 'Stores OpenTelemetry logs: OTLP/HTTP, JSON or protobuf',
        description:
          'An ExportLogsServiceRequest; set an exporter to this endpoint. Records that cannot be read are counted in `partialSuccess`.',
        tags: ['ingest'],
        security: [{ bearer: [] }],
        response: {
          200: z.unknown().describe('What was stored; `partialSuccess` counts what was not'),
          ...ingestProblems,
          400: z.unknown().describe('Nothing of it can be read; in the words of its protocol'),
        },
      },
    },
    async (request, reply) => {
      const type = mediaTypeOf(request);
      if (type !== protobufType && type !== 'application/json') {
        throw new IngestRefusal(415, 'MEDIA_TYPE_UNKNOWN', `OTLP is not sent as ${type === '' ? 'nothing' : type}`, {
          hint: `Send application/json or ${protobufType}.`,
        });
      }
      // Loaded by the first body that is one.
      const protobuf = type === protobufType ? await import('../../inputs/http/otlp-protobuf.ts') : null;
      try {
        const body = await gate.bodyOf(request);
        const posted = gate.read(() =>
          protobuf === null ? readOtlpJson(body.toString('utf8')) : protobuf.readOtlpProtobuf(body),
        );
        const stored = await gate.store(request, body, posted, 'http:/v1/logs');
        markRepetition(reply, stored);
        const { rejected } = stored;
        const message = rejected.length === 0 ? '' : rejectionText(rejected);
        if (protobuf !== null) {
          return send(reply, 200, protobufType, protobuf.writeOtlpResponse(rejected.length, message));
        }
        const partial = { partialSuccess: { rejectedLogRecords: String(rejected.length), errorMessage: message } };
        return send(reply, 200, 'application/json', JSON.stringify(rejected.length === 0 ? {} : partial));
      } catch (error) {
        // "The response body for all HTTP 4xx and 5xx responses MUST be a Status": only what this request is to blame for is ours to say.
        if (!(error instanceof IngestRefusal) || error.status !== 400) throw error;
        if (protobuf !== null) {
          return send(reply, 400, protobufType, protobuf.writeRpcStatus(INVALID_ARGUMENT, error.message));
        }
        const status = { code: INVALID_ARGUMENT, message: error.message };
        return send(reply, 400, 'application/json', JSON.stringify(status));
      }
    },
  );
}

/** Bytes and text alike are sent as they are. */
function send(reply: FastifyReply, status: number, type: string, body: Uint8Array | string): FastifyReply {
  return reply
    .code(status)
    .type(type)
    .send(Buffer.from(body as string));
}
