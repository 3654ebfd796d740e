/**
 * A typed client of the query endpoint, on undici. Errors are RegressionErrors with the endpoint's own code and hint.
 */
import { type Dispatcher, Client, request } from 'undici';
import { type ErrorCode, RegressionError, errorCodes, messageOf } from '../runtime/errors.ts';
import type { LogRow, Order } from '../search/request.ts';

import type { InputsAnswer } from '../query/routes/inputs.ts';

export type { InputsAnswer } from '../query/routes/inputs.ts';
export type { LogRow, Order } from '../search/request.ts';

export interface ClientOptions {
  /** `http://127.0.0.1:8514` or `unix:/run/regression.sock`. */
  readonly url: string;
  readonly token: string;
}

/** The parameters of `GET /api/v1/logs`; `metadata` becomes `meta.<key>=`. */
export interface LogsQuery {
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly severity?: string | undefined;
  readonly application?: string | undefined;
  readonly version?: string | undefined;
  readonly environment?: string | undefined;
  readonly source?: string | undefined;
  readonly q?: string | undefined;
  readonly metadata?: readonly (readonly [key: string, value: string])[] | undefined;
  readonly after_id?: number | undefined;
  readonly order?: Order | undefined;
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

export interface InputsQuery {
  readonly path?: string | undefined;
  readonly device?: string | undefined;
  readonly inode?: string | undefined;
}

export interface LogsPage {
  readonly rows: readonly LogRow[];
  readonly next: string | null;
  readonly truncated: boolean;
  readonly stats: { readonly rows: number; readonly last_id: number; readonly elapsed_ms: number };
}

export interface Hits {
  readonly hits: readonly {
    readonly timestamps: readonly string[];
    readonly values: readonly number[];
    readonly total: number;
  }[];
}

export interface TaskOutcome {
  readonly message: string;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

export class RegressionClient {
  readonly #origin: string;
  readonly #token: string;
  readonly #dispatcher: Client | undefined;

  constructor({ url, token }: ClientOptions) {
    const isSocket = url.startsWith('unix:');
    this.#origin = isSocket ? 'http://localhost' : url.replace(/\/$/, '');
    this.#dispatcher = isSocket ? new Client('http://localhost', { socketPath: url.slice(5) }) : undefined;
    this.#token = token;
  }

  /** One page of rows. */
  logs(query: LogsQuery = {}, signal?: AbortSignal): Promise<LogsPage> {
    return this.#get('/api/v1/logs', query, signal) as Promise<LogsPage>;
  }

  /** All rows of the question, page by page, until there is no next page. */
  async *rows(query: LogsQuery = {}, signal?: AbortSignal): AsyncGenerator<LogRow> {
    let cursor = query.cursor;
    do {
      const page = await this.logs({ ...query, cursor }, signal);
      yield* page.rows;
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
  }

  /** Counts a time step. */
  hits(
    query: Omit<LogsQuery, 'order' | 'limit' | 'cursor'> & { readonly step?: string } = {},
    signal?: AbortSignal,
  ): Promise<Hits> {
    return this.#get('/api/v1/hits', query, signal) as Promise<Hits>;
  }

  /** What is followed, how far, and what is lost; of one file when `path` is given. */
  inputs(query: InputsQuery = {}, signal?: AbortSignal): Promise<InputsAnswer> {
    return this.#get('/api/v1/inputs', query, signal) as Promise<InputsAnswer>;
  }

  /** Runs a task of the daemon; resolves when it is done. */
  runTask(name: string, signal?: AbortSignal): Promise<TaskOutcome> {
    return this.#request('POST', `/api/v1/tasks/${name}/run?wait=true`, signal) as Promise<TaskOutcome>;
  }

  async close(): Promise<void> {
    await this.#dispatcher?.close();
  }

  async #get(
    path: string,
    { metadata = [], ...query }: LogsQuery & InputsQuery,
    signal?: AbortSignal,
  ): Promise<unknown> {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.append(name, String(value));
    for (const [key, value] of metadata) parameters.append(`meta.${key}`, value);
    return this.#request('GET', `${path}?${parameters.toString()}`, signal);
  }

  async #request(method: 'GET' | 'POST', path: string, signal?: AbortSignal): Promise<unknown> {
    let response: Dispatcher.ResponseData;
    try {
      response = await request(`${this.#origin}${path}`, {
        method,
        headers: { authorization: `Bearer ${this.#token}` },
        ...(signal === undefined ? {} : { signal }),
        ...(this.#dispatcher === undefined ? {} : { dispatcher: this.#dispatcher }),
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new RegressionError('DAEMON_UNREACHABLE', `${this.#origin} does not answer: ${messageOf(error)}`, {
        cause: error,
        hint: 'Is `regression run` running?',
      });
    }
    const body = await response.body.text();
    if (response.statusCode === 200) return JSON.parse(body);
    throw errorOf(response.statusCode, body);
  }
}

function errorOf(status: number, body: string): RegressionError {
  try {
    const { code, detail, hint } = JSON.parse(body) as { code: string; detail: string; hint?: string };
    const known = Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : 'DAEMON_UNREACHABLE';
    return new RegressionError(known, detail, hint === undefined ? {} : { hint });
  } catch {
    return new RegressionError('DAEMON_UNREACHABLE', `the daemon answered ${status}`);
  }
}
