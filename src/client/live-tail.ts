/** Rows as they are committed: one connection's worth, and for as long as somebody wants, over many connections. */
import { setTimeout as delay } from 'node:timers/promises';
import { RegressionError, messageOf } from '../runtime/errors.ts';
import type { LogRow } from '../search/request.ts';
import { type Connection, parametersOf, unreachable } from './connection.ts';
import type { FilterQuery, FollowEvent, MissedRows } from './types.ts';

interface StreamEvent {
  readonly row?: LogRow;
  readonly missed?: MissedRows;
  /** Said first: rows up to here are not in the stream. */
  readonly startId?: number;
}

/** The endpoint says that it is alive every 15 s: one that is silent for so long is gone. */
const silenceMs = 45_000;
const firstRetryMs = 100;
const maxRetryMs = 5000;

/**
 * Leaving the loop ends the request, and so does `signal`.
 * @throws RegressionError `DAEMON_UNREACHABLE` when the stream breaks off; returns when the endpoint ends it.
 */
export async function* tailEvents(
  connection: Connection,
  query: FilterQuery,
  signal?: AbortSignal,
): AsyncGenerator<StreamEvent> {
  const left = new AbortController();
  const ended = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]);
  const path = `tail?${parametersOf({ ...query, format: 'ndjson' })}`;
  try {
    const body = await connection.ask('GET', path, undefined, ended, { bodyTimeout: silenceMs });
    for await (const line of linesOf(body)) {
      const event = JSON.parse(line) as { readonly [note: string]: unknown };
      if ('_start' in event) yield { startId: Number(event['last_id']) };
      else if ('_missed' in event) yield { missed: event['_missed'] as MissedRows };
      else if ('id' in event) yield { row: event as unknown as LogRow };
    }
  } catch (error) {
    if (ended.aborted) return;
    throw error instanceof RegressionError ? error : unreachable(`the stream broke off: ${messageOf(error)}`, error);
  } finally {
    left.abort();
  }
}

export async function* follow(
  connection: Connection,
  query: FilterQuery,
  signal?: AbortSignal,
): AsyncGenerator<FollowEvent> {
  let afterId = query.after_id;
  let hasStarted = false;
  let retryMs = firstRetryMs;
  const isWanted = (): boolean => signal?.aborted !== true;
  while (isWanted()) {
    let lost = 'the endpoint ended the stream';
    try {
      for await (const { startId, row, missed } of tailEvents(connection, { ...query, after_id: afterId }, signal)) {
        hasStarted = true;
        retryMs = firstRetryMs;
        afterId = row?.id ?? missed?.last_id ?? afterId ?? startId;
        if (row !== undefined) yield { row };
        else if (missed !== undefined) yield { missed };
      }
    } catch (error) {
      // A daemon that is starting, stopping or busy is one to come back to; one that refuses us is not.
      const isPassing = error instanceof RegressionError && (error.retryable || error.code === 'DAEMON_UNREACHABLE');
      if (!hasStarted || !isPassing) throw error;
      lost = error.message;
    }
    if (!isWanted()) return;
    yield { lost: { reason: lost, retryMs } };
    await delay(retryMs, undefined, { signal }).catch(() => undefined); // aborted: the loop ends
    retryMs = Math.min(retryMs * 2, maxRetryMs);
  }
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
