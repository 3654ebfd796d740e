/**
 * The rows of a page whose filter asks each row's texts: which rows come next is read from the index of times (time-order.ts), and their texts are
 * looked at where they stand in the pages of the tables (row-tests.ts). What is found are the page's rows themselves.
 */
import type { SearchRequest } from '../../search/request.ts';
import { idRangeOf } from './file-checks.ts';
import type { KeptOrder } from './kept-order.ts';
import { KeptRecords } from './kept-records.ts';
import type { NumberColumns } from './number-columns.ts';
import { type PageReader, fromPages } from './pages/page-file.ts';
import { type PartedFilter, RowTester, partedFilter } from './row-tests.ts';
import type { Sqlite } from './sqlite.ts';
import { idsInTimeOrder, isWindow } from './time-order.ts';

/** Rows looked at at once: at first few, since a page may be full soon. */
const [firstIdsAtOnce, mostIdsAtOnce] = [500, 8000];
/** Rows that lie further apart are found as well by the engine. */
const mostIdsPerRow = 4;

/** Rows that are looked at before anything is looked up. */
const fewRows = 3500;

export interface WalkOptions {
  readonly columns: NumberColumns | undefined;
  /** Null where some thousand rows do not fill the page. */
  readonly isShort?: boolean;
  /** Of the file as it is. */
  readonly keptOrder?: KeptOrder | undefined;
}

export interface WalkedRows {
  /** In the order asked for. */
  readonly ids: readonly number[];
  /** Of some of them. */
  readonly records: KeptRecords;
}

/**
 * Null where the engine is to look at the rows.
 * @param asked not in the order of arrival.
 */
export function walkedRows(
  database: Sqlite,
  openPages: () => PageReader,
  asked: SearchRequest,
  options: WalkOptions,
): WalkedRows | null {
  const parted = partedFilter(asked.filter);
  if (parted === null || (options.isShort === true && !isWindow(parted.rest))) return null;
  return fromPages(openPages, (open) => walk(database, open, asked, parted, options));
}

function walk(
  database: Sqlite,
  open: () => PageReader,
  asked: SearchRequest,
  { tests, rest }: PartedFilter,
  { columns, isShort = false, keptOrder }: WalkOptions,
): WalkedRows | null {
  const range = columns === undefined ? null : idRangeOf(database);
  const tester = new RowTester(database, open, tests, (what) => (range && columns?.of(range, what)) ?? null);
  const nextIds = idsInTimeOrder(database, open, { ...asked, filter: rest }, keptOrder);
  const found: number[] = [];
  const records = new KeptRecords();
  for (let [limit, rows] = [firstIdsAtOnce, 0]; ; limit = Math.min(limit * 2, mostIdsAtOnce)) {
    if (isShort && rows >= fewRows) return null;
    rows += limit;
    const ids = nextIds(limit);
    const isReversed = ids.every((id, at) => at === 0 || id < (ids[at - 1] ?? 0));
    const sorted = isReversed ? new Float64Array(ids).toReversed() : new Float64Array(ids).toSorted();
    if ((sorted.at(-1) ?? 0) - (sorted[0] ?? 0) > limit * mostIdsPerRow) return null;
    const satisfying = tester.satisfying(sorted, records);
    if (isReversed) found.push(...satisfying.toReversed());
    else {
      const wanted = new Set(satisfying);
      found.push(...ids.filter((id) => wanted.has(id)));
    }
    if (found.length >= asked.limit || ids.length < limit) break;
  }
  return { ids: found.slice(0, asked.limit), records };
}
