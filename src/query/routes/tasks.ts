/** `POST /api/v1/tasks/{name}/run`: a task by hand, in the daemon. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { type TaskName, tasks } from '../../tasks/registry.ts';
import type { RouteContext } from '../context.ts';
import { problems } from '../schemas.ts';

const names = Object.keys(tasks) as [TaskName, ...TaskName[]];

export function taskRoutes({ store }: RouteContext): FastifyPluginAsyncZod {
  return async (server) => {
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
              .object({
                message: z.string().describe('What was done, for people'),
                details: z
                  .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
                  .describe('The same for machines'),
              })
              .describe('What was done'),
            ...problems,
          },
        },
      },
      (request) => tasks[request.params.name].run({ store, waits: request.query.wait }),
    );
  };
}
