/**
 * The two parts of undici that the client needs. Its index loads all the rest as well (fetch, WebSocket, caches, mocks): a third of the
 * CPU time that a command took to start. The version is pinned exactly, so these paths hold; the client's tests go through them.
 */
import { createRequire } from 'node:module';
import type { Agent as UndiciAgent, Dispatcher } from 'undici';

const require = createRequire(import.meta.url);

export const Agent = require('undici/lib/dispatcher/agent.js') as typeof UndiciAgent;

const requestBy = require('undici/lib/api/api-request.js') as (
  this: Dispatcher,
  options: Dispatcher.RequestOptions & { readonly origin: string },
) => Promise<Dispatcher.ResponseData>;

/** `options.path` begins with a slash and may hold a query. */
export function request(
  agent: Dispatcher,
  options: Dispatcher.RequestOptions & { readonly origin: string },
): Promise<Dispatcher.ResponseData> {
  return requestBy.call(agent, options);
}
