/**
 * Who may ask: a bearer token for everything but operation, and a Host and Origin that are ours, so that a web page cannot reach
 * the endpoint through its reader's browser (DNS rebinding).
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isSameToken } from './admin-token.ts';
import { problem } from './problem.ts';

export interface GuardOptions {
  readonly token: string;
  /** Names accepted in Host and Origin, without port. */
  readonly hosts: ReadonlySet<string>;
}

const openPaths = new Set(['/health/live', '/health/ready', '/metrics', '/openapi.json']);

export function guard({ token, hosts }: GuardOptions) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const host = hostName(request.headers.host ?? '');
    if (!hosts.has(host)) {
      await refuse(
        reply,
        421,
        'HOST_UNKNOWN',
        `the Host header names ${JSON.stringify(host)}`,
        'Add the name to server.allowed_hosts.',
      );
      return;
    }
    const { origin } = request.headers;
    if (origin !== undefined && !hosts.has(hostName(origin.replace(/^\w+:\/\//, '')))) {
      await refuse(
        reply,
        403,
        'ORIGIN_UNKNOWN',
        'pages of another origin may not ask here',
        'Add its host to server.allowed_hosts.',
      );
      return;
    }
    if (openPaths.has(request.url.split('?', 1)[0] ?? '')) return;
    const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (given !== undefined && isSameToken(given, token)) return;
    void reply.header('www-authenticate', 'Bearer realm="regression"');
    const detail = given === undefined ? 'a bearer token is required' : 'the token is not valid';
    await refuse(
      reply,
      401,
      'UNAUTHORIZED',
      detail,
      'Send `Authorization: Bearer TOKEN`; the admin token is in admin.token of the data directory.',
    );
  };
}

async function refuse(reply: FastifyReply, status: number, code: string, detail: string, hint: string): Promise<void> {
  await reply
    .code(status)
    .type('application/problem+json')
    .send(JSON.stringify(problem(status, code, detail, { hint })));
}

/** Without port and brackets, lower case. */
export function hostName(host: string): string {
  return host
    .toLowerCase()
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1');
}
