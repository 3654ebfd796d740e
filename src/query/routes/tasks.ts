/** `/api/v1/tasks`: how the tasks are doing, and a task by hand, in the daemon. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { RegressionError } from '../../runtime/errors.ts';
import { type TaskName, tasks } from '../../tasks/registry.ts';
import type { RouteContext, TaskDesk } from '../context.ts';
import { notFound, problemSchema, problems } from '../schemas.ts';

const names = Object.keys(tasks) as [TaskName, ...TaskName[]];

const detailsSchema = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
  .describe('The same for machines');

const taskSchema = z.object({
  name: z.enum(names),
  summary: z.string(),
  state: z.enum(['idle', 'waiting', 'running']),
  progress: z.number().nullable().describe('Of the run under way, 0 to 1'),
  doing: z.string().nullable().describe('What it is doing, for people'),
  next_run_at: z.string().nullable().describe('Null for a task that is not on a schedule'),
  last: z
    .object({
      started_at: z.string().nullable(),
      finished_at: z.string().nullable(),
      ok: z.boolean(),
      message: z.string().nullable().describe('What was done, or why not'),
      details: detailsSchema,
    })
    .nullable()
    .describe('The last run that ended'),
  last_ok_at: z.string().nullable(),
});

export type TaskAnswer = z.output<typeof taskSchema>;

export function taskRoutes({ tasks: desk }: RouteContext): FastifyPluginAsyncZod {
  return async (server) => {
    server.get(
      '/api/v1/tasks',
      {
        config: { scope: 'admin' },
        schema: {
          operationId: 'tasks',
          summary: 'The tasks: how their last run ended, how far the one under way is, when the next is due',
          tags: ['administration'],
          security: [{ bearer: [] }],
          response: {
            200: z.object({ tasks: z.array(taskSchema) }).describe('Every task'),
            ...problems,
          },
        },
      },
      async () => ({ tasks: desk === undefined ? [] : await answersOf(desk) }),
    );
    server.post(
      '/api/v1/tasks/:name/run',
      {
        schema: {
          operationId: 'runTask',
          summary: 'Runs a task now and answers when it is done',
          description: names.map((name) => `\`${name}\`: ${tasks[name].summary}.`).join(' '),
          tags: ['administration'],
          security: [{ bearer: [] }],
          params: z.object({ name: z.enum(names) }),
          querystring: z.object({
            wait: z.stringbool().default(false).describe('Also wait for what the task sets going in the background'),
          }),
          response: {
            200: z
              .object({ message: z.string().describe('What was done, for people'), details: detailsSchema })
              .describe('What was done'),
            ...notFound,
            409: problemSchema.describe('It is running already'),
            422: problemSchema.describe('The configuration does not say what it needs'),
            ...problems,
          },
        },
      },
      async (request) => {
        if (desk === undefined) throw new RegressionError('NOT_FOUND', 'no tasks run here');
        return desk.runner.run(request.params.name, { waits: request.query.wait });
      },
    );
  };
}

async function answersOf({ runner, nextRun }: TaskDesk): Promise<TaskAnswer[]> {
  return (await runner.status()).map(({ name, last, ...status }) => ({
    name,
    summary: tasks[name].summary,
    ...status,
    next_run_at: nextRun(name)?.toISOString() ?? null,
    last:
      last === null
        ? null
        : {
            started_at: last.startedAt,
            finished_at: last.finishedAt,
            ok: last.isOk === true,
            message: last.message,
            details: { ...last.details },
          },
    last_ok_at: last?.lastOkAt ?? null,
  }));
}
