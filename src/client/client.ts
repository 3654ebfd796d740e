/**
 * A typed client of the query endpoint, on undici: `import { RegressionClient } from 'regression/client'`. Errors are
 * RegressionErrors with the endpoint's own code and hint.
 */
import { type Dispatcher, Agent, request } from 'undici';
import { type ErrorCode, RegressionError, errorCodes, messageOf } from '../runtime/errors.ts';
import type {
  Application,
  Batch,
  BatchOfRows,
  Consumer,
  ConsumerSettings,
  CreatedToken,
  Facets,
  FieldValues,
  FilterQuery,
  Hits,
  InputsQuery,
  LogRow,
  LogsPage,
  LogsQuery,
  DiffQuery,
  PatternsQuery,
  PullLimits,
  Role,
  RowContext,
  SpanQuery,
  SqlQuery,
  SqlResult,
  TailEvent,
  Token,
  User,
} from './types.ts';

import type { DiffAnswer, DigestAnswer, PatternsAnswer } from '../query/pattern-schemas.ts';
import type { InputsAnswer } from '../query/routes/inputs.ts';
import type { ReloadAnswer } from '../query/routes/reload.ts';
import type { DeadLetterAnswer, SinksAnswer } from '../query/routes/sinks.ts';
import type { TaskAnswer } from '../query/routes/tasks.ts';

export { RegressionError } from '../runtime/errors.ts';
export type {
  ChangeAnswer,
  DiffAnswer,
  DigestAnswer,
  PatternAnswer,
  PatternsAnswer,
} from '../query/pattern-schemas.ts';
export type { InputsAnswer } from '../query/routes/inputs.ts';
export type { ReloadAnswer } from '../query/routes/reload.ts';
export type { DeadLetterAnswer, SinksAnswer } from '../query/routes/sinks.ts';
export type { TaskAnswer } from '../query/routes/tasks.ts';
export type * from './types.ts';

export interface ClientOptions {
  /** `http://127.0.0.1:8514` or `unix:/run/regression.sock`. */
  readonly url: string;
  readonly token: string;
  /** PEM text of the one certificate that the endpoint must show (`https:`), whatever name it was reached by. */
  readonly certificate?: string | undefined;
}

type Query = FilterQuery & Readonly<Record<string, unknown>>;

export interface TaskOutcome {
  readonly message: string;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

export class RegressionClient {
  readonly #origin: string;
  readonly #token: string;
  readonly #dispatcher: Dispatcher;

  constructor({ url, token, certificate }: ClientOptions) {
    const isSocket = url.startsWith('unix:');
    this.#origin = isSocket ? 'http://localhost' : url.replace(/\/$/, '');
    this.#token = token;
    // A consumer may wait a minute for rows, a tail for ever: the endpoint ends what takes too long.
    const timeouts = { headersTimeout: 120_000, bodyTimeout: 0 };
    const tls = certificate === undefined ? {} : { ca: certificate, checkServerIdentity: () => undefined };
    this.#dispatcher = new Agent({ connect: isSocket ? { socketPath: url.slice(5) } : tls, ...timeouts });
  }

  /** One page of rows. */
  logs(query: LogsQuery = {}, signal?: AbortSignal): Promise<LogsPage> {
    return this.#get('logs', query, signal);
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

  row(id: number, signal?: AbortSignal): Promise<LogRow> {
    return this.#get(`logs/${id}`, {}, signal);
  }

  /** A row and what was logged before and after it. */
  context(
    id: number,
    query: {
      readonly before?: number;
      readonly after?: number;
      readonly scope?: 'source' | 'application' | 'all';
    } = {},
    signal?: AbortSignal,
  ): Promise<RowContext> {
    return this.#get(`logs/${id}/context`, query, signal);
  }

  /** Counts a time step. */
  hits(query: FilterQuery & { readonly step?: string } = {}, signal?: AbortSignal): Promise<Hits> {
    return this.#get('hits', query, signal);
  }

  facets(query: FilterQuery & { readonly limit?: number } = {}, signal?: AbortSignal): Promise<Facets> {
    return this.#get('facets', query, signal);
  }

  fieldNames(query: FilterQuery & { readonly limit?: number } = {}, signal?: AbortSignal): Promise<FieldValues> {
    return this.#get('field_names', query, signal);
  }

  fieldValues(
    query: FilterQuery & { readonly field: string; readonly limit?: number },
    signal?: AbortSignal,
  ): Promise<FieldValues> {
    return this.#get('field_values', query, signal);
  }

  /** Rows as they are committed, until `signal` aborts or the loop is left; rows that were missed are told. */
  async *tail(query: FilterQuery = {}, signal?: AbortSignal): AsyncGenerator<TailEvent> {
    const left = new AbortController();
    const ended = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]);
    const body = await this.#ask('GET', `tail?${parametersOf({ ...query, format: 'ndjson' })}`, undefined, ended);
    try {
      for await (const line of linesOf(body)) {
        const event = JSON.parse(line) as { readonly [note: string]: unknown };
        if ('_missed' in event) yield { missed: event['_missed'] as NonNullable<TailEvent['missed']> };
        else if ('id' in event) yield { row: event as unknown as LogRow };
      }
    } catch (error) {
      if (!ended.aborted) throw error;
    } finally {
      left.abort();
    }
  }

  /** What the messages say, see GET /api/v1/patterns. */
  patterns(query: PatternsQuery = {}, signal?: AbortSignal): Promise<PatternsAnswer> {
    return this.#get('patterns', { ...query }, signal);
  }

  /** What changed between two releases, or two spans of time. */
  comparePatterns(query: DiffQuery, signal?: AbortSignal): Promise<DiffAnswer> {
    return this.#get('patterns/diff', { ...query }, signal);
  }

  /** A span of logs within a budget of tokens. */
  digest(query: SpanQuery & { readonly tokens?: number } = {}, signal?: AbortSignal): Promise<DigestAnswer> {
    return this.#get('digest', { ...query, format: 'json' }, signal);
  }

  /** Hands a message of the Model Context Protocol (JSON text) to the endpoint; null when there is nothing to answer. */
  async mcp(message: string, signal?: AbortSignal): Promise<string | null> {
    const body = await this.#ask('POST', '/mcp', JSON.parse(message), signal);
    const text = await body.text();
    return text === '' || text === 'null' ? null : text;
  }

  /** One SELECT or WITH; for admins. */
  sql(sql: string, options: SqlQuery = {}, signal?: AbortSignal): Promise<SqlResult> {
    return this.#send('POST', 'sql', { sql, ...options }, signal);
  }

  consumers(signal?: AbortSignal): Promise<readonly Consumer[]> {
    return this.#get('consumers', {}, signal);
  }

  consumer(name: string, signal?: AbortSignal): Promise<Consumer> {
    return this.#get(`consumers/${name}`, {}, signal);
  }

  /** Creates it, or changes its lease settings. */
  createConsumer(name: string, settings: ConsumerSettings = {}, signal?: AbortSignal): Promise<Consumer> {
    return this.#send('PUT', `consumers/${name}`, settings, signal);
  }

  removeConsumer(name: string, signal?: AbortSignal): Promise<Consumer> {
    return this.#send('DELETE', `consumers/${name}`, undefined, signal);
  }

  pull(name: string, limits: PullLimits = {}, signal?: AbortSignal): Promise<Batch> {
    return this.#send('POST', `consumers/${name}/pull`, limits, signal);
  }

  ack(name: string, batch: string, signal?: AbortSignal): Promise<Consumer> {
    return this.#send('POST', `consumers/${name}/ack`, { batch }, signal);
  }

  nak(name: string, batch: string, delay?: string, signal?: AbortSignal): Promise<Consumer> {
    return this.#send('POST', `consumers/${name}/nak`, { batch, ...(delay === undefined ? {} : { delay }) }, signal);
  }

  seek(name: string, from: string, signal?: AbortSignal): Promise<Consumer> {
    return this.#send('POST', `consumers/${name}/seek`, { from }, signal);
  }

  /**
   * Batch after batch. A batch is acknowledged when the loop comes back for the next one; a loop that is left or throws has not
   * acknowledged its last batch, which comes again. Without `wait` it ends when there are no more rows.
   */
  async *batches(name: string, limits: PullLimits = {}, signal?: AbortSignal): AsyncGenerator<BatchOfRows> {
    for (;;) {
      const batch = await this.pull(name, limits, signal);
      if (batch.batch !== null) {
        yield { ...batch, batch: batch.batch };
        await this.ack(name, batch.batch, signal);
      } else if (limits.wait === undefined && batch.gap === null) return;
    }
  }

  /** An answer that was cached under `key`; null when there is none (any more). */
  async result(key: string, signal?: AbortSignal): Promise<unknown> {
    try {
      return await this.#get(`results/${key}`, {}, signal);
    } catch (error) {
      if (error instanceof RegressionError && error.code === 'NOT_FOUND') return null;
      throw error;
    }
  }

  /** Caches an answer as JSON. */
  putResult(key: string, answer: unknown, ttl = '1d', signal?: AbortSignal): Promise<{ readonly etag: string }> {
    return this.#send('PUT', `results/${key}?ttl=${ttl}`, answer, signal);
  }

  users(): Promise<readonly User[]> {
    return this.#get('users');
  }

  addUser(user: { readonly username: string; readonly password: string; readonly role: Role }): Promise<User> {
    return this.#send('POST', 'users', user);
  }

  changeUser(username: string, change: { readonly password?: string; readonly role?: Role }): Promise<User> {
    return this.#send('PATCH', `users/${username}`, change);
  }

  removeUser(username: string): Promise<User> {
    return this.#send('DELETE', `users/${username}`);
  }

  tokens(): Promise<readonly Token[]> {
    return this.#get('tokens');
  }

  createToken(token: {
    readonly username: string;
    readonly name?: string;
    readonly scopes?: readonly string[];
    readonly expires_in?: string;
  }): Promise<CreatedToken> {
    return this.#send('POST', 'tokens', token);
  }

  revokeToken(id: number): Promise<Token> {
    return this.#send('DELETE', `tokens/${id}`);
  }

  applications(): Promise<readonly Application[]> {
    return this.#get('applications');
  }

  registerApplication(application: {
    readonly name: string;
    readonly version?: string | null;
    readonly environment?: string | null;
    readonly owner?: string | null;
  }): Promise<Application> {
    return this.#send('POST', 'applications', application);
  }

  /** What is followed, how far, and what is lost; of one file when `path` is given. */
  inputs(query: InputsQuery = {}, signal?: AbortSignal): Promise<InputsAnswer> {
    return this.#get('inputs', { ...query }, signal);
  }

  /** Where each sink stands. */
  sinks(signal?: AbortSignal): Promise<SinksAnswer> {
    return this.#get('sinks', {}, signal);
  }

  deadLetters(
    query: { readonly sink?: string | undefined; readonly limit?: number | undefined } = {},
    signal?: AbortSignal,
  ): Promise<readonly DeadLetterAnswer[]> {
    return this.#get('dead_letters', { ...query }, signal);
  }

  /** Has dead letters of a sink sent once more, or drops them; all of them without `ids`. */
  changeDeadLetters(
    action: 'retry' | 'drop',
    sink: string,
    ids?: readonly number[],
  ): Promise<{ readonly letters: number }> {
    return this.#send(
      'POST',
      `sinks/${encodeURIComponent(sink)}/dead_letters/${action}`,
      ids === undefined ? {} : { ids },
    );
  }

  /** How the tasks are doing. */
  async tasks(signal?: AbortSignal): Promise<readonly TaskAnswer[]> {
    return (await this.#get<{ tasks: readonly TaskAnswer[] }>('tasks', {}, signal)).tasks;
  }

  /** Runs a task of the daemon; resolves when it is done, however long that takes. */
  async runTask(name: string, signal?: AbortSignal): Promise<TaskOutcome> {
    const body = await this.#ask('POST', `tasks/${name}/run?wait=true`, undefined, signal, { headersTimeout: 0 });
    return JSON.parse(await body.text()) as TaskOutcome;
  }

  /** Has the daemon take over what changed in its configuration. */
  reload(signal?: AbortSignal): Promise<ReloadAnswer> {
    return this.#send('POST', 'reload', undefined, signal);
  }

  async close(): Promise<void> {
    await this.#dispatcher.close();
  }

  async #get<Answer>(path: string, query: Query | FilterQuery = {}, signal?: AbortSignal): Promise<Answer> {
    const body = await this.#ask('GET', `${path}?${parametersOf(query)}`, undefined, signal);
    return JSON.parse(await body.text()) as Answer;
  }

  async #send<Answer>(method: Method, path: string, json?: unknown, signal?: AbortSignal): Promise<Answer> {
    const body = await this.#ask(method, path, json, signal);
    return JSON.parse(await body.text()) as Answer;
  }

  /** @throws RegressionError with the endpoint's code; `DAEMON_UNREACHABLE`. */
  async #ask(
    method: Method,
    path: string,
    json: unknown,
    signal: AbortSignal | undefined,
    timeouts: { readonly headersTimeout?: number } = {},
  ) {
    let response: Dispatcher.ResponseData;
    try {
      response = await request(`${this.#origin}${path.startsWith('/') ? path : `/api/v1/${path}`}`, {
        method,
        ...timeouts,
        headers: {
          authorization: `Bearer ${this.#token}`,
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        ...(signal === undefined ? {} : { signal }),
        dispatcher: this.#dispatcher,
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new RegressionError('DAEMON_UNREACHABLE', `${this.#origin} does not answer: ${messageOf(error)}`, {
        cause: error,
        hint: 'Is `regression run` running?',
      });
    }
    if (response.statusCode < 300) return response.body;
    throw errorOf(response.statusCode, await response.body.text());
  }
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

function parametersOf({ metadata = [], ...query }: Query | FilterQuery): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.append(name, String(value));
  for (const [key, value] of metadata) parameters.append(`meta.${key}`, value);
  return parameters.toString();
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
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
