/** Requests to the endpoint and its errors; what can be asked is in client.ts. */
import type { Dispatcher } from 'undici';
import { type ErrorCode, RegressionError, errorCodes, messageOf } from '../runtime/errors.ts';
import type { FilterQuery } from './types.ts';
import { Agent, request } from './undici-parts.ts';

export interface ClientOptions {
  /** `http://127.0.0.1:8514` or `unix:/run/regression.sock`. */
  readonly url: string;
  readonly token: string;
  /** PEM text of the one certificate that the endpoint must show (`https:`), whatever name it was reached by. */
  readonly certificate?: string | undefined;
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

type Query = FilterQuery & Readonly<Record<string, unknown>>;

export interface Timeouts {
  readonly headersTimeout?: number;
  readonly bodyTimeout?: number;
}

export class Connection {
  readonly #origin: string;
  /** Of an endpoint behind a proxy: what stands before its own paths. */
  readonly #basePath: string;
  readonly #token: string;
  readonly #dispatcher: Dispatcher;

  constructor({ url, token, certificate }: ClientOptions) {
    const isSocket = url.startsWith('unix:');
    const { origin, pathname } = new URL(isSocket ? 'http://localhost' : url);
    this.#origin = origin;
    this.#basePath = pathname.replace(/\/$/, '');
    this.#token = token;
    // A consumer may wait a minute for rows, a tail for ever: the endpoint ends what takes too long.
    const timeouts = { headersTimeout: 120_000, bodyTimeout: 0 };
    const tls = certificate === undefined ? {} : { ca: certificate, checkServerIdentity: () => undefined };
    this.#dispatcher = new Agent({ connect: isSocket ? { socketPath: url.slice(5) } : tls, ...timeouts });
  }

  async get<Answer>(path: string, query: Query | FilterQuery = {}, signal?: AbortSignal): Promise<Answer> {
    const body = await this.ask('GET', `${path}?${parametersOf(query)}`, undefined, signal);
    return JSON.parse(await body.text()) as Answer;
  }

  async send<Answer>(method: Method, path: string, json?: unknown, signal?: AbortSignal): Promise<Answer> {
    const body = await this.ask(method, path, json, signal);
    return JSON.parse(await body.text()) as Answer;
  }

  /** @throws RegressionError with the endpoint's code; `DAEMON_UNREACHABLE`. */
  async ask(
    method: Method,
    path: string,
    json: unknown,
    signal: AbortSignal | undefined,
    timeouts: Timeouts = {},
  ): Promise<Dispatcher.ResponseData['body']> {
    let response: Dispatcher.ResponseData;
    try {
      response = await request(this.#dispatcher, {
        origin: this.#origin,
        path: `${this.#basePath}${path.startsWith('/') ? path : `/api/v1/${path}`}`,
        method,
        ...timeouts,
        headers: {
          authorization: `Bearer ${this.#token}`,
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw unreachable(`${this.#origin} does not answer: ${messageOf(error)}`, error);
    }
    if (response.statusCode < 300) return response.body;
    throw errorOf(response.statusCode, await response.body.text());
  }

  async close(): Promise<void> {
    await this.#dispatcher.close();
  }
}

export function parametersOf({ metadata = [], ...query }: Query | FilterQuery): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.append(name, String(value));
  for (const [key, value] of metadata) parameters.append(`meta.${key}`, value);
  return parameters.toString();
}

/** The endpoint has not answered, or has not answered to the end. */
export function unreachable(message: string, cause: unknown): RegressionError {
  return new RegressionError('DAEMON_UNREACHABLE', message, { cause, hint: 'Is `regression run` running?' });
}

function errorOf(status: number, body: string): RegressionError {
  try {
    const { code, detail, hint } = JSON.parse(body) as { code: string; detail: string; hint?: string };
    const known = Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : 'DAEMON_UNREACHABLE';
    const retryable = status === 429 || status === 503;
    return new RegressionError(known, detail, { retryable, ...(hint === undefined ? {} : { hint }) });
  } catch {
    return new RegressionError('DAEMON_UNREACHABLE', `the daemon answered ${status}`);
  }
}
