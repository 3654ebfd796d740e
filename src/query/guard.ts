/**
 * Who may ask: a bearer token with the route's scope for everything but operation, and a Host and Origin that are ours, so that a
 * web page cannot reach the endpoint through its reader's browser (DNS rebinding).
 *
 * A route names its scope in `config.scope`; one that names none is for admins alone.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Accounts, Principal, Scope } from './accounts.ts';
import type { RequestLimits } from './request-limits.ts';
import { problem } from './problem.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a token needs for this route; `open`: no token. Without it: `admin`. */
    scope?: Scope | 'open';
    /** Waits for rows rather than for the store: does not count among the requests at once. */
    isLongLived?: boolean;
  }
  interface FastifyRequest {
    /** Set by the guard on every route that is not open. */
    principal: Principal;
  }
}

export interface GuardOptions {
  readonly accounts: Accounts;
  readonly limits: RequestLimits;
  /** Names accepted in Host and Origin, without port. */
  readonly hosts: ReadonlySet<string>;
  /** Secret of this process: a request that the server makes of itself, for one that was counted, is not counted again. */
  readonly innerKey: string;
}

export const innerHeader = 'x-regression-inner';

export function guard({ accounts, limits, hosts, innerKey }: GuardOptions) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const refusal = foreignHost(request, hosts);
    if (refusal !== null) return refuse(reply, refusal);
    const { scope = 'admin', isLongLived = false } = request.routeOptions.config;
    if (scope === 'open') return undefined;
    const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    const remote = `token ${remoteOf(request)}`;
    const principal = given === undefined ? null : await accounts.principalOf(given);
    if (principal === null) {
      const delayMs = given === undefined ? 0 : accounts.throttle.delayMs(remote);
      if (given !== undefined) accounts.throttle.failed(remote);
      if (delayMs > 0) {
        void reply.header('retry-after', Math.ceil(delayMs / 1000));
        return refuse(reply, problem(429, 'OVERLOADED', 'too many invalid tokens from this address'));
      }
      void reply.header('www-authenticate', 'Bearer realm="regression"');
      const detail = given === undefined ? 'a bearer token is required' : 'the token is not valid';
      const hint = 'Send `Authorization: Bearer TOKEN`; the admin token is in admin.token of the data directory.';
      return refuse(reply, problem(401, 'UNAUTHORIZED', detail, { hint }));
    }
    request.principal = principal;
    const isRoute = request.routeOptions.url !== undefined; // else: not found, which anybody with a token may learn
    if (isRoute && !principal.scopes.has(scope)) {
      const detail = `${principal.name} (${principal.role}) has no scope \`${scope}\` with this token`;
      return refuse(reply, problem(403, 'FORBIDDEN', detail, { hint: 'Ask an admin for a token that has it.' }));
    }
    if (request.headers[innerHeader] === innerKey) return undefined;
    const retryAfterSeconds = limits.enter(principal.tokenName, isLongLived, reply);
    if (retryAfterSeconds === null) return undefined;
    void reply.header('retry-after', retryAfterSeconds);
    return refuse(reply, problem(429, 'OVERLOADED', 'too many requests', { hint: 'Come again after Retry-After.' }));
  };
}

function foreignHost({ headers }: FastifyRequest, hosts: ReadonlySet<string>) {
  const hint = 'Add the name to server.allowed_hosts.';
  const host = hostName(headers.host ?? '');
  if (!hosts.has(host)) {
    return problem(421, 'HOST_UNKNOWN', `the Host header names ${JSON.stringify(host)}`, { hint });
  }
  if (headers.origin !== undefined && !hosts.has(hostName(headers.origin.replace(/^\w+:\/\//, '')))) {
    return problem(403, 'ORIGIN_UNKNOWN', 'pages of another origin may not ask here', { hint });
  }
  return null;
}

async function refuse(reply: FastifyReply, answer: ReturnType<typeof problem>): Promise<void> {
  await reply.code(answer.status).type('application/problem+json').send(JSON.stringify(answer));
}

/** The asker's address; `local` over a Unix socket. */
export function remoteOf(request: FastifyRequest): string {
  return request.socket.remoteAddress ?? 'local';
}

/** Without port and brackets, lower case. */
export function hostName(host: string): string {
  return host
    .toLowerCase()
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1');
}
