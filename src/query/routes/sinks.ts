/** `/api/v1/sinks`: where each sink stands and what is wrong with it; dead letters: look at them, have them sent once more, drop them. */
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { SinkStatus } from '../../pipeline/forward/sink-status.ts';
import { RegressionError } from '../../runtime/errors.ts';
import type { DeadLetter, SinkState } from '../../store/sink-state.ts';
import type { RouteContext } from '../context.ts';
import { remoteOf } from '../guard.ts';
import { notFound, problems } from '../schemas.ts';

const tags = ['operation'];
const security = [{ bearer: [] }];
const config = { scope: 'admin' } as const;

const sinkSchema = z.object({
  name: z.string(),
  type: z.string().nullable().describe('Null, like all that only a running daemon knows, for one that is not running'),
  describes: z.string().nullable(),
  state: z
    .enum(['idle', 'delivering', 'waiting', 'held'])
    .nullable()
    .describe('`waiting`: the upstream takes no rows now; `held`: as the sink is configured it never will'),
  circuit: z.enum(['closed', 'open', 'half_open']).nullable(),
  position: z.int().describe('Rows up to this id are done with'),
  lag_rows: z.int().describe('Rows stored behind it, whether the sink wants them or not'),
  lag_seconds: z.number().nullable().describe('Age of the oldest row that is being delivered; 0 when all are'),
  lag_bytes: z.int().nullable().describe('What waits, about, as it lies in the store'),
  delivered_rows: z.int(),
  dropped_rows: z.int().describe('Rows that went unsent, or will: to retention, or past `max_backlog`'),
  dead_letters: z.int().describe('Rows that the upstream refuses for good, kept here'),
  last_success_at: z.string().nullable(),
  last_error: z.object({ message: z.string(), hint: z.string().nullable(), at: z.string() }).nullable(),
});

const letterSchema = z.object({
  id: z.int(),
  sink: z.string(),
  log_id: z.int(),
  reason: z.string(),
  attempts: z.int(),
  is_due: z.boolean().describe('It is about to be sent once more'),
  failed_at: z.string(),
  row: z.looseObject({ id: z.int(), message: z.string() }).describe('The row as it was refused'),
});

export const sinksSchema = z.object({
  is_running: z.boolean(),
  origin: z.string().describe('Names this store wherever its rows go'),
  sinks: z.array(sinkSchema),
});
export type SinksAnswer = z.output<typeof sinksSchema>;
export type DeadLetterAnswer = z.output<typeof letterSchema>;

const whichSchema = z.strictObject({
  ids: z.array(z.int().min(1)).max(10_000).optional().describe('Of dead letters; all of the sink without it'),
});
const changedSchema = z.object({ letters: z.int().describe('How many it concerned') });

export function sinkRoutes({ store, forwarder, audit, queryTimeoutMs }: RouteContext): FastifyPluginAsyncZod {
  const log = (request: FastifyRequest, action: string, object: string) =>
    audit({ actor: request.principal.name, action, object, remote: remoteOf(request) });
  const storedNames = async () => (await store.state.sinks()).map(({ name }) => name);

  return async (server) => {
    server.get(
      '/api/v1/sinks',
      {
        config,
        schema: {
          operationId: 'sinks',
          summary: 'Where each sink stands, and what is wrong with it',
          tags,
          security,
          response: { 200: sinksSchema.describe('Sinks'), ...problems },
        },
      },
      async () => {
        const origin = await store.state.origin();
        if (forwarder !== undefined)
          return { is_running: true, origin, sinks: (await forwarder.status()).map(runningSink) };
        const { lastId } = await store.search(
          { filter: {}, order: 'arrival', limit: 1 },
          { deadlineMs: queryTimeoutMs },
        );
        return {
          is_running: false,
          origin,
          sinks: (await store.state.sinks()).map((sink) => restingSink(sink, lastId)),
        };
      },
    );
    server.get(
      '/api/v1/dead_letters',
      {
        config,
        schema: {
          operationId: 'deadLetters',
          summary: 'Rows that upstreams refuse for good, oldest first',
          tags,
          security,
          querystring: z.strictObject({
            sink: z.string().min(1).optional(),
            limit: z.coerce.number().int().min(1).max(1000).default(100),
          }),
          response: { 200: z.array(letterSchema).describe('Dead letters'), ...problems },
        },
      },
      async ({ query: { sink, limit } }) => (await store.state.deadLetters(sink ?? null, limit)).map(letterOf),
    );
    server.post(
      '/api/v1/sinks/:name/dead_letters/retry',
      {
        config,
        schema: {
          operationId: 'retryDeadLetters',
          summary: 'Has dead letters sent once more; at the next start where no daemon runs',
          tags,
          security,
          params: z.object({ name: z.string() }),
          body: whichSchema,
          response: { 200: changedSchema.describe('How many will be sent'), ...notFound, ...problems },
        },
      },
      async (request) => {
        const { name } = request.params;
        requireOneOf(forwarder?.names ?? (await storedNames()), name);
        const letters = await store.state.retryDeadLetters(name, request.body.ids ?? null);
        forwarder?.wake(name);
        await log(request, 'retry dead letters', `sink ${name}`);
        return { letters };
      },
    );
    server.post(
      '/api/v1/sinks/:name/dead_letters/drop',
      {
        config,
        schema: {
          operationId: 'dropDeadLetters',
          summary: 'Drops dead letters; the rows stay in the store',
          tags,
          security,
          params: z.object({ name: z.string() }),
          body: whichSchema,
          response: { 200: changedSchema.describe('How many were dropped'), ...notFound, ...problems },
        },
      },
      async (request) => {
        const { name } = request.params;
        requireOneOf(await storedNames(), name); // one that is configured no more may have left some
        const letters = await store.state.dropDeadLetters(name, request.body.ids ?? null);
        await log(request, 'drop dead letters', `sink ${name}`);
        return { letters };
      },
    );
  };
}

/** @throws RegressionError `NOT_FOUND`. */
function requireOneOf(known: readonly string[], name: string): void {
  if (known.includes(name)) return;
  throw new RegressionError('NOT_FOUND', `there is no sink ${name}`, {
    hint: `Its sinks: ${known.join(', ') || 'none'}.`,
  });
}

function runningSink(status: SinkStatus): z.output<typeof sinkSchema> {
  const { name, type, describes, state, circuit, position, lastError } = status;
  return {
    name,
    type,
    describes,
    state,
    circuit,
    position,
    lag_rows: status.lagRows,
    lag_seconds: status.lagSeconds,
    lag_bytes: status.lagBytes,
    delivered_rows: status.deliveredRows,
    dropped_rows: status.droppedRows,
    dead_letters: status.deadLetters,
    last_success_at: status.lastSuccessAt,
    last_error: lastError === null ? null : { ...lastError, hint: lastError.hint ?? null },
  };
}

function restingSink(sink: SinkState, lastId: number): z.output<typeof sinkSchema> {
  const { name, position, deliveredRows, droppedRows, deadLetters } = sink;
  return {
    name,
    type: null,
    describes: null,
    state: null,
    circuit: null,
    position,
    lag_rows: Math.max(lastId - position, 0),
    lag_seconds: null,
    lag_bytes: null,
    delivered_rows: deliveredRows,
    dropped_rows: droppedRows,
    dead_letters: deadLetters,
    last_success_at: null,
    last_error: null,
  };
}

function letterOf({ id, sink, logId, row, reason, attempts, isDue, failedAt }: DeadLetter): DeadLetterAnswer {
  const parsed = JSON.parse(row) as DeadLetterAnswer['row'];
  return { id, sink, log_id: logId, reason, attempts, is_due: isDue, failed_at: failedAt, row: parsed };
}
