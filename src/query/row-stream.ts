/**
 * More rows than a page has, as one NDJSON answer: read part by part, each asked of the store while the one before is on its way to the
 * asker. So the two work at once, and however many rows are wanted, two parts of them are in memory.
 *
 * Between two parts others are answered. What goes wrong in the middle breaks the answer off: its last line is missing then.
 */
import { Readable } from 'node:stream';
import { free } from '../runtime/free.ts';
import type { SearchPage, SearchRequest } from '../search/request.ts';

/** Some 3 MB of usual rows, which are read in some ten milliseconds. */
export const rowsPerPart = 5000;

/** Far more than a socket takes ahead. Shorter parts are left to be collected. */
const leastFreed = 1024 * 1024;

/** What the last line tells, of all parts together. */
export type StreamEnd = Pick<SearchPage, 'rowCount' | 'last' | 'lastId' | 'hasMore'>;

export interface StreamTexts {
  readonly rowsOf: (part: SearchPage) => Uint8Array<ArrayBuffer> | string;
  readonly endOf: (end: StreamEnd) => string;
}

/** Resolves when the first part is there: what is wrong with the question is not found in the middle of an answer. */
export async function rowStream(
  asked: SearchRequest,
  search: (part: SearchRequest) => Promise<SearchPage>,
  texts: StreamTexts,
): Promise<{ readonly stream: Readable; readonly partBytes: number }> {
  const first = await search({ ...asked, limit: Math.min(asked.limit, rowsPerPart) });
  // A stream asks for what comes next as soon as it has handed out what it has, and not before: that is the reading ahead.
  const stream = Readable.from(partsFrom(first, asked, search, texts), { objectMode: false, highWaterMark: 1 });
  return { stream, partBytes: first.bytes?.length ?? first.ndjson.length };
}

async function* partsFrom(
  first: SearchPage,
  asked: SearchRequest,
  search: (part: SearchRequest) => Promise<SearchPage>,
  { rowsOf, endOf }: StreamTexts,
): AsyncGenerator<Uint8Array<ArrayBuffer> | string> {
  let part = first;
  let { rowCount } = first;
  let before: Uint8Array<ArrayBuffer> | string = '';
  while (part.rowCount > 0) {
    const rows = rowsOf(part);
    yield rows;
    // These rows are on their way, so those before them have been written to their end: a socket says when it has room for more than that.
    // As garbage they would take a third of the thread's time to be collected.
    if (typeof before !== 'string' && before.length >= leastFreed) free(before.buffer);
    before = rows;
    const left = asked.limit - rowCount;
    if (!part.hasMore || left === 0 || part.last === null) break;
    const { last } = part;
    const next = await search({ ...asked, after: last, limit: Math.min(left, rowsPerPart) });
    part = next.rowCount > 0 ? next : { ...next, last };
    rowCount += next.rowCount;
  }
  // What arrived while it ran is among the rows in order of arrival; in order of time it may belong before rows that have been sent.
  const { lastId } = asked.order === 'arrival' ? part : first;
  yield endOf({ rowCount, last: part.last, lastId, hasMore: part.hasMore });
}
