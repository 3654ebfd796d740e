/**
 * The rows of a page whose filter asks each row's texts: the engine says which rows come next, and their texts are looked at where they stand in
 * the pages of the tables (row-tests.ts), which takes a third of the time. What is found are the page's rows themselves.
 */
import type { RowPlace, SearchRequest } from '../../search/request.ts';
import { type PageReader, fromPages } from './pages/page-file.ts';
import { type PartedFilter, RowTester, partedFilter } from './row-tests.ts';
import { idsQuery } from './search-to-sql.ts';
import type { Sqlite } from './sqlite.ts';
import { type TextCandidates, idCandidates } from './text-index.ts';

/** Rows looked at at once: at first few, since a page may be full soon. */
const [firstIdsAtOnce, mostIdsAtOnce] = [500, 8000];
/** Rows that lie further apart are found as well by the engine. */
const mostIdsPerRow = 4;

/**
 * Null where the engine is to look at the rows.
 * @param asked not in the order of arrival.
 */
export function walkedRows(database: Sqlite, openPages: () => PageReader, asked: SearchRequest): TextCandidates | null {
  const parted = partedFilter(asked.filter);
  if (parted === null) return null;
  return fromPages(openPages, (open) => walk(database, new RowTester(database, open, parted.tests), asked, parted));
}

function walk(
  database: Sqlite,
  tester: RowTester,
  asked: SearchRequest,
  { rest }: PartedFilter,
): TextCandidates | null {
  const found: number[] = [];
  let after: RowPlace | undefined = asked.after;
  for (let limit = firstIdsAtOnce; ; limit = Math.min(limit * 2, mostIdsAtOnce)) {
    const { sql, values } = idsQuery({ ...asked, filter: rest, after, limit });
    const { ids: json, last } = database.get<{ ids: string; last: string | null }>(sql, values) ?? {
      ids: '[]',
      last: null,
    };
    const ids = JSON.parse(json) as number[];
    const sorted = [...Float64Array.from(ids).sort()];
    if ((sorted.at(-1) ?? 0) - (sorted[0] ?? 0) > limit * mostIdsPerRow) return null;
    const satisfying = new Set(tester.satisfying(sorted));
    found.push(...ids.filter((id) => satisfying.has(id)));
    if (found.length >= asked.limit || ids.length < limit || last === null) break;
    after = { timestamp: last, id: ids.at(-1) ?? 0 };
  }
  return idCandidates(found.slice(0, asked.limit));
}
