/**
 * Answers searches and counts on one connection: a snapshot, or the writer's own for `:memory:`.
 */
import type { HitsBucket, HitsRequest, SearchPage, SearchRequest } from '../../search/request.ts';
import { hitsQuery, pageQuery } from './search-to-sql.ts';
import type { Sqlite } from './sqlite.ts';

export function searchRows(database: Sqlite, request: SearchRequest): SearchPage {
  const { sql, values } = pageQuery(request);
  const found = database.all<{ id: number; timestamp: string; row: string }>(sql, values);
  const hasMore = found.length > request.limit;
  if (hasMore) found.pop();
  const last = found.at(-1);
  return {
    ndjson: found.map(({ row }) => `${row}\n`).join(''),
    rowCount: found.length,
    last: last === undefined ? null : { timestamp: last.timestamp, id: last.id },
    hasMore,
    lastId: database.get<{ id: number | null }>('SELECT max(id) AS id FROM logs')?.id ?? 0,
    firstId: database.get<{ id: number | null }>('SELECT min(id) AS id FROM logs')?.id ?? 0,
  };
}

/** SQL counts by minute (or second, for steps that are no whole minutes); here they are summed into the steps asked for. */
export function countHits(database: Sqlite, request: HitsRequest): readonly HitsBucket[] {
  const { sql, values } = hitsQuery(request);
  const counts = new Map<number, number>();
  for (const { prefix, count } of database.all<{ prefix: string; count: number }>(sql, values)) {
    const seconds = Date.parse(prefix.length === 16 ? `${prefix}:00Z` : `${prefix}Z`) / 1000;
    const bucket = Math.floor(seconds / request.stepSeconds) * request.stepSeconds;
    counts.set(bucket, (counts.get(bucket) ?? 0) + count);
  }
  return [...counts].map(([seconds, count]) => ({
    timestamp: new Date(seconds * 1000).toISOString().replace('Z', '000Z'),
    count,
  }));
}
