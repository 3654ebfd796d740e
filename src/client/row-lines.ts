/** Rows as the endpoint writes them, unread: for whoever passes them on, or reads many. */
import type { Dispatcher } from 'undici';
import { RegressionError, messageOf } from '../runtime/errors.ts';
import { type Connection, parametersOf, unreachable } from './connection.ts';
import type { LogsQuery } from './types.ts';

/** Of one answer; the next one goes on where it ended. */
const rowsAtOnce = 1_000_000;

/** What the last line of a whole answer begins with. */
const endMark = '{"_end":true,';

/**
 * Pieces of one or more whole lines, each with its newline. The endpoint reads on while a piece is worked on, and waits when it is far ahead.
 *
 * It cuts off who takes nothing for a minute. Rows in the order of arrival then go on behind the last one.
 * @throws RegressionError `DAEMON_UNREACHABLE` when an answer breaks off in another order, or with nothing in it.
 */
export async function* rowLines(
  connection: Connection,
  query: LogsQuery,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  let wanted: LogsQuery | null = query;
  while (wanted !== null) {
    const parameters = parametersOf({ limit: rowsAtOnce, ...wanted, format: 'ndjson' });
    const body = await connection.ask('GET', `logs?${parameters}`, undefined, signal);
    let last: string | undefined;
    const pieces = piecesOf(body);
    try {
      let piece = await pieces.next();
      for (; piece.done !== true; piece = await pieces.next()) yield (last = piece.value);
      wanted = piece.value === null ? null : { ...wanted, cursor: piece.value };
    } catch (error) {
      if (signal?.aborted === true) throw error;
      if (last === undefined || query.order !== 'arrival') throw broken(error);
      wanted = { ...wanted, cursor: undefined, after_id: lastIdOf(last) };
    } finally {
      body.destroy(); // the loop may have been left
    }
  }
}

/** A row's line begins with its id. */
export function lastIdOf(lines: string): number {
  const start = lines.lastIndexOf('\n', lines.length - 2) + 1;
  return Number(/^\{"id":(\d+)/.exec(lines.slice(start, start + 30))?.[1]);
}

/** @returns the cursor of what follows. */
async function* piecesOf(body: Dispatcher.ResponseData['body']): AsyncGenerator<string, string | null> {
  let rest = '';
  let next: string | null | undefined;
  for await (const chunk of body.setEncoding('utf8') as AsyncIterable<string>) {
    const text = rest + chunk;
    const behind = text.lastIndexOf('\n') + 1;
    const lastLine = behind < 2 ? 0 : text.lastIndexOf('\n', behind - 2) + 1;
    rest = text.slice(behind);
    const isEnd = text.startsWith(endMark, lastLine) && behind > 0;
    const piece = text.slice(0, isEnd ? lastLine : behind);
    if (piece !== '') yield piece;
    if (isEnd) ({ next } = JSON.parse(text.slice(lastLine, behind)) as { next: string | null });
  }
  if (next === undefined) throw unreachable('the answer broke off', undefined);
  return next;
}

function broken(error: unknown): RegressionError {
  return error instanceof RegressionError ? error : unreachable(`the answer broke off: ${messageOf(error)}`, error);
}
