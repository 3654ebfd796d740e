/** Gives a sink the rows behind its position: from memory where it keeps up, else from the store, hot file and segments alike. */
import type { Clock } from '../../runtime/clock.ts';
import { matchesFilter } from '../../search/match.ts';
import type { Filter, IdRange, LogRow } from '../../search/request.ts';
import type { Store } from '../../store/store.ts';
import type { RecentRows } from './recent-rows.ts';

export interface ReadRows {
  /** Those that the filter wants, in the order of arrival. */
  readonly rows: readonly LogRow[];
  /** Every row up to this id has been looked at. */
  readonly lastId: number;
  /** Ids that had gone to retention before they were read. */
  readonly lostIds: number;
}

export interface ReadLimits {
  readonly maxRows: number;
  /** Of their text, about; the first row comes whatever its length. */
  readonly maxBytes: number;
  /** Rows behind it are not looked at. */
  readonly untilId: number;
}

/** Ids looked at in one query: a filter that wants few rows must not run into the query's deadline. */
const idsPerQuery = 50_000;
/** Before a page has been read; long rows then come a few at a time. */
const assumedTextBytes = 4096;
/** Of a batch's bytes: a page may be longer, since rows differ. */
const pageShare = 1.25;
/** Of a batch that is read once more in pages. */
const rereadPage = { maxRows: 5000, maxBytes: 4 * 1024 * 1024 };
const queryDeadlineMs = 60_000;
/** A snapshot may be some 200 ms old. */
const staleRetryMs = 50;
/** More rows than this many times those that were measured may be of another kind. */
const measuredGrowth = 1.2;
/** What a row takes beside its texts, about. */
const bytesBesideTexts = 160;

export class RowSource {
  readonly #store: Pick<Store, 'search' | 'stats'>;
  readonly #recent: RecentRows;
  readonly #clock: Clock;
  #seenLastId = 0;
  /** Of the oldest row that is stored, as far as anybody has looked. */
  #firstId = 1;
  /** What the store took when it was measured with rows in it. */
  #storedBytes = 0;
  #measuredRows = 0;
  /** Of a row's text, in the page read last: pages are asked for by rows, and bounded by bytes. */
  #textBytesPerRow = assumedTextBytes;

  constructor(store: Pick<Store, 'search' | 'stats'>, recent: RecentRows, clock: Clock) {
    this.#store = store;
    this.#recent = recent;
    this.#clock = clock;
  }

  /** Of the row that arrived last, as far as anybody has looked. */
  get lastId(): number {
    return Math.max(this.#recent.lastId, this.#seenLastId);
  }

  /** In the store, with all its indexes, on average. Rows that have come since it was measured take nothing until it is measured anew. */
  get bytesPerRow(): number {
    return Math.max(this.#storedBytes / Math.max(this.#storedRows, 1), bytesBesideTexts);
  }

  /** What a row takes is known, or nearly so. */
  get isMeasured(): boolean {
    return this.#storedBytes > 0 && this.#storedRows <= this.#measuredRows * measuredGrowth;
  }

  /** Looks how many rows there are and what they take. @throws what `Store.stats` throws. */
  async measure(): Promise<void> {
    const { hotRowBytes, segmentBytes, lastId } = await this.#store.stats();
    this.#seenLastId = Math.max(this.#seenLastId, lastId);
    if (this.#storedRows <= 0) return;
    this.#storedBytes = hotRowBytes + segmentBytes;
    this.#measuredRows = this.#storedRows;
  }

  /** The position before the oldest row that is stored. @throws what `Store.search` throws. */
  async beginning(): Promise<number> {
    const asked = { filter: {}, order: 'arrival', limit: 1 } as const;
    const { firstId, lastId } = await this.#store.search(asked, { deadlineMs: queryDeadlineMs });
    return firstId === 0 ? lastId : firstId - 1;
  }

  get #storedRows(): number {
    return this.lastId - this.#firstId + 1;
  }

  /** Null when there is nothing behind `position` yet. @throws what `Store.search` throws. */
  async read(position: number, filter: Filter, limits: ReadLimits, signal: AbortSignal): Promise<ReadRows | null> {
    for (;;) {
      if (this.#recent.covers(position)) return fromMemory(this.#recent, position, filter, limits);
      const read = await this.#readStored(
        position,
        Math.min(position + idsPerQuery, limits.untilId),
        filter,
        limits,
        signal,
      );
      if (read.lastId > position) return read;
      if (this.lastId <= position) return null;
      await this.#clock.delay(staleRetryMs, signal);
      signal.throwIfAborted();
    }
  }

  /** The rows behind `position` up to `lastId`, all of them: a batch that was made before. */
  async readRange(position: number, lastId: number, filter: Filter, signal: AbortSignal): Promise<ReadRows> {
    const rows: LogRow[] = [];
    const limits = { ...rereadPage, untilId: lastId };
    let at = position;
    let lostIds = 0;
    while (at < lastId) {
      const read = await this.#readStored(at, lastId, filter, limits, signal);
      if (read.lastId > at) {
        rows.push(...read.rows);
        lostIds += read.lostIds;
        at = read.lastId;
      } else {
        await this.#clock.delay(staleRetryMs, signal);
        signal.throwIfAborted();
      }
    }
    return { rows, lastId, lostIds };
  }

  async #readStored(
    position: number,
    untilId: number,
    filter: Filter,
    limits: ReadLimits,
    signal: AbortSignal,
  ): Promise<ReadRows> {
    // What SQL finds by scanning is left to SQL; the query is held against rows in memory, so that a page costs what it costs.
    const { search: _search, metadata: _metadata, ...scanned } = filter;
    const fitting = Math.ceil((limits.maxBytes * pageShare) / this.#textBytesPerRow);
    const page = await this.#store.search(
      {
        filter: { ...scanned, afterId: position, untilId },
        order: 'arrival',
        limit: Math.min(limits.maxRows, fitting),
      },
      { deadlineMs: queryDeadlineMs, signal },
    );
    if (page.rowCount > 0) this.#textBytesPerRow = Math.max(page.ndjson.length / page.rowCount, 1);
    this.#seenLastId = Math.max(this.#seenLastId, page.lastId);
    this.#firstId = Math.max(page.firstId, 1);
    const seenId = page.hasMore && page.last !== null ? page.last.id : Math.min(untilId, page.lastId);
    const found = page.ndjson
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as LogRow);
    const read = taken(found, seenId, filter, limits);
    return { ...read, lostIds: idsIn(page.holes, read.lastId) };
  }
}

/** Of those up to `lastId`. */
function idsIn(holes: readonly IdRange[], lastId: number): number {
  return holes.reduce((sum, hole) => sum + Math.max(Math.min(hole.lastId, lastId) - hole.firstId + 1, 0), 0);
}

function fromMemory(recent: RecentRows, position: number, filter: Filter, limits: ReadLimits): ReadRows | null {
  if (position === recent.lastId) return null;
  return { ...taken(recent.after(position), Math.min(recent.lastId, limits.untilId), filter, limits), lostIds: 0 };
}

/** @param seenId of the last row that is to be looked at. */
function taken(found: Iterable<LogRow>, seenId: number, filter: Filter, { maxRows, maxBytes }: ReadLimits) {
  const rows: LogRow[] = [];
  let bytes = 0;
  for (const row of found) {
    if (row.id > seenId) break;
    if (!matchesFilter(row, filter)) continue;
    bytes += bytesOf(row);
    if (rows.length > 0 && bytes > maxBytes) return { rows, lastId: row.id - 1 };
    rows.push(row);
    if (rows.length === maxRows || bytes > maxBytes) return { rows, lastId: row.id };
  }
  return { rows, lastId: seenId };
}

function bytesOf({ message, source, metadata }: LogRow): number {
  let bytes = bytesBesideTexts + message.length + source.length;
  for (const key in metadata) bytes += key.length + (metadata[key]?.length ?? 0) + 6;
  return bytes;
}
