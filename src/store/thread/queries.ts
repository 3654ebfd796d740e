/**
 * Answers searches over the hot file and the segments: each file is asked by itself, the answers are merged.
 */
import type { IdRange, RowPlace, SearchPage, SearchRequest } from '../../search/request.ts';
import { type Segment, isAhead, mayMatch, uncutBy } from '../segments.ts';
import { CollectedRows, type FileRows, placeOf, rowsOfFile } from './row-lines.ts';
import { rowsAt } from './row-texts.ts';
import { WrittenRows, isForPages, writeRowsOfPages } from './row-pages.ts';
import { isByIndex, isUnread, narrowingOf } from './narrowing.ts';
import { type Sources, databaseOf } from './sources.ts';
import { type PlacedRow, fewestPlaced, writePlacedRows } from './placed-rows.ts';
import { fromPages } from './pages/page-file.ts';
import { type Narrowing, placesQuery } from './search-to-sql.ts';
import { idCandidates } from './text-index.ts';
import { mergedByTime } from './merged-by-time.ts';
import { isWindow, placesInWindow } from './time-order.ts';
import { type WalkedRows, walkedRows } from './walked-rows.ts';

/** @param memory for the bytes of a large page in the order of time. */
export function searchRows(sources: Sources, request: SearchRequest, memory?: ArrayBuffer): SearchPage {
  // One row more than wanted tells whether there is a next page.
  const asked = { ...request, limit: request.limit + 1 };
  const page = pageFromPages(sources, asked) ?? pageFromPlaces(sources, asked, memory) ?? pageFromLines(sources, asked);
  const lastId = sources.hot.get<{ id: number }>(`SELECT seq AS id FROM sqlite_sequence WHERE name = 'logs'`)?.id ?? 0;
  const firstHotId = sources.hot.get<{ id: number }>('SELECT id FROM logs ORDER BY id LIMIT 1')?.id;
  return {
    ...page,
    lastId,
    firstId: sources.segments[0]?.firstId ?? firstHotId ?? 0,
    holes:
      request.order === 'arrival'
        ? holesBetween(sources.segments, firstHotId ?? lastId + 1, {
            firstId: Math.max(request.filter.afterId ?? 0, request.after?.id ?? 0) + 1,
            lastId:
              page.hasMore && page.last !== null ? page.last.id : Math.min(request.filter.untilId ?? Infinity, lastId),
          })
        : [],
  };
}

type RowsOfPage = Pick<SearchPage, 'ndjson' | 'bytes' | 'rowCount' | 'last' | 'hasMore'>;

/** @param asked with a row more than wanted, as below. */
function pageFromLines(sources: Sources, asked: SearchRequest): RowsOfPage {
  const found = asked.order === 'arrival' ? inOrderOfArrival(sources, asked) : inOrderOfTime(sources, asked);
  const lines = found.lines.slice(0, asked.limit - 1);
  const last = lines.at(-1);
  return {
    ndjson: lines.length === 0 ? '' : `${lines.join('\n')}\n`,
    rowCount: lines.length,
    last: last === undefined ? null : placeOf(last),
    hasMore: found.isCut || found.lines.length === asked.limit,
  };
}

/** Null where it is for the engine to answer. */
function pageFromPages(sources: Sources, asked: SearchRequest): RowsOfPage | null {
  const { openPages } = sources;
  if (openPages === undefined || !isForPages(asked)) return null;
  const rows = new WrittenRows(asked.limit);
  for (const segment of [...filesInOrderOfArrival(sources, asked), null]) {
    const database = databaseOf(sources, segment);
    if (!writeRowsOfPages(database, () => openPages(segment), asked, rows)) return null;
    if (rows.isCut || rows.rowCount === asked.limit) break;
  }
  const hasMore = rows.isCut || rows.rowCount === asked.limit;
  if (rows.rowCount === asked.limit) rows.dropLast();
  const { rowCount, last } = rows;
  const text = asked.asBytes ? { ndjson: '', bytes: rows.text.takeBytes() } : { ndjson: rows.text.toString() };
  return { ...text, rowCount, last, hasMore };
}

/** Which rows is asked first, and they are written from pages; null where the engine is to give them. */
function pageFromPlaces(sources: Sources, asked: SearchRequest, memory?: ArrayBuffer): RowsOfPage | null {
  if (sources.openPages === undefined || asked.order === 'arrival' || asked.limit < fewestPlaced) return null;
  const merged = mergedByTime(sources, asked, (segment) => placesIn(sources, segment, asked));
  const wanted = merged.rows.slice(0, asked.limit - 1);
  const written = writePlacedRows(sources, sources.openPages, wanted, memory);
  if (written === null) return null;
  const { bytes, rowCount } = written;
  const last = wanted[rowCount - 1];
  const hasMore = merged.isCut || merged.rows.length === asked.limit || rowCount < wanted.length;
  const text = asked.asBytes
    ? { ndjson: '', bytes }
    : { ndjson: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString() };
  return { ...text, rowCount, last: last === undefined ? null : { id: last.id, timestamp: last.timestamp }, hasMore };
}

function placesIn(
  sources: Sources,
  segment: Segment | null,
  asked: SearchRequest,
): { readonly rows: readonly PlacedRow[]; readonly isCut: boolean } {
  const places = placesFromIndex(sources, segment, asked) ?? placesFromEngine(sources, segment, asked);
  return { rows: places.map(({ id, timestamp }) => ({ id, timestamp, segment })), isCut: false };
}

/** Null where the filter asks for more than a window, or the file is not as expected. */
function placesFromIndex(sources: Sources, segment: Segment | null, asked: SearchRequest): readonly RowPlace[] | null {
  const { openPages } = sources;
  if (openPages === undefined || !isWindow(asked.filter)) return null;
  const database = databaseOf(sources, segment);
  return fromPages(
    () => openPages(segment),
    (open) => placesInWindow(database, open(), asked),
  );
}

function placesFromEngine(sources: Sources, segment: Segment | null, asked: SearchRequest): readonly RowPlace[] {
  const database = databaseOf(sources, segment);
  const { sql, values } = placesQuery(asked, narrowingFor(sources, segment, asked));
  const found = database.get<{ ids: string; timestamps: string }>(sql, values);
  const timestamps = JSON.parse(found?.timestamps ?? '[]') as string[];
  const ids = JSON.parse(found?.ids ?? '[]') as number[];
  return ids.map((id, index) => ({ id, timestamp: timestamps[index] ?? '' }));
}

/** Ids of different files do not overlap, so the files follow each other. */
function filesInOrderOfArrival({ segments }: Sources, asked: SearchRequest): readonly Segment[] {
  return segments.filter((segment) => mayMatch(segment, asked.filter) && isAhead(segment, asked));
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

function inOrderOfArrival(sources: Sources, asked: SearchRequest): FileRows {
  const rows = new CollectedRows();
  for (const segment of [...filesInOrderOfArrival(sources, asked), null]) {
    const rest = { ...asked, limit: asked.limit - rows.lines.length };
    if (rest.limit === 0) break;
    const found = rowsOf(sources, segment, rest);
    if (!rows.add(found.lines)) break;
    if (found.isCut) return { lines: rows.lines, isCut: true };
  }
  return rows;
}

function rowsOf(sources: Sources, segment: Segment | null, asked: SearchRequest): FileRows {
  return segment === null ? rowsFound(sources, null, asked) : rowsIn(sources, segment, asked);
}

function rowsFound(sources: Sources, segment: Segment | null, asked: SearchRequest): FileRows {
  const { openPages } = sources;
  const database = databaseOf(sources, segment);
  const { found, ...narrowing } = narrowingFor(sources, segment, asked);
  const rows = found === null || openPages === undefined ? null : rowsAt(database, () => openPages(segment), found);
  return rows ?? rowsOfFile(database, asked, narrowing);
}

/** Times of different files do overlap: late entries, clocks that were set. */
function inOrderOfTime(sources: Sources, asked: SearchRequest): FileRows {
  const merged = mergedByTime(sources, asked, (segment) => {
    const { lines, isCut } = rowsOf(sources, segment, asked);
    return { rows: lines.map((line) => ({ line, ...placeOf(line) })), isCut };
  });
  const rows = new CollectedRows();
  const hasRoom = rows.add(merged.rows.map(({ line }) => line));
  return hasRoom ? { lines: rows.lines, isCut: merged.isCut } : rows;
}

function rowsIn(sources: Sources, segment: Segment, asked: SearchRequest): FileRows {
  const whole = uncutBy(segment, asked.filter);
  const question =
    whole === null || asked.after !== undefined ? null : `rows ${asked.order} ${asked.limit} ${JSON.stringify(whole)}`;
  const known = question === null ? undefined : sources.answers.get<FileRows>(segment.firstId, question);
  if (known !== undefined) return known;
  const found = rowsFound(sources, segment, asked);
  if (question !== null) sources.answers.put(segment.firstId, question, found, bytesOf(found));
  return found;
}

interface Found extends Narrowing {
  /** The rows themselves, where they had to be looked at to know. */
  readonly found: WalkedRows | null;
}

/** Words that many rows hold fill a page sooner by reading from its end than by looking all of them up. */
function narrowingFor(sources: Sources, segment: Segment | null, asked: SearchRequest): Found {
  const { filter, order } = asked;
  if (order === 'arrival') {
    const narrowing = narrowingOf(sources, segment, filter, 10);
    // Without an index, looking up a pair reads all of them: who walks from an id on, and not far, looks at each row's own.
    const pairs = segment?.state === 'sealed' ? narrowing.pairs : 'of each row';
    return { ...narrowing, pairs, found: null };
  }
  const { openPages, numbers: columns, hotOrder } = sources;
  const walked = (isShort: boolean): WalkedRows | null => {
    const database = databaseOf(sources, segment);
    const options = { columns, isShort, keptOrder: segment === null ? hotOrder : undefined };
    return openPages === undefined ? null : walkedRows(database, () => openPages(segment), asked, options);
  };
  const among = (found: WalkedRows): Found => ({ candidates: idCandidates(found.ids), pairs: 'of each row', found });
  const soon = isUnread(sources, segment, filter) ? walked(true) : null;
  if (soon !== null) return among(soon);
  const narrowing = narrowingOf(sources, segment, filter, 10);
  const found = isByIndex(narrowing, filter) ? null : walked(false);
  return found === null ? { ...narrowing, found } : among(found);
}

function bytesOf({ lines }: FileRows): number {
  return lines.reduce((sum, line) => sum + line.length * 2 + 50, 0);
}
