/**
 * `GET /api/v1/tail`: rows as they are committed, as server-sent events or NDJSON.
 *
 * A reader that does not keep up is told which rows it missed, with the range of their ids; one that comes back gives the last
 * id it had (`Last-Event-ID`, `after_id`) and gets what came meanwhile from the store first.
 */
import { Readable } from 'node:stream';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { RegressionError } from '../../runtime/errors.ts';
import type { Filter, SearchPage } from '../../search/request.ts';
import type { QueryContext } from '../context.ts';
import { checkNames, metadataOf } from '../filter-parameters.ts';
import { abortOnHangUp } from '../hang-up.ts';
import { filterFrom } from '../pattern-filter.ts';
import type { LiveEvent } from '../live-feed.ts';
import { problems, tailParameters } from '../schemas.ts';

const maxWatchers = 100;
/** A comment this often keeps proxies from closing a quiet stream, and finds readers that have gone. */
const heartbeatMs = 15_000;
const replayPageRows = 1000;
const staleRetryMs = 50;

interface Format {
  readonly contentType: string;
  start(lastId: number): string;
  row(id: number, json: string): string;
  missed(missed: { rows: number; first_id: number; last_id: number }): string;
  readonly heartbeat: string;
}

const formats: Readonly<Record<'sse' | 'ndjson', Format>> = {
  sse: {
    contentType: 'text/event-stream; charset=utf-8',
    start: (lastId) => `: live from ${lastId}\n\n`,
    row: (id, json) => `id: ${id}\ndata: ${json}\n\n`,
    missed: (missed) => `event: missed\nid: ${missed.last_id}\ndata: ${JSON.stringify(missed)}\n\n`,
    heartbeat: ': alive\n\n',
  },
  ndjson: {
    contentType: 'application/x-ndjson; charset=utf-8',
    start: (lastId) => `${JSON.stringify({ _start: true, last_id: lastId })}\n`,
    row: (_id, json) => `${json}\n`,
    missed: (missed) => `${JSON.stringify({ _missed: missed })}\n`,
    heartbeat: '{"_alive":true}\n',
  },
};

export function tailRoutes(context: QueryContext): FastifyPluginAsyncZod {
  return async (server) => {
    server.get(
      '/api/v1/tail',
      {
        preValidation: checkNames(Object.keys(tailParameters)),
        config: { scope: 'read', isLongLived: true },
        schema: {
          operationId: 'tail',
          summary: 'Rows as they come in',
          description:
            'Server-sent events (`id` is the row, `data` its JSON; an event `missed` says which rows a slow reader lost, or which ids had gone to retention when it came back) or NDJSON (`{"_start":..}`, rows, `{"_missed":..}`). With `Last-Event-ID` or `after_id` it begins with what came after that row. Filters as for /api/v1/logs.',
          tags: ['logs'],
          security: [{ bearer: [] }],
          querystring: z.looseObject(tailParameters),
          produces: ['text/event-stream', 'application/x-ndjson'],
          response: { 200: z.string().describe('A stream that ends when either side ends it'), ...problems },
        },
      },
      async (request, reply) => {
        if (context.feed.watcherCount >= maxWatchers) {
          throw new RegressionError('OVERLOADED', `${maxWatchers} readers are watching already`, { retryable: true });
        }
        const isNdjson =
          request.query.format === 'ndjson' ||
          (request.query.format === undefined && request.headers.accept?.includes('ndjson') === true);
        const given = Number(request.headers['last-event-id'] ?? Number.NaN);
        const afterId = Number.isSafeInteger(given) && given >= 0 ? given : request.query.after_id;
        const signal = abortOnHangUp(reply);
        const limits = { deadlineMs: context.queryTimeoutMs, signal };
        const wanted = { ...request.query, after_id: undefined };
        const filter = await filterFrom(context, wanted, metadataOf(request.query), limits);
        const chunks = tail(context, filter, afterId, formats[isNdjson ? 'ndjson' : 'sse'], signal);
        return reply
          .type(formats[isNdjson ? 'ndjson' : 'sse'].contentType)
          .header('cache-control', 'no-store')
          .header('x-accel-buffering', 'no')
          .send(Readable.from(chunks, { objectMode: false }) as never);
      },
    );
  };
}

async function* tail(
  context: QueryContext,
  filter: Filter,
  afterId: number | undefined,
  format: Format,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const { store, feed, clock, queryTimeoutMs } = context;
  const watcher = feed.watch(filter); // before the store is asked: nothing falls between the two
  const committedId = feed.lastId;
  const ended = new AbortController();
  signal.addEventListener('abort', () => ended.abort(), { once: true });
  try {
    let shownId = afterId ?? 0;
    let hasMore = afterId !== undefined;
    yield format.start(afterId ?? feed.lastId);
    while (hasMore) {
      const page = await store.search(
        { filter: { ...filter, afterId: shownId }, order: 'arrival', limit: replayPageRows },
        { deadlineMs: queryTimeoutMs, signal },
      );
      // An answer may be of a state some 200 ms old: what was committed before we watched must be in it.
      const isStale = !page.hasMore && page.lastId < committedId;
      hasMore = page.hasMore || isStale;
      if (page.hasMore) shownId = page.last?.id ?? shownId;
      else if (isStale || shownId <= page.lastId) shownId = Math.max(page.lastId, shownId);
      // Rows of such ids were seen in what a backup has replaced since: all that come are new to this reader.
      else shownId = committedId;
      if (isStale) await clock.delay(staleRetryMs, signal);
      yield pageText(page, format);
    }
    while (!signal.aborted) {
      const beat = new AbortController();
      const waited = AbortSignal.any([ended.signal, beat.signal]);
      void clock.delay(heartbeatMs, waited).then(() => beat.abort());
      const events = await watcher.take(waited);
      beat.abort();
      const text = events.map((event) => textOf(event, shownId, format)).join('');
      if (text !== '') yield text;
      else if (events.length === 0 && !signal.aborted) yield format.heartbeat;
    }
  } finally {
    watcher.close();
    ended.abort();
  }
}

/** The rows, and where they stood those that have gone: whoever breaks off has everything up to the last id that it was told. */
function pageText(page: SearchPage, format: Format): string {
  // Who asks from the beginning means the first row that there is.
  const holes = page.holes.filter(({ firstId }) => firstId > 1);
  const holesUntil = (id: number): string => {
    let text = '';
    for (let hole = holes[0]; hole !== undefined && hole.firstId <= id; hole = holes[0]) {
      const { firstId, lastId } = hole;
      text += format.missed({ rows: lastId - firstId + 1, first_id: firstId, last_id: lastId });
      holes.shift();
    }
    return text;
  };
  const rows = page.ndjson
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const { id } = JSON.parse(line) as { id: number };
      return holesUntil(id) + format.row(id, line);
    });
  return rows.join('') + holesUntil(Infinity);
}

/** @param shownId rows up to here came from the store. */
function textOf(event: LiveEvent, shownId: number, format: Format): string {
  if (event.kind === 'row') return event.id > shownId ? format.row(event.id, event.json) : '';
  const { rows, firstId, lastId } = event;
  return lastId > shownId ? format.missed({ rows, first_id: firstId, last_id: lastId }) : '';
}
