/** `GET /api/v1/logs`: pages of rows. */
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { RegressionError } from '../../runtime/errors.ts';
import { decodeCursor, encodeCursor } from '../../search/cursor.ts';
import type { LogRow, SearchPage, SearchRequest } from '../../search/request.ts';
import { pageMemory } from '../../store/page-memory.ts';
import type { RouteContext } from '../context.ts';
import { checkNames, metadataOf } from '../filter-parameters.ts';
import { abortOnHangUp } from '../hang-up.ts';
import { filterFrom } from '../pattern-filter.ts';
import { type Fields, csvOf, fieldsJson, readFields, type rowFormats, textLine } from '../row-formats.ts';
import { type StreamEnd, rowStream } from '../row-stream.ts';
import { logsParameters, maxLimit, maxStreamedRows, pageSchema, problems } from '../schemas.ts';

const usualRowBytes = 600;

type RowFormat = (typeof rowFormats)[number];

export const contentTypes: Readonly<Record<RowFormat, string>> = {
  json: 'application/json; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
  text: 'text/plain; charset=utf-8',
};

export function logsRoutes(context: RouteContext): FastifyPluginAsyncZod {
  return async (server) => {
    server.get(
      '/api/v1/logs',
      {
        preValidation: checkNames(Object.keys(logsParameters)),
        config: { scope: 'read' },
        schema: {
          operationId: 'searchLogs',
          summary: 'Rows with their metadata, newest or oldest first, page by page',
          description:
            'Metadata is filtered by `meta.<key>=<value>`, e.g. `meta.userId=u-1`; several must all hold. As NDJSON the last line is `{"_end":true,...}`: without it the answer was cut off. The next page is in `next` and in the `Link` header. A `limit` of more than a page has is answered part by part, as NDJSON alone and without `Link`: in order of time, what arrives meanwhile may be missing.',
          tags: ['logs'],
          security: [{ bearer: [] }],
          querystring: z.looseObject(logsParameters),
          response: { 200: pageSchema.describe('A page of rows'), ...problems },
        },
      },
      async (request, reply) => {
        const startedAtMs = context.clock.monotonicMs();
        const { order, limit, cursor } = request.query;
        const fields = request.query.fields === undefined ? undefined : readFields(request.query.fields);
        const format = request.query.format ?? acceptedFormat(request.headers.accept);
        if (limit > maxLimit && format !== 'ndjson') {
          throw new RegressionError('QUERY_INVALID', `limit: at most ${maxLimit} as ${format}`, {
            hint: `As NDJSON at most ${maxStreamedRows}; or ask for the next page with \`next\`.`,
          });
        }
        const metadata = metadataOf(request.query);
        const limits = { deadlineMs: context.queryTimeoutMs, signal: abortOnHangUp(reply) };
        const filter = await filterFrom(context, request.query, metadata, limits);
        const after = cursor === undefined ? undefined : decodeCursor(cursor, { filter, order });
        const asBytes = fields === undefined && (format === 'json' || format === 'ndjson');
        const expectedBytes = Math.min(limit, maxLimit) * usualRowBytes;
        const withRoom = <Answer>(make: () => Promise<Answer>): Promise<Answer> =>
          context.requestLimits.withRoom(expectedBytes, limits.signal, make);
        const asked = { filter, order, limit, after, asBytes };
        const nextOf = ({ hasMore, last }: StreamEnd): string | null =>
          hasMore && last !== null ? encodeCursor(last, { filter, order }) : null;
        if (limit > maxLimit) {
          const search = (part: SearchRequest): Promise<SearchPage> => context.store.search(part, limits);
          const texts = {
            rowsOf: (part: SearchPage) => part.bytes ?? ndjsonOf(part, fields),
            endOf: (end: StreamEnd) => ndjsonEnd(end, nextOf(end)),
          };
          const { stream, partBytes } = await withRoom(() => rowStream(asked, search, texts));
          stream.once('error', (err) => {
            if (!limits.signal.aborted) context.logger.warn({ err, url: request.url }, 'an answer was broken off');
          });
          context.requestLimits.hold(reply, partBytes * 2);
          return reply.type(contentTypes.ndjson).send(stream as never);
        }
        const page = await withRoom(() => context.queries.search(asked, limits));
        const next = nextOf(page);
        if (next !== null) void reply.header('link', nextLink(request.url, next));
        const elapsedMs = Math.round((context.clock.monotonicMs() - startedAtMs) * 10) / 10;
        // Bytes: the rows are JSON text when they leave the store, and are not to be serialized again.
        const body =
          page.bytes === undefined
            ? Buffer.from(pageText(page, format, fields, next, elapsedMs))
            : pageBytes(page, page.bytes, format === 'json', next, elapsedMs);
        if (page.bytes !== undefined) giveBackAfter(reply, body, page.bytes.buffer);
        return reply.type(contentTypes[format]).send(body as never);
      },
    );
  };
}

export function acceptedFormat(accept: string | undefined): RowFormat {
  if (accept?.includes('ndjson')) return 'ndjson';
  if (accept?.includes('text/csv')) return 'csv';
  return accept?.startsWith('text/plain') ? 'text' : 'json';
}

export function parseRows(ndjson: string): LogRow[] {
  return ndjson
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as LogRow);
}

function pageText(
  page: SearchPage,
  format: RowFormat,
  fields: Fields | undefined,
  next: string | null,
  elapsedMs: number,
): string {
  if (format === 'csv') return csvOf(parseRows(page.ndjson), fields);
  if (format === 'text')
    return parseRows(page.ndjson)
      .map((row) => textLine(row, fields, false))
      .join('');
  const ndjson = ndjsonOf(page, fields);
  if (format === 'ndjson') return `${ndjson}${ndjsonEnd(page, next)}`;
  // JSON text has no raw newlines, so the rows' newlines are exactly the places of the commas.
  return `${jsonStart}${ndjson.slice(0, -1).replaceAll('\n', ',')}${jsonEnd(page, next, elapsedMs)}`;
}

function ndjsonOf({ ndjson }: SearchPage, fields: Fields | undefined): string {
  if (fields === undefined) return ndjson;
  return parseRows(ndjson)
    .map((row) => `${fieldsJson(row, fields)}\n`)
    .join('');
}

function pageBytes(
  page: SearchPage,
  rows: Uint8Array,
  isJson: boolean,
  next: string | null,
  elapsedMs: number,
): Buffer {
  if (!isJson) return withEnd(rows, Buffer.from(ndjsonEnd(page, next)));
  const list = Buffer.concat([
    Buffer.from(jsonStart),
    rows.subarray(0, -1),
    Buffer.from(jsonEnd(page, next, elapsedMs)),
  ]);
  for (let at = list.indexOf('\n'); at >= 0; at = list.indexOf('\n', at + 1)) list[at] = comma;
  return list;
}

/** In the room behind the rows, where there is some: they are many, and not to be copied. */
function withEnd(rows: Uint8Array, end: Buffer): Buffer {
  const { buffer, byteOffset, length } = rows;
  if (byteOffset + length + end.length > buffer.byteLength) return Buffer.concat([rows, end]);
  const whole = Buffer.from(buffer as ArrayBuffer, byteOffset, length + end.length);
  whole.set(end, length);
  return whole;
}

/** The rows' memory serves another page: at once where they were copied, else when they have been sent. */
function giveBackAfter(reply: FastifyReply, body: Buffer, rows: ArrayBuffer): void {
  if (body.buffer !== rows) pageMemory.giveBack(rows);
  else reply.raw.once('close', () => pageMemory.giveBack(rows));
}

const jsonStart = '{"rows":[';
const comma = 0x2c;

function jsonEnd(page: SearchPage, next: string | null, elapsedMs: number): string {
  const stats = JSON.stringify({ rows: page.rowCount, last_id: page.lastId, elapsed_ms: elapsedMs });
  return `],"next":${JSON.stringify(next)},"truncated":${page.hasMore},"stats":${stats}}`;
}

function ndjsonEnd({ rowCount, lastId }: StreamEnd, next: string | null): string {
  return `${JSON.stringify({ _end: true, rows: rowCount, last_id: lastId, next })}\n`;
}

/** RFC 8288. */
function nextLink(url: string, cursor: string): string {
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  searchParams.set('cursor', cursor);
  return `<${pathname}?${searchParams.toString()}>; rel="next"`;
}
