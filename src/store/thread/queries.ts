/**
 * Answers searches over the hot file and the segments: each file is asked by itself, the answers are merged.
 */
import type { IdRange, SearchPage, SearchRequest } from '../../search/request.ts';
import { type Segment, isAhead, mayMatch, uncutBy } from '../segments.ts';
import { type FileTraits, pageQuery } from './search-to-sql.ts';
import type { SegmentAnswers } from './segment-answers.ts';
import type { Sqlite } from './sqlite.ts';
import { textCandidatesIn, worthwhile } from './text-index.ts';

export interface Sources {
  /** A snapshot of the hot file, or the writer's own connection. */
  readonly hot: Sqlite;
  /** In the order of arrival; together with `hot` they hold every row once. */
  readonly segments: readonly Segment[];
  /** The connection stays valid until the next call. */
  open(segment: Segment): Sqlite;
  readonly answers: SegmentAnswers;
}

interface Row {
  readonly id: number;
  readonly timestamp: string;
  /** JSON text. */
  readonly row: string;
}

export function searchRows(sources: Sources, request: SearchRequest): SearchPage {
  const found = request.order === 'arrival' ? inOrderOfArrival(sources, request) : inOrderOfTime(sources, request);
  const hasMore = found.length > request.limit;
  if (hasMore) found.length = request.limit;
  const last = found.at(-1);
  const lastId = sources.hot.get<{ id: number }>(`SELECT seq AS id FROM sqlite_sequence WHERE name = 'logs'`)?.id ?? 0;
  const firstHotId = sources.hot.get<{ id: number }>('SELECT id FROM logs ORDER BY id LIMIT 1')?.id;
  return {
    ndjson: found.map(({ row }) => `${row}\n`).join(''),
    rowCount: found.length,
    last: last === undefined ? null : { timestamp: last.timestamp, id: last.id },
    hasMore,
    lastId,
    firstId: sources.segments[0]?.firstId ?? firstHotId ?? 0,
    holes:
      request.order === 'arrival'
        ? holesBetween(sources.segments, firstHotId ?? lastId + 1, {
            firstId: (request.filter.afterId ?? 0) + 1,
            lastId: hasMore && last !== undefined ? last.id : Math.min(request.filter.untilId ?? Infinity, lastId),
          })
        : [],
  };
}

/** Files follow each other without a hole, as they are made: what is missing between two was taken out. */
function holesBetween(segments: readonly Segment[], firstHotId: number, walked: IdRange): readonly IdRange[] {
  const holes: IdRange[] = [];
  let nextId = walked.firstId;
  for (const { firstId, lastId } of [...segments, { firstId: firstHotId, lastId: Infinity }]) {
    const hole = { firstId: nextId, lastId: Math.min(firstId - 1, walked.lastId) };
    if (hole.firstId <= hole.lastId) holes.push(hole);
    nextId = Math.max(nextId, lastId + 1);
  }
  return holes;
}

/** Ids of different files do not overlap, so the files follow each other. One row more than `limit`, if there is one. */
function inOrderOfArrival(sources: Sources, request: SearchRequest): Row[] {
  const found: Row[] = [];
  for (const segment of sources.segments) {
    if (found.length > request.limit) return found;
    if (!mayMatch(segment, request.filter) || !isAhead(segment, request)) continue;
    found.push(...rowsIn(sources, segment, { ...request, limit: request.limit - found.length }));
  }
  if (found.length <= request.limit) {
    found.push(...rowsOf(sources.hot, { ...request, limit: request.limit - found.length }));
  }
  return found;
}

/**
 * Times of different files do overlap: late entries, clocks that were set. The files are asked in the order in which their rows
 * begin, until the page is full and the next file begins behind its end.
 */
function inOrderOfTime(sources: Sources, request: SearchRequest): Row[] {
  const { limit } = request;
  const isNewestFirst = request.order === 'desc';
  const isBefore = (a: string, b: string): boolean => (isNewestFirst ? a > b : a < b);
  const compare = (a: Row, b: Row): number => {
    if (a.timestamp !== b.timestamp) return isBefore(a.timestamp, b.timestamp) ? -1 : 1;
    return isNewestFirst ? b.id - a.id : a.id - b.id;
  };
  const beginOf = ({ minTimestamp, maxTimestamp }: Segment): string => (isNewestFirst ? maxTimestamp : minTimestamp);
  const segments = sources.segments
    .filter((segment) => mayMatch(segment, request.filter) && isAhead(segment, request))
    .sort((a, b) => (isBefore(beginOf(a), beginOf(b)) ? -1 : 1));

  let found = [...rowsOf(sources.hot, request)];
  for (const segment of segments) {
    const lastFound = found.length > limit ? found[limit] : undefined;
    if (lastFound !== undefined && isBefore(lastFound.timestamp, beginOf(segment))) break;
    const more = rowsIn(sources, segment, request);
    if (more.length > 0) found = [...found, ...more].sort(compare).slice(0, limit + 1);
  }
  return found;
}

function rowsIn(sources: Sources, segment: Segment, request: SearchRequest): readonly Row[] {
  const whole = uncutBy(segment, request.filter);
  const question =
    whole === null || request.after !== undefined
      ? null
      : `rows ${request.order} ${request.limit} ${JSON.stringify(whole)}`;
  const known = question === null ? undefined : sources.answers.get<readonly Row[]>(segment.firstId, question);
  if (known !== undefined) return known;
  const database = sources.open(segment);
  // Words that many rows hold fill a page sooner by reading from its end than by looking all of them up.
  const candidates = worthwhile(textCandidatesIn(database, segment, request.filter), segment, 10);
  const rows = rowsOf(database, request, { candidates, hasMetadataIndex: segment.state === 'sealed' });
  if (question !== null) sources.answers.put(segment.firstId, question, rows, bytesOf(rows));
  return rows;
}

/** At most one row more than `limit`, in the order asked for. */
function rowsOf(database: Sqlite, request: SearchRequest, file?: FileTraits): readonly Row[] {
  const { sql, values } = pageQuery(request, file);
  return database.all<Row>(sql, values);
}

function bytesOf(rows: readonly Row[]): number {
  return rows.reduce((sum, { row }) => sum + row.length * 2 + 100, 0);
}
