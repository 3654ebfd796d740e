/**
 * A signal that aborts when the asker goes away before the answer is sent, so that nothing is computed for nobody.
 */
import type { FastifyReply } from 'fastify';

export function abortOnHangUp(reply: FastifyReply): AbortSignal {
  // Not on the socket: a connection that is kept open would collect a listener a request.
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(new Error('the client went away'));
  });
  return controller.signal;
}
