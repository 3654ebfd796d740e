/** `POST /api/v1/reload`: the configuration is read anew and taken over. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { RegressionError } from '../../runtime/errors.ts';
import type { RouteContext } from '../context.ts';
import { remoteOf } from '../guard.ts';
import { problemSchema, problems } from '../schemas.ts';

const reloadSchema = z.object({
  applied: z.array(z.string()).describe('Paths of the configuration that changed and are in force now'),
  needs_restart: z.array(z.string()).describe('Paths that changed and count from the next start on'),
});

export type ReloadAnswer = z.output<typeof reloadSchema>;

export function reloadRoutes({ reload, audit }: RouteContext): FastifyPluginAsyncZod {
  return async (server) => {
    server.post(
      '/api/v1/reload',
      {
        schema: {
          operationId: 'reload',
          summary: 'Reads the configuration anew and takes over what changed',
          description:
            'As SIGHUP does. Positions are kept. A configuration with an error is refused as a whole: the old one stays in force.',
          tags: ['administration'],
          security: [{ bearer: [] }],
          response: {
            200: reloadSchema.describe('What changed'),
            409: problemSchema.describe('The daemon is starting or stopping'),
            422: problemSchema.describe('The configuration is wrong, or cannot be had; the old one stays in force'),
            ...problems,
          },
        },
      },
      async (request) => {
        if (reload === undefined) throw new RegressionError('NOT_FOUND', 'no daemon runs here');
        const { applied, needsRestart } = await reload();
        const details = { applied: applied.join(' '), needs_restart: needsRestart.join(' ') };
        await audit({
          actor: request.principal.name,
          action: 'reload',
          object: 'configuration',
          remote: remoteOf(request),
          details,
        });
        return { applied: [...applied], needs_restart: [...needsRestart] };
      },
    );
  };
}
