/** Gives a sink the rows behind its position: from memory where it keeps up, else from the store, hot file and segments alike. */
import type { Clock } from '../../runtime/clock.ts';
import { matchesFilter } from '../../search/match.ts';
import type { Filter, IdRange } from '../../search/request.ts';
import { Rows } from '../../sinks/rows.ts';
import { JsonText } from '../../store/json-text.ts';
import type { Store } from '../../store/store.ts';
import type { RecentRows } from './recent-rows.ts';

export interface ReadRows {
  /** Those that the filter wants, in the order of arrival. */
  readonly rows: Rows;
  /** Every row up to this id has been looked at. */
  readonly lastId: number;
  /** Ids that had gone to retention before they were read. */
  readonly lostIds: number;
  /** Nobody reads the rows' text but who has these: once they are delivered, it can be given back. */
  readonly endsText: boolean;
}

export interface ReadLimits {
  readonly maxRows: number;
  /** Of their text, about; the first row comes whatever its length. */
  readonly maxBytes: number;
  /** Rows behind it are not looked at. */
  readonly untilId: number;
}

/** Rows behind `position`, those that the filter wants. */
interface Page {
  readonly position: number;
  readonly filter: Filter;
  readonly rows: Rows;
  /** Every row up to this id has been looked at. */
  readonly seenId: number;
  readonly holes: readonly IdRange[];
}

/** Read at once, however few a batch may have: under load a snapshot of the store is waited for. */
const rowsPerPage = 5000;
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
/** Of a row in the store, at least, about. */
const leastRowBytes = 160;
/** Of a row's text. */
const expectedRowBytes = 600;

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

  /** Of the page read last, what was not asked for. */
  #rest: Page | null = null;

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
    return Math.max(this.#storedBytes / Math.max(this.#storedRows, 1), leastRowBytes);
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
      if (this.#recent.covers(position)) {
        this.#rest = null;
        return fromMemory(this.#recent, position, filter, limits);
      }
      const read = this.#fromPage(await this.#pageAt(position, filter, limits, signal), limits);
      if (read.lastId > position) return read;
      if (this.lastId <= position) return null;
      await this.#clock.delay(staleRetryMs, signal);
      signal.throwIfAborted();
    }
  }

  /** The rows behind `position` up to `lastId`, all of them: a batch that was made before. */
  async readRange(position: number, lastId: number, filter: Filter, signal: AbortSignal): Promise<ReadRows> {
    const parts: Rows[] = [];
    let at = position;
    let lostIds = 0;
    while (at < lastId) {
      const page = await this.#readPage(at, lastId, filter, rereadPage, signal);
      if (page.seenId > at) {
        parts.push(page.rows);
        lostIds += idsIn(page.holes, at, page.seenId);
        at = page.seenId;
      } else {
        await this.#clock.delay(staleRetryMs, signal);
        signal.throwIfAborted();
      }
    }
    return { rows: Rows.joined(parts), lastId, lostIds, endsText: false };
  }

  /** What is left of the page that was read last, or the next one. */
  async #pageAt(position: number, filter: Filter, limits: ReadLimits, signal: AbortSignal): Promise<Page> {
    const rest = this.#rest;
    this.#rest = null;
    if (rest?.position === position && rest.filter === filter && rest.seenId <= limits.untilId) return rest;
    const maxRows = Math.max(limits.maxRows, rowsPerPage);
    return this.#readPage(
      position,
      Math.min(position + idsPerQuery, limits.untilId),
      filter,
      { ...limits, maxRows },
      signal,
    );
  }

  /** Its first rows, as many as a batch has room for; the others are for the next one. */
  #fromPage(page: Page, { maxRows, maxBytes }: ReadLimits): ReadRows {
    const { rows, position, seenId, holes } = page;
    let [count, bytes] = [0, 0];
    while (count < rows.length && count < maxRows && bytes <= maxBytes) bytes += rows.sizeAt(count++);
    if (bytes > maxBytes && count > 1) count--;
    const isWhole = count === rows.length;
    const lastId = isWhole ? seenId : rows.at(count - 1).id;
    if (!isWhole) this.#rest = { ...page, position: lastId, rows: rows.slice(count) };
    return { rows: rows.slice(0, count), lastId, lostIds: idsIn(holes, position, lastId), endsText: isWhole };
  }

  async #readPage(
    position: number,
    untilId: number,
    filter: Filter,
    { maxRows, maxBytes }: Pick<ReadLimits, 'maxRows' | 'maxBytes'>,
    signal: AbortSignal,
  ): Promise<Page> {
    // What SQL finds by scanning is left to SQL; the query is held against rows in memory, so that a page costs what it costs.
    const { search, ...scanned } = filter;
    const fitting = Math.ceil((maxBytes * pageShare) / this.#textBytesPerRow);
    const page = await this.#store.search(
      {
        filter: { ...scanned, afterId: position, untilId },
        order: 'arrival',
        limit: Math.min(maxRows, fitting),
        asBytes: true,
      },
      { deadlineMs: queryDeadlineMs, signal },
    );
    const found = page.bytes === undefined ? Rows.of(Buffer.from(page.ndjson)) : Rows.owning(page.bytes);
    if (found.length > 0) this.#textBytesPerRow = Math.max(found.bytes / found.length, 1);
    this.#seenLastId = Math.max(this.#seenLastId, page.lastId);
    this.#firstId = Math.max(page.firstId, 1);
    const seenId = page.hasMore && page.last !== null ? page.last.id : Math.min(untilId, page.lastId);
    const rows = search === undefined ? found : found.filter((row) => matchesFilter(row, { search }));
    return { position, filter, rows, seenId, holes: page.holes };
  }
}

/** Behind `position`, up to `lastId`. */
function idsIn(holes: readonly IdRange[], position: number, lastId: number): number {
  return holes.reduce(
    (sum, hole) => sum + Math.max(Math.min(hole.lastId, lastId) - Math.max(hole.firstId, position + 1) + 1, 0),
    0,
  );
}

function fromMemory(recent: RecentRows, position: number, filter: Filter, limits: ReadLimits): ReadRows | null {
  if (position === recent.lastId) return null;
  const { maxRows, maxBytes, untilId } = limits;
  const text = new JsonText(Math.min(recent.lastId - position, maxRows) * expectedRowBytes);
  const seenId = Math.min(recent.lastId, untilId);
  const isAll = Object.keys(filter).length === 0; // then no row is made an object
  const read = (lastId: number): ReadRows => ({
    rows: Rows.owning(text.takeBytes()),
    lastId,
    lostIds: 0,
    endsText: true,
  });
  let count = 0;
  for (const row of recent.after(position)) {
    if (row.id > seenId) break;
    if (!isAll && !matchesFilter(row.row(), filter)) continue;
    const start = text.length;
    row.write(text);
    if (count > 0 && text.length > maxBytes) {
      text.cutAt(start);
      return read(row.id - 1);
    }
    if (++count === maxRows || text.length > maxBytes) return read(row.id);
  }
  return read(seenId);
}
