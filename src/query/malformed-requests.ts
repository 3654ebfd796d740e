/**
 * What never becomes a request of a route is told as a problem too: an address that no decoding makes sense of, and bytes that are no HTTP.
 */
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type Problem, problem } from './problem.ts';

/** Before there is a route. */
export function frameworkErrors(error: FastifyError, _request: FastifyRequest, reply: FastifyReply): void {
  const detail = 'a path is percent-encoded UTF-8, and its parameters have at most 500 characters';
  const answer = problem(error.statusCode ?? 400, 'BAD_URL', detail);
  void reply.code(answer.status).type('application/problem+json').serializer(JSON.stringify).send(answer);
}

const refusals: Readonly<Record<string, Problem>> = {
  ERR_HTTP_REQUEST_TIMEOUT: problem(408, 'REQUEST_TIMEOUT', 'the request did not arrive in time'),
  HPE_HEADER_OVERFLOW: problem(431, 'HEADERS_TOO_LARGE', 'the address and the headers are longer than 16 KiB'),
};

/** Before there is a request; the connection ends with the answer. */
export function clientErrorHandler(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) {
    const answer = refusals[error.code ?? ''] ?? problem(400, 'HTTP_INVALID', 'what was sent is no HTTP request');
    const body = JSON.stringify(answer);
    socket.write(
      `HTTP/1.1 ${answer.status} ${answer.title}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroy(error);
}
