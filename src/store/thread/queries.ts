/**
 * Answers searches and counts over the hot file and the segments: each file is asked by itself, the answers are merged.
 */
import type { Filter, HitsBucket, HitsRequest, SearchPage, SearchRequest } from '../../search/request.ts';
import { type Segment, isAhead, mayMatch } from '../segments.ts';
import { requiredTexts } from './query-to-sql.ts';
import { hitsQuery, pageQuery } from './search-to-sql.ts';
import type { Sqlite } from './sqlite.ts';
import { type TextCandidates, textCandidates } from './text-index.ts';

export interface Sources {
  /** A snapshot of the hot file, or the writer's own connection. */
  readonly hot: Sqlite;
  /** In the order of arrival; together with `hot` they hold every row once. */
  readonly segments: readonly Segment[];
  /** The connection stays valid until the next call. */
  open(segment: Segment): Sqlite;
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
  const sequence = sources.hot.get<{ id: number }>(`SELECT seq AS id FROM sqlite_sequence WHERE name = 'logs'`);
  return {
    ndjson: found.map(({ row }) => `${row}\n`).join(''),
    rowCount: found.length,
    last: last === undefined ? null : { timestamp: last.timestamp, id: last.id },
    hasMore,
    lastId: sequence?.id ?? 0,
    firstId:
      sources.segments[0]?.firstId ??
      sources.hot.get<{ id: number }>('SELECT id FROM logs ORDER BY id LIMIT 1')?.id ??
      0,
  };
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

  let found = rowsOf(sources.hot, request);
  for (const segment of segments) {
    const lastFound = found.length > limit ? found[limit] : undefined;
    if (lastFound !== undefined && isBefore(lastFound.timestamp, beginOf(segment))) break;
    const more = rowsIn(sources, segment, request);
    if (more.length > 0) found = [...found, ...more].sort(compare).slice(0, limit + 1);
  }
  return found;
}

function rowsIn(sources: Sources, segment: Segment, request: SearchRequest): Row[] {
  const database = sources.open(segment);
  // Words that many rows hold fill a page sooner by reading from its end than by looking all of them up.
  return rowsOf(database, request, worthwhile(textCandidatesIn(database, segment, request.filter), segment, 10));
}

/** At most one row more than `limit`, in the order asked for. */
function rowsOf(database: Sqlite, request: SearchRequest, candidates: TextCandidates | null = null): Row[] {
  const { sql, values } = pageQuery(request, candidates);
  return database.all<Row>(sql, values);
}

/** Null for a segment without the index, and when it does not help. */
function textCandidatesIn(database: Sqlite, segment: Segment, filter: Filter): TextCandidates | null {
  const texts = requiredTexts(filter);
  return segment.state === 'sealed' && texts.length > 0 ? textCandidates(database, texts) : null;
}

/** Only where they are at most one in `factor` of the segment's rows. */
function worthwhile(candidates: TextCandidates | null, segment: Segment, factor: number): TextCandidates | null {
  const rows = segment.lastId - segment.firstId + 1;
  return candidates !== null && candidates.maxRows * factor <= rows ? candidates : null;
}

/** SQL counts by minute (or second, for steps that are no whole minutes); here they are summed into the steps asked for. */
export function countHits(sources: Sources, request: HitsRequest): readonly HitsBucket[] {
  const counts = new Map<number, number>();
  const add = (database: Sqlite, candidates: TextCandidates | null): void => {
    const { sql, values } = hitsQuery(request, candidates);
    for (const { prefix, count } of database.all<{ prefix: string; count: number }>(sql, values)) {
      const seconds = Date.parse(prefix.length === 16 ? `${prefix}:00Z` : `${prefix}Z`) / 1000;
      const bucket = Math.floor(seconds / request.stepSeconds) * request.stepSeconds;
      counts.set(bucket, (counts.get(bucket) ?? 0) + count);
    }
  };
  for (const segment of sources.segments) {
    if (!mayMatch(segment, request.filter)) continue;
    const database = sources.open(segment);
    add(database, worthwhile(textCandidatesIn(database, segment, request.filter), segment, 3));
  }
  add(sources.hot, null);
  return [...counts]
    .sort(([a], [b]) => a - b)
    .map(([seconds, count]) => ({ timestamp: new Date(seconds * 1000).toISOString().replace('Z', '000Z'), count }));
}
