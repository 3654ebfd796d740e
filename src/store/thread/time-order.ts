/**
 * The ids of one file's rows in the order of time, some at a time: from the pages of the index on timestamps where a filter asks for nothing but
 * a window, since the engine takes ten times as long to hand them out; else from the engine.
 */
import type { Filter, RowPlace, SearchRequest } from '../../search/request.ts';
import type { KeptOrder, NextIds } from './kept-order.ts';
import { type IdsWanted, IndexCursor, type IndexPlace } from './pages/index-cursor.ts';
import type { PageReader } from './pages/page-file.ts';
import { idsQuery } from './search-to-sql.ts';
import type { Sqlite } from './sqlite.ts';

/**
 * @param open pages of the file of `database`, as it sees them or with more rows at the end.
 * @param asked not in the order of arrival; its limit does not count.
 * @param kept of the state of the file that the pages are of.
 */
export function idsInTimeOrder(
  database: Sqlite,
  open: () => PageReader,
  asked: SearchRequest,
  kept?: KeptOrder,
): NextIds {
  return isWindow(asked.filter) ? idsOfIndex(database, open(), asked, kept) : idsOfEngine(database, asked);
}

const ofWindows: ReadonlySet<string> = new Set<keyof Filter>(['start', 'end', 'afterId', 'untilId']);

/** True where it asks for nothing but times and ids. */
export function isWindow(filter: Filter): boolean {
  return Object.entries(filter).every(([name, part]) => part === undefined || ofWindows.has(name));
}

function idsOfEngine(database: Sqlite, asked: SearchRequest): NextIds {
  let after: RowPlace | undefined = asked.after;
  return (limit) => {
    const { sql, values } = idsQuery({ ...asked, after, limit });
    const found = database.get<{ ids: string; last: string | null }>(sql, values);
    const ids = JSON.parse(found?.ids ?? '[]') as number[];
    const last = found?.last ?? null;
    if (last !== null) after = { timestamp: last, id: ids.at(-1) ?? 0 };
    return ids;
  };
}

/**
 * The rows of a page themselves.
 * @param asked for nothing but a window (see `isWindow`), and not in the order of arrival.
 */
export function placesInWindow(database: Sqlite, pages: PageReader, asked: SearchRequest): readonly RowPlace[] {
  const { cursor, wanted, behindId } = walkOf(database, pages, asked);
  const ids: number[] = [];
  const timestamps: string[] = [];
  cursor.takeIds(ids, asked.limit, wanted, behindId, timestamps);
  return ids.map((id, index) => ({ id, timestamp: timestamps[index] ?? '' }));
}

function idsOfIndex(database: Sqlite, pages: PageReader, asked: SearchRequest, kept: KeptOrder | undefined): NextIds {
  const { cursor, begin, wanted, behindId } = walkOf(database, pages, asked);
  if (kept !== undefined && asked.order === 'desc') {
    if (!cursor.next()) return () => [];
    const walk = { firstId: cursor.id, wanted, stop: behindId };
    const known = kept.idsOf(walk, pages, () => newestOf(pages, database.rootPageOf('logs_timestamp')));
    if (known !== null) return known;
    cursor.seek(begin);
  }
  return (limit) => {
    const ids: number[] = [];
    cursor.takeIds(ids, limit, wanted, behindId);
    return ids;
  };
}

interface Walk {
  /** At the window's begin. */
  readonly cursor: IndexCursor;
  readonly begin: IndexPlace | null;
  readonly wanted: IdsWanted;
  /** The row that ends it; null where none does. */
  readonly behindId: number | null;
}

function walkOf(database: Sqlite, pages: PageReader, { filter, order, after }: SearchRequest): Walk {
  const lastId = database.get<{ id: number | null }>('SELECT max(id) AS id FROM logs')?.id ?? 0;
  const wanted = { afterId: filter.afterId ?? 0, untilId: Math.min(filter.untilId ?? Infinity, lastId) };
  const isNewestFirst = order === 'desc';
  const root = database.rootPageOf('logs_timestamp');
  const cursor = new IndexCursor(pages, root, isNewestFirst ? 'backwards' : 'forwards');
  const bound = isNewestFirst ? filter.start : filter.end;
  const behindId = bound === undefined ? null : firstIdBehind(cursor, bound);
  const begin = isNewestFirst ? beginBackwards(filter, after) : beginForwards(filter, after);
  cursor.seek(begin);
  return { cursor, begin, wanted, behindId };
}

function newestOf(pages: PageReader, root: number): IndexCursor {
  const cursor = new IndexCursor(pages, root, 'backwards');
  cursor.seek(null);
  return cursor;
}

/** Of the row that a walk comes to when it has passed the bound: to find it once is less work than to compare each row's time. */
function firstIdBehind(cursor: IndexCursor, bound: string): number | null {
  cursor.seek({ text: bound, id: -Infinity });
  return cursor.next() ? cursor.id : null;
}

/** The window ends before `end`, and the rows of the page before were `after` and those behind it. */
function beginBackwards({ end }: Filter, after: RowPlace | undefined): IndexPlace | null {
  if (after !== undefined && (end === undefined || after.timestamp < end))
    return { text: after.timestamp, id: after.id };
  return end === undefined ? null : { text: end, id: -Infinity };
}

function beginForwards({ start }: Filter, after: RowPlace | undefined): IndexPlace | null {
  if (after !== undefined && (start === undefined || after.timestamp >= start))
    return { text: after.timestamp, id: after.id + 1 };
  return start === undefined ? null : { text: start, id: -Infinity };
}
