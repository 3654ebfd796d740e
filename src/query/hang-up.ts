/**
 * A signal that aborts when the asker goes away before the answer is sent, so that nothing is computed for nobody.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';

export function abortOnHangUp(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  request.raw.socket.once('close', () => controller.abort(new Error('the client went away')));
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(new Error('the client went away'));
  });
  return controller.signal;
}
