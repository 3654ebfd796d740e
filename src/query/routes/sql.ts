/** `POST /api/v1/sql`: one reading statement, for admins. What it may do is decided in store/thread/sql-statement.ts. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { RegressionError } from '../../runtime/errors.ts';
import type { SqlAnswer } from '../../store/protocol.ts';
import type { RouteContext } from '../context.ts';
import { filterOf } from '../filter-parameters.ts';
import { remoteOf } from '../guard.ts';
import { abortOnHangUp } from '../hang-up.ts';
import { filterParameters, problems } from '../schemas.ts';

const maxSqlLength = 64 * 1024;
const maxSqlRows = 10_000;
const maxAnswerBytes = 8 * 1024 * 1024;
/** Of the deadline, kept for the audit row of a statement that has taken all of it. */
const auditShare = 0.1;
const cell = z.union([z.string(), z.number(), z.null()]);

export function sqlRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { store, clock, audit, queryTimeoutMs } = context;
  return async (server) => {
    server.post(
      '/api/v1/sql',
      {
        config: { scope: 'sql' },
        schema: {
          operationId: 'sql',
          summary: 'One SELECT or WITH, on a consistent state',
          description: `What a statement does is read from its bytecode before it runs: nothing that writes, no table that holds credentials (users, tokens), no virtual table but json_each and json_tree. \`logs\` and \`logs_metadata\` are views over the hot file and the ten newest segments of the time range; \`main.logs\` is the hot file alone. \`files\` names what was read, and \`complete\` says whether that was all. At most ${maxSqlRows} rows and ${maxAnswerBytes / 1024 / 1024} MiB; \`limit\` says which of them cut the answer. Blobs are base64, integers beyond 2^53 and infinities text.`,
          tags: ['sql'],
          security: [{ bearer: [] }],
          body: z.strictObject({
            sql: z.string().min(1).max(maxSqlLength),
            start: filterParameters.start.describe('Earliest time of the rows in `logs`; it also chooses the segments'),
            end: filterParameters.end.describe('Latest time of the rows in `logs`, exclusive'),
            max_rows: z.int().min(1).max(maxSqlRows).default(1000),
          }),
          response: {
            200: z
              .object({
                columns: z.array(z.string()).describe('Empty when there are no rows'),
                rows: z.array(z.array(cell)),
                limit: z.enum(['rows', 'bytes']).nullable().describe('Which limit cut the answer'),
                files: z.array(z.string()).describe('Files whose rows were asked, in the order of arrival'),
                complete: z.boolean().describe('False when older segments of the time range were left out'),
                left_out: z.int().describe('How many: narrow the range to read them'),
                elapsed_ms: z.number(),
              })
              .describe('The result'),
            ...problems,
          },
        },
      },
      async (request, reply) => {
        const startedAtMs = clock.monotonicMs();
        const { sql, max_rows: maxRows } = request.body;
        const { start, end } = filterOf(request.body, [], context.clock.nowMs());
        const entry = { actor: request.principal.name, object: sql.slice(0, 1000), remote: remoteOf(request) };
        const limits = { deadlineMs: queryTimeoutMs, signal: abortOnHangUp(reply) };
        const elapsedMs = (): number => clock.monotonicMs() - startedAtMs;
        const leftMs = (): number => Math.max(queryTimeoutMs - elapsedMs(), queryTimeoutMs * auditShare);
        let answer: SqlAnswer;
        try {
          answer = await store.sql({ sql, start, end, maxRows, maxBytes: maxAnswerBytes }, limits);
        } catch (error) {
          const code = error instanceof RegressionError ? error.code : 'INTERNAL';
          const refused = { ...entry, action: 'sql.refused', severity: 'WARN', details: { code } } as const;
          await audit(refused, leftMs()).catch(() => undefined); // the request fails in any case: what was wrong first is told
          throw error;
        }
        await audit({ ...entry, action: 'sql' }, leftMs());
        const { columns, rows, limit, read } = answer;
        return {
          columns: [...columns],
          rows: rows.map((row) => [...row]),
          limit,
          files: [...read.files],
          complete: read.leftOut === 0,
          left_out: read.leftOut,
          elapsed_ms: Math.round(elapsedMs() * 10) / 10,
        };
      },
    );
  };
}
