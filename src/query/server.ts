/**
 * The query endpoint: an HTTP server on loopback or a Unix socket. Routes are in routes/, who may ask is decided in guard.ts.
 */
import { randomUUID } from 'node:crypto';
import { chmod, readFile, unlink } from 'node:fs/promises';
import type { Server as HttpsServer } from 'node:https';
import { hostname } from 'node:os';
import { createSecureContext } from 'node:tls';
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyRequest,
  type FastifyServerOptions,
} from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { RegressionError, messageOf, systemCodeOf } from '../runtime/errors.ts';
import { hostAndPort, isLoopback } from '../runtime/host-and-port.ts';
import type { Service } from '../runtime/service.ts';
import { removeStaleSocket } from '../runtime/unix-socket.ts';
import { Accounts } from './accounts.ts';
import { auditTo } from './audit.ts';
import type { QueryContext, RouteContext } from './context.ts';
import { guard, hostName } from './guard.ts';
import { clientErrorHandler, frameworkErrors } from './malformed-requests.ts';
import { problem, problemOfError } from './problem.ts';
import { refusalOf } from './refusal.ts';
import type { IngestGateOptions } from './ingest-gate.ts';
import type { PostBounds } from './posts-under-way.ts';
import { QueryCache } from './query-cache.ts';
import { type RequestLimitOptions, RequestLimits } from './request-limits.ts';
import { accountRoutes } from './routes/accounts.ts';
import { batchRoutes } from './routes/batches.ts';
import { fieldRoutes } from './routes/fields.ts';
import { consumerRoutes } from './routes/consumers.ts';
import { hitsRoutes } from './routes/hits.ts';
import { ingestRoutes } from './routes/ingest.ts';
import { inputRoutes } from './routes/inputs.ts';
import { logsRoutes } from './routes/logs.ts';
import { mcpRoutes } from './routes/mcp.ts';
import { operationRoutes } from './routes/operation.ts';
import { digestRoutes } from './routes/digest.ts';
import { patternRoutes } from './routes/patterns.ts';
import { reloadRoutes } from './routes/reload.ts';
import { resultRoutes } from './routes/results.ts';
import { sinkRoutes } from './routes/sinks.ts';
import { rowRoutes } from './routes/row.ts';
import { sqlRoutes } from './routes/sql.ts';
import { storeRoutes } from './routes/store.ts';
import { tailRoutes } from './routes/tail.ts';
import { taskRoutes } from './routes/tasks.ts';

export interface QueryServerOptions extends QueryContext {
  /** `127.0.0.1:8514`, `[::1]:8514` or `unix:/run/regression.sock`. */
  readonly listen: string;
  readonly allowRemote: boolean;
  readonly allowedHosts: readonly string[];
  /** Paths of PEM files. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Of a Unix socket; 0600 without it. */
  readonly socketMode?: number | undefined;
  /** The data directory's token; others are in the store. */
  readonly token: string;
  readonly version: string;
  readonly requestLimits?: Partial<RequestLimitOptions> | undefined;
  /** Where posted rows go; without it the server only answers questions. */
  readonly ingest?: Pick<IngestGateOptions, 'ingest' | keyof PostBounds>;
}

/** Longest a request may take to arrive, and an idle connection to stay. */
const requestTimeoutMs = 30_000;
const maxBodyBytes = 1024 * 1024;

/** Given when the server is made, so that fastify does not load its own compilers, which nothing uses: half a megabyte of them. Typed for those. */
const schemaController = {
  compilersFactory: { buildValidator: () => validatorCompiler, buildSerializer: () => serializerCompiler },
} as unknown as NonNullable<FastifyServerOptions['schemaController']>;

export class QueryServer implements Service {
  readonly name = 'query server';
  readonly #options: QueryServerOptions;
  #server: FastifyInstance | null = null;
  #url: string | null = null;

  constructor(options: QueryServerOptions) {
    this.#options = options;
  }

  /** `http://127.0.0.1:8514` or `unix:/run/regression.sock`; null before `start`. */
  get url(): string | null {
    return this.#url;
  }

  /** @throws RegressionError `SERVER_UNAVAILABLE`; `CONFIG_INVALID` for an address others can reach without `allow_remote`. */
  async start(): Promise<void> {
    const { listen, allowRemote, tls, socketMode = 0o600 } = this.#options;
    const address = parseListen(listen);
    if ('host' in address && !isLoopback(address.host) && tls === undefined && !allowRemote) {
      throw new RegressionError('CONFIG_INVALID', `server.listen: ${listen} can be reached from other hosts`, {
        hint: 'Listen on 127.0.0.1, set server.tls, or server.allow_remote: true if the network is trusted.',
      });
    }
    const server = await buildServer(this.#options, address);
    try {
      if ('path' in address) {
        await removeStaleSocket(address.path);
        await server.listen({ path: address.path });
        await chmod(address.path, socketMode);
        this.#url = `unix:${address.path}`;
      } else {
        this.#url = await server.listen(address);
      }
    } catch (error) {
      await server.close();
      throw unavailable(listen, error);
    }
    this.#server = server; // what is at its path is ours from here on
  }

  /** Takes the files of `tls` as they are now, for the connections to come. @throws RegressionError `CONFIG_INVALID`. */
  async renewTls(): Promise<void> {
    if (this.#options.tls === undefined) return;
    (this.#server?.server as unknown as HttpsServer | undefined)?.setSecureContext(await readTls(this.#options.tls));
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    server.server.closeAllConnections(); // a client that keeps its connection open does not hold up the shutdown
    await server.close();
    const address = parseListen(this.#options.listen);
    if ('path' in address) await unlink(address.path).catch(() => undefined); // closing removes it already, in most cases
  }
}

type ListenAddress = { readonly host: string; readonly port: number } | { readonly path: string };

function parseListen(listen: string): ListenAddress {
  if (listen.startsWith('unix:')) return { path: listen.slice(5) };
  return hostAndPort(listen);
}

/**
 * The server without a socket.
 * @param watchRoutes is given the server before it has routes, and so is told of each of them.
 */
export async function buildServer(
  options: QueryServerOptions,
  address: ListenAddress,
  watchRoutes: (server: FastifyInstance) => Promise<void> = async () => undefined,
): Promise<FastifyInstance> {
  const { append, clock, metrics, logger, token, version, allowedHosts, queryTimeoutMs } = options;
  const server = fastify({
    ...(options.tls === undefined ? {} : { https: await readTls(options.tls) }),
    bodyLimit: maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 500 },
    exposeHeadRoutes: true,
    frameworkErrors,
    clientErrorHandler,
    schemaController,
  });
  await watchRoutes(server);

  const listening =
    'host' in address
      ? [address.host, ...(address.host === '0.0.0.0' || address.host === '::' ? [hostname()] : [])]
      : [];
  const hosts = new Set(['localhost', '127.0.0.1', '::1', ...listening, ...allowedHosts].map(hostName));
  const accounts = new Accounts(options.store.state, token, options.clock);
  const limits = new RequestLimits(options.requestLimits ?? {}, options.clock);
  const innerKey = randomUUID();
  const queries = new QueryCache(options.store, options.feed, options.clock);
  const context: RouteContext = {
    ...options,
    queries,
    accounts,
    audit: auditTo({ append, clock, version, deadlineMs: queryTimeoutMs }),
    requestLimits: limits,
  };
  server.decorateRequest('principal');
  server.addHook('onRequest', guard({ accounts, limits, hosts, innerKey }));
  server.addHook('onSend', limits.sending);
  server.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    metrics.requests.inc({ route, status: String(reply.statusCode) });
    metrics.querySeconds.observe({ route }, reply.elapsedTime / 1000);
    logger.debug(
      { method: request.method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
      'request',
    );
  });
  server.setErrorHandler(async (error: FastifyError, request, reply) => {
    const answer = problemOf(error, request);
    if (answer.status >= 500 && answer.code === 'INTERNAL') {
      // Whoever hung up, or was cut off by our stop, is no failure of ours.
      const level = reply.raw.destroyed ? 'debug' : 'error';
      logger[level]({ err: error, route: request.routeOptions.url }, 'a request failed');
    }
    const retryAfter = error instanceof RegressionError && error.code === 'OVERLOADED' ? '1' : undefined;
    if (retryAfter !== undefined) void reply.header('retry-after', retryAfter);
    return reply.code(answer.status).type('application/problem+json').serializer(JSON.stringify).send(answer);
  });
  server.setNotFoundHandler(async (request, reply) => {
    const methods = (['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const).filter((method) =>
      server.hasRoute({ method, url: request.url.split('?', 1)[0] ?? '' }),
    );
    const isKnown = methods.length > 0;
    if (isKnown)
      void reply.header('allow', methods.includes('GET') ? [...methods, 'HEAD'].join(', ') : methods.join(', '));
    const answer = isKnown
      ? problem(405, 'METHOD_NOT_ALLOWED', `${request.method} is not possible here`, {
          hint: `Here goes ${methods.join(', ')}. All routes: GET /openapi.json`,
        })
      : problem(404, 'NOT_FOUND', 'there is no such route', { hint: 'All routes: GET /openapi.json' });
    return reply.code(answer.status).type('application/problem+json').serializer(JSON.stringify).send(answer);
  });

  await server.register(operationRoutes(context, () => descriptionOf(options)));
  await server.register(inputRoutes(context));
  await server.register(storeRoutes(context));
  await server.register(sinkRoutes(context));
  await server.register(accountRoutes(context));
  await server.register(logsRoutes(context));
  await server.register(rowRoutes(context));
  await server.register(hitsRoutes(context));
  await server.register(fieldRoutes(context));
  await server.register(patternRoutes(context));
  await server.register(digestRoutes(context));
  await server.register(mcpRoutes(version, innerKey));
  await server.register(tailRoutes(context));
  await server.register(consumerRoutes(context));
  await server.register(batchRoutes(context));
  if (options.ingest !== undefined) await server.register(ingestRoutes({ ...context, ...options.ingest }));
  await server.register(taskRoutes(context));
  await server.register(reloadRoutes(context));
  await server.register(sqlRoutes(context));
  await server.register(resultRoutes(context));
  await server.ready();
  return server;
}

async function descriptionOf({ version, ingest }: QueryServerOptions): Promise<string> {
  const { openApiDocument } = await import('./openapi.ts');
  return JSON.stringify(await openApiDocument(version, ingest));
}

/** @throws RegressionError `CONFIG_INVALID` naming the file, or what is wrong with the two. */
async function readTls({ cert, key }: { readonly cert: string; readonly key: string }) {
  const read = async (path: string, option: string): Promise<Buffer> => {
    try {
      return await readFile(path);
    } catch (error) {
      throw new RegressionError('CONFIG_INVALID', `server.tls.${option}: cannot read ${path}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  };
  const pair = { cert: await read(cert, 'cert'), key: await read(key, 'key'), minVersion: 'TLSv1.2' as const };
  try {
    createSecureContext(pair);
  } catch (error) {
    throw new RegressionError('CONFIG_INVALID', `server.tls: ${cert} and ${key}: ${messageOf(error)}`, {
      cause: error,
      hint: 'Do server.tls.cert and server.tls.key belong together, both PEM?',
    });
  }
  return pair;
}

function problemOf(error: FastifyError, request: FastifyRequest) {
  if (error.validation !== undefined) return refusalOf(error, request);
  if (typeof error.statusCode === 'number' && error.statusCode >= 400 && error.statusCode < 500) {
    return problem(error.statusCode, error.code ?? 'BAD_REQUEST', error.message);
  }
  return problemOfError(error);
}

function unavailable(listen: string, error: unknown): RegressionError {
  const hint =
    systemCodeOf(error) === 'EADDRINUSE'
      ? 'Another program (or another regression) listens there: stop it, or change server.listen.'
      : listen.startsWith('unix:')
        ? "The socket's directory must be there, and this user must be able to write it: make it, or change server.listen."
        : 'Check server.listen.';
  return new RegressionError('SERVER_UNAVAILABLE', `cannot listen on ${listen}: ${messageOf(error)}`, {
    cause: error,
    hint,
  });
}
