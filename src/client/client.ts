/**
 * A typed client of the query endpoint, on undici: `import { RegressionClient } from 'regression/client'`. Errors are
 * RegressionErrors with the endpoint's own code and hint.
 */
import { RegressionError } from '../runtime/errors.ts';
import { AdministrationClient } from './administration.ts';
import { follow, tailEvents } from './live-tail.ts';
import { rowLines } from './row-lines.ts';
import type {
  Batch,
  BatchOfRows,
  Consumer,
  ConsumerSettings,
  Facets,
  FieldValues,
  FilterQuery,
  FollowEvent,
  Hits,
  LogRow,
  LogsPage,
  LogsQuery,
  DiffQuery,
  PatternsQuery,
  PullLimits,
  RowContext,
  SpanQuery,
  SqlQuery,
  SqlResult,
  TailEvent,
} from './types.ts';

import type { DiffAnswer, DigestAnswer, PatternsAnswer } from '../query/pattern-schemas.ts';

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
export type { StoreAnswer } from '../query/routes/store.ts';
export type { TaskAnswer } from '../query/routes/tasks.ts';
export type { TaskOutcome } from './administration.ts';
export type { ClientOptions } from './connection.ts';
export type * from './types.ts';

export class RegressionClient extends AdministrationClient {
  /** One page of rows. */
  logs(query: LogsQuery = {}, signal?: AbortSignal): Promise<LogsPage> {
    return this.connection.get('logs', query, signal);
  }

  /** All rows of the question, page by page, until there is no next page. While the loop works on a page the next one is asked for. */
  async *rows(query: LogsQuery = {}, signal?: AbortSignal): AsyncGenerator<LogRow> {
    const left = new AbortController();
    const asking = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]);
    try {
      let ahead: Promise<LogsPage> | null = this.logs(query, asking);
      while (ahead !== null) {
        const { rows, next }: LogsPage = await ahead;
        ahead = next === null ? null : this.logs({ ...query, cursor: next }, asking);
        ahead?.catch(() => undefined); // told when the loop comes to it
        yield* rows;
      }
    } finally {
      left.abort();
    }
  }

  /**
   * All rows of the question as NDJSON, unread, in pieces of whole lines: to pass on what may be millions of rows.
   * @throws RegressionError `DAEMON_UNREACHABLE` when the endpoint breaks off in the middle.
   */
  lines(query: LogsQuery = {}, signal?: AbortSignal): AsyncGenerator<string> {
    return rowLines(this.connection, query, signal);
  }

  row(id: number, signal?: AbortSignal): Promise<LogRow> {
    return this.connection.get(`logs/${id}`, {}, signal);
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
    return this.connection.get(`logs/${id}/context`, query, signal);
  }

  /** Counts a time step. */
  hits(query: FilterQuery & { readonly step?: string } = {}, signal?: AbortSignal): Promise<Hits> {
    return this.connection.get('hits', query, signal);
  }

  facets(query: FilterQuery & { readonly limit?: number } = {}, signal?: AbortSignal): Promise<Facets> {
    return this.connection.get('facets', query, signal);
  }

  fieldNames(query: FilterQuery & { readonly limit?: number } = {}, signal?: AbortSignal): Promise<FieldValues> {
    return this.connection.get('field_names', query, signal);
  }

  fieldValues(
    query: FilterQuery & { readonly field: string; readonly limit?: number },
    signal?: AbortSignal,
  ): Promise<FieldValues> {
    return this.connection.get('field_values', query, signal);
  }

  /**
   * Rows as they are committed, until `signal` aborts or the loop is left; rows that were missed are told. It ends when the
   * connection does. With `after_id` it begins with what came after that row.
   */
  async *tail(query: FilterQuery = {}, signal?: AbortSignal): AsyncGenerator<TailEvent> {
    for await (const { row, missed } of tailEvents(this.connection, query, signal)) {
      if (row !== undefined) yield { row };
      else if (missed !== undefined) yield { missed };
    }
  }

  /**
   * As `tail`, and comes back when the connection is lost or the endpoint restarts: what was committed meanwhile comes first. What the
   * first connection says is an error as everywhere; so is, later, what trying again cannot mend.
   */
  follow(query: FilterQuery = {}, signal?: AbortSignal): AsyncGenerator<FollowEvent> {
    return follow(this.connection, query, signal);
  }

  /** What the messages say, see GET /api/v1/patterns. */
  patterns(query: PatternsQuery = {}, signal?: AbortSignal): Promise<PatternsAnswer> {
    return this.connection.get('patterns', { ...query }, signal);
  }

  /** What changed between two releases, or two spans of time. */
  comparePatterns(query: DiffQuery, signal?: AbortSignal): Promise<DiffAnswer> {
    return this.connection.get('patterns/diff', { ...query }, signal);
  }

  /** A span of logs within a budget of tokens. */
  digest(query: SpanQuery & { readonly tokens?: number } = {}, signal?: AbortSignal): Promise<DigestAnswer> {
    return this.connection.get('digest', { ...query, format: 'json' }, signal);
  }

  /** Hands a message of the Model Context Protocol (JSON text) to the endpoint; null when there is nothing to answer. */
  async mcp(message: string, signal?: AbortSignal): Promise<string | null> {
    const body = await this.connection.ask('POST', '/mcp', JSON.parse(message), signal);
    const text = await body.text();
    return text === '' || text === 'null' ? null : text;
  }

  /** One SELECT or WITH; for admins. */
  sql(sql: string, options: SqlQuery = {}, signal?: AbortSignal): Promise<SqlResult> {
    return this.connection.send('POST', 'sql', { sql, ...options }, signal);
  }

  consumers(signal?: AbortSignal): Promise<readonly Consumer[]> {
    return this.connection.get('consumers', {}, signal);
  }

  consumer(name: string, signal?: AbortSignal): Promise<Consumer> {
    return this.connection.get(`consumers/${name}`, {}, signal);
  }

  /** Creates it, or changes its lease settings. */
  createConsumer(name: string, settings: ConsumerSettings = {}, signal?: AbortSignal): Promise<Consumer> {
    return this.connection.send('PUT', `consumers/${name}`, settings, signal);
  }

  removeConsumer(name: string, signal?: AbortSignal): Promise<Consumer> {
    return this.connection.send('DELETE', `consumers/${name}`, undefined, signal);
  }

  pull(name: string, limits: PullLimits = {}, signal?: AbortSignal): Promise<Batch> {
    return this.connection.send('POST', `consumers/${name}/pull`, limits, signal);
  }

  ack(name: string, batch: string, signal?: AbortSignal): Promise<Consumer> {
    return this.connection.send('POST', `consumers/${name}/ack`, { batch }, signal);
  }

  nak(name: string, batch: string, delay?: string, signal?: AbortSignal): Promise<Consumer> {
    return this.connection.send(
      'POST',
      `consumers/${name}/nak`,
      { batch, ...(delay === undefined ? {} : { delay }) },
      signal,
    );
  }

  seek(name: string, from: string, signal?: AbortSignal): Promise<Consumer> {
    return this.connection.send('POST', `consumers/${name}/seek`, { from }, signal);
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
      return await this.connection.get(`results/${key}`, {}, signal);
    } catch (error) {
      if (error instanceof RegressionError && error.code === 'NOT_FOUND') return null;
      throw error;
    }
  }

  /** Caches an answer as JSON. */
  putResult(key: string, answer: unknown, ttl = '1d', signal?: AbortSignal): Promise<{ readonly etag: string }> {
    return this.connection.send('PUT', `results/${key}?ttl=${ttl}`, answer, signal);
  }
}
