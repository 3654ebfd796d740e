/** A query server on a free port, and ways to ask it, for tests. */
import { pino } from 'pino';
import type { Test } from 'tap';
import { RegressionClient } from '../../src/client/client.ts';
import { LiveFeed } from '../../src/query/live-feed.ts';
import { QueryServer, type QueryServerOptions } from '../../src/query/server.ts';
import { createMetrics } from '../../src/runtime/metrics.ts';
import type { Store } from '../../src/store/store.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { ManualClock } from '../manual-clock.ts';

export const token = 'rgr_test';
export const authorization = { authorization: `Bearer ${token}` };

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** undefined when it is not JSON. */
  readonly json: any;
}

export interface Asked {
  readonly url: string;
  readonly client: RegressionClient;
  /** Before the test ends. */
  readonly stop: () => Promise<void>;
  readonly get: (path: string, headers?: Record<string, string>) => Promise<Answer>;
  readonly send: (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;
}

export async function serve(t: Test, options: Partial<QueryServerOptions> = {}): Promise<Asked> {
  const store = options.store ?? new SqliteStore(':memory:');
  const feed = options.feed ?? new LiveFeed();
  const append = feed.appendTo(store);
  const server = new QueryServer({
    store,
    append: (records) => append({ records, positions: [], gaps: [] }),
    clock: new ManualClock('2026-11-24T04:00:00Z'),
    metrics: createMetrics(),
    logger: pino({ level: 'silent' }),
    queryTimeoutMs: 5000,
    feed,
    health: () => [{ name: 'store', ok: true }],
    listen: '127.0.0.1:0',
    allowRemote: false,
    allowedHosts: [],
    token,
    version: '0.0.0',
    ...options,
  });
  t.teardown(() => server.stop());
  await server.start();
  const url = server.url ?? '';
  const client = new RegressionClient({ url, token });
  t.teardown(() => client.close());
  const send: Asked['send'] = async (method, path, body, headers = authorization) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') && !text.includes('}\n') && text !== '';
    return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
  };
  return {
    url,
    client,
    stop: () => server.stop(),
    get: (path, headers) => send('GET', path, undefined, headers),
    send,
  };
}

export async function storeOf(records: Parameters<Store['append']>[0]['records']): Promise<Store> {
  const store = new SqliteStore(':memory:');
  await store.append({ records, positions: [], gaps: [] });
  return store;
}
