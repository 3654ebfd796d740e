/**
 * A signal that aborts when the asker goes away before the answer is sent, so that nothing is computed for nobody.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';

export function abortOnHangUp(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  const { socket } = request.raw;
  const onHangUp = (): void => controller.abort(new Error('the client went away'));
  socket.once('close', onHangUp);
  reply.raw.once('close', () => {
    socket.off('close', onHangUp); // the connection lives on, for further requests
    if (!reply.raw.writableFinished) onHangUp();
  });
  return controller.signal;
}
