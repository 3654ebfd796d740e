/**
 * Gives a consumer its batch: the one that is out, or a new one of the rows behind its position.
 *
 * Several pulls may run at once: which batch is out is decided by the store's writer (state/consumers.ts); here rows are only read.
 * Rows never change and new ones have higher ids, so a batch is its two ids, and reading it again gives the same rows.
 */
import type { Filter, IdRange } from '../search/request.ts';
import type { Consumer, ConsumerBatch } from '../store/consumer-state.ts';
import type { QueryContext } from './context.ts';

/** Takes the rows of a batch, page by page: what becomes of them is its own matter. */
export interface BatchView {
  /** @param lines rows as JSON, in the order of arrival. */
  add(lines: readonly string[]): void;
}

export interface PullOptions<View extends BatchView> {
  /** Asked for a new one when another pull was quicker and its batch is read instead. */
  readonly newView: () => View | Promise<View>;
  /** Rows read at once. */
  readonly pageRows: number;
  readonly maxRows: number;
  /** Of the rows' NDJSON; a first row that is longer comes all the same. */
  readonly maxBytes: number;
  /** How long to wait when there are no rows. */
  readonly waitMs: number;
  readonly newBatchId: () => string;
  readonly signal: AbortSignal;
}

export interface PulledBatch<View extends BatchView> {
  readonly consumer: Consumer;
  readonly batch: ConsumerBatch | null;
  readonly view: View;
  /** Ids that went to retention before they were read, told with the batch or, without one, once. */
  readonly gap: ConsumerBatch['gap'];
  readonly lastId: number;
  readonly isOverLimit: boolean;
}

const staleRetryMs = 50;
/** Under load rows are committed many times a second; one who waits looks this often. */
const lookIntervalMs = 200;

type Context = Pick<QueryContext, 'store' | 'feed' | 'clock' | 'queryTimeoutMs'>;

export async function pullBatch<View extends BatchView>(
  context: Context,
  name: string,
  options: PullOptions<View>,
): Promise<PulledBatch<View>> {
  const { feed, clock } = context;
  const ended = new AbortController();
  const signal = AbortSignal.any([options.signal, ended.signal]);
  void clock.delay(options.waitMs, signal).then(() => ended.abort());
  try {
    for (;;) {
      const seenId = feed.lastId;
      const pulled = await pullOnce(context, name, options);
      const isWaiting = pulled.batch === null && pulled.gap === null && options.waitMs > 0 && !ended.signal.aborted;
      if (!isWaiting) return pulled;
      options.signal.throwIfAborted();
      if (feed.lastId === seenId) await feed.arrival(signal);
      else await clock.delay(lookIntervalMs, signal);
    }
  } finally {
    ended.abort();
  }
}

async function pullOnce<View extends BatchView>(
  context: Context,
  name: string,
  options: PullOptions<View>,
): Promise<PulledBatch<View>> {
  const { store, clock } = context;
  let consumer = await store.state.renewBatch(name, clock.nowMs());
  if (consumer.batch !== null) return readBatch(context, consumer, consumer.batch, options);
  for (;;) {
    const { position, filter } = consumer;
    const view = await options.newView();
    const found = await readRows(context, filter, position, options, view);
    const { gap, lostIds } = found;
    const { firstId, lastId } = found.ids;
    if (lastId === 0) {
      consumer = await store.state.skipTo(name, position, found.storeLastId, lostIds);
      return { consumer, batch: null, view, gap, lastId: found.storeLastId, isOverLimit: false };
    }
    const wanted = { id: options.newBatchId(), firstId, lastId, rows: found.rows, gap };
    consumer = await store.state.leaseBatch(name, position, wanted, lostIds, clock.nowMs());
    const { batch } = consumer;
    if (batch === null) continue; // acknowledged or moved by another meanwhile: again from there
    if (batch.id !== wanted.id) return readBatch(context, consumer, batch, options);
    return { consumer, batch, view, gap, lastId: found.storeLastId, isOverLimit: found.isOverLimit };
  }
}

/** The rows of a batch that was made before, whatever limits this pull has. */
async function readBatch<View extends BatchView>(
  context: Context,
  consumer: Consumer,
  batch: ConsumerBatch,
  { signal, pageRows, newView }: PullOptions<View>,
): Promise<PulledBatch<View>> {
  const { store, queryTimeoutMs, clock } = context;
  const view = await newView();
  let afterId = batch.firstId - 1;
  const holes: IdRange[] = [];
  for (;;) {
    const page = await store.search(
      { filter: { ...consumer.filter, afterId, untilId: batch.lastId }, order: 'arrival', limit: pageRows },
      { deadlineMs: queryTimeoutMs, signal },
    );
    // An answer may be of a state some 200 ms old, from before the batch was committed: its rows would seem not to be there.
    if (page.lastId < batch.lastId && page.lastId > 0) {
      await clock.delay(staleRetryMs, signal);
      signal.throwIfAborted();
      continue;
    }
    view.add(linesOf(page.ndjson));
    holes.push(...page.holes);
    afterId = page.last?.id ?? afterId;
    if (page.hasMore) continue;
    // Fewer rows when retention was quicker.
    const cut = holes.length === 0 ? consumer : await store.state.cutBatch(consumer.name, batch.id, holes);
    const gap = (cut.batch?.id === batch.id ? cut.batch : batch).gap;
    return { consumer, batch, view, gap, lastId: page.lastId, isOverLimit: false };
  }
}

interface FoundRows {
  readonly rows: number;
  /** Of the rows; 0 when there are none. */
  readonly ids: IdRange;
  /** Of the ids in front of the rows, or of all without rows, those that are gone: from the first to the last of them. */
  readonly gap: IdRange | null;
  /** How many. */
  readonly lostIds: number;
  readonly storeLastId: number;
  readonly isOverLimit: boolean;
}

/**
 * Page by page, so that a limit in bytes does not read what it then throws away. The rows end where ids are missing: what is lost
 * always lies in front of a batch.
 */
async function readRows<View extends BatchView>(
  { store, queryTimeoutMs }: Context,
  filter: Filter,
  position: number,
  { maxRows, maxBytes, pageRows, signal }: PullOptions<View>,
  view: View,
): Promise<FoundRows> {
  let bytes = 0;
  let rows = 0;
  let [firstId, lastId] = [0, 0];
  let isOverLimit = false;
  let afterId = position;
  let gap: IdRange | null = null;
  let lostIds = 0;
  for (;;) {
    const limit = Math.min(pageRows, maxRows - rows);
    const page = await store.search(
      { filter: { ...filter, afterId }, order: 'arrival', limit },
      { deadlineMs: queryTimeoutMs, signal },
    );
    const holes = [...page.holes];
    /** False when there is one, and rows in front of it. */
    const passHoles = (untilId: number): boolean => {
      for (let hole = holes[0]; hole !== undefined && hole.firstId <= untilId; hole = holes[0]) {
        if (rows + lines.length > 0) return false;
        gap = { firstId: gap?.firstId ?? hole.firstId, lastId: hole.lastId };
        lostIds += hole.lastId - hole.firstId + 1;
        holes.shift();
      }
      return true;
    };
    const lines: string[] = [];
    let isFull = false;
    for (const line of linesOf(page.ndjson)) {
      bytes += Buffer.byteLength(line) + 1;
      isFull = !passHoles(idOf(line)) || (bytes > maxBytes && rows + lines.length > 0);
      if (isFull) break;
      lines.push(line);
    }
    if (!page.hasMore) isFull ||= !passHoles(Infinity);
    view.add(lines);
    rows += lines.length;
    const [first] = lines;
    if (firstId === 0 && first !== undefined) {
      firstId = idOf(first);
      isOverLimit = Buffer.byteLength(first) + 1 > maxBytes;
    }
    lastId = idOf(lines.at(-1) ?? '') || lastId;
    afterId = page.last?.id ?? afterId;
    if (isFull || !page.hasMore || rows >= maxRows || bytes > maxBytes) {
      const ids = { firstId, lastId };
      return { rows, ids, gap, lostIds, storeLastId: page.lastId, isOverLimit };
    }
  }
}

function linesOf(ndjson: string): string[] {
  return ndjson.split('\n').slice(0, -1);
}

/** A row's JSON begins with its id; 0 for no row. */
function idOf(line: string): number {
  return Number(/^\{"id":(\d+)/.exec(line)?.[1] ?? 0);
}
