/**
 * Gives a consumer its batch: the one that is out, or a new one of the rows behind its position.
 *
 * Several pulls may run at once: which batch is out is decided by the store's writer (state/consumers.ts); here rows are only read.
 * Rows never change and new ones have higher ids, so a batch is its two ids, and reading it again gives the same rows.
 */
import type { Filter } from '../search/request.ts';
import type { Consumer, ConsumerBatch } from '../store/state.ts';
import type { QueryContext } from './context.ts';

export interface PullOptions {
  readonly maxRows: number;
  /** Of the rows' NDJSON; a first row that is longer comes all the same. */
  readonly maxBytes: number;
  /** How long to wait when there are no rows. */
  readonly waitMs: number;
  readonly newBatchId: () => string;
  readonly signal: AbortSignal;
}

export interface PulledBatch {
  readonly consumer: Consumer;
  readonly batch: ConsumerBatch | null;
  readonly ndjson: string;
  /** Ids that went to retention before they were read, told with the batch or, without one, once. */
  readonly gap: ConsumerBatch['gap'];
  readonly lastId: number;
  readonly isOverLimit: boolean;
}

const pageRows = 500;
const staleRetryMs = 50;
/** Under load rows are committed many times a second; one who waits looks this often. */
const lookIntervalMs = 200;

type Context = Pick<QueryContext, 'store' | 'feed' | 'clock' | 'queryTimeoutMs'>;

export async function pullBatch(context: Context, name: string, options: PullOptions): Promise<PulledBatch> {
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

async function pullOnce(context: Context, name: string, options: PullOptions): Promise<PulledBatch> {
  const { store, clock } = context;
  let consumer = await store.state.renewBatch(name, clock.nowMs());
  if (consumer.batch !== null) return readBatch(context, consumer, consumer.batch, options);
  for (;;) {
    const { position, filter } = consumer;
    const found = await readRows(context, filter, position, options);
    const gap = found.firstId > position + 1 ? { firstId: position + 1, lastId: found.firstId - 1 } : null;
    const { firstId, lastId } = found.ids;
    if (lastId === 0) {
      const lost = gap === null ? 0 : gap.lastId - gap.firstId + 1;
      consumer = await store.state.skipTo(name, position, found.storeLastId, lost);
      return { consumer, batch: null, ndjson: '', gap, lastId: found.storeLastId, isOverLimit: false };
    }
    const wanted = { id: options.newBatchId(), firstId, lastId, rows: found.lines.length, gap };
    consumer = await store.state.leaseBatch(name, position, wanted, clock.nowMs());
    const { batch } = consumer;
    if (batch === null) continue; // acknowledged or moved by another meanwhile: again from there
    if (batch.id !== wanted.id) return readBatch(context, consumer, batch, options);
    const ndjson = found.lines.map((line) => `${line}\n`).join('');
    return { consumer, batch, ndjson, gap, lastId: found.storeLastId, isOverLimit: found.isOverLimit };
  }
}

/** The rows of a batch that was made before, whatever limits this pull has. */
async function readBatch(
  context: Context,
  consumer: Consumer,
  batch: ConsumerBatch,
  { signal }: PullOptions,
): Promise<PulledBatch> {
  const { store, queryTimeoutMs, clock } = context;
  const request = {
    filter: { ...consumer.filter, afterId: batch.firstId - 1 },
    order: 'arrival',
    limit: batch.rows,
  } as const;
  let page = await store.search(request, { deadlineMs: queryTimeoutMs, signal });
  // An answer may be of a state some 200 ms old, from before the batch was committed: its rows would seem not to be there.
  while (page.lastId < batch.lastId && page.lastId > 0) {
    await clock.delay(staleRetryMs, signal);
    signal.throwIfAborted();
    page = await store.search(request, { deadlineMs: queryTimeoutMs, signal });
  }
  // Fewer rows when retention was quicker: those that follow belong to the next batch.
  const lines = linesOf(page.ndjson).filter((line) => idOf(line) <= batch.lastId);
  const ndjson = lines.map((line) => `${line}\n`).join('');
  const gone = page.firstId > batch.firstId ? { firstId: batch.firstId, lastId: page.firstId - 1 } : null;
  const gap = gone === null ? batch.gap : { firstId: batch.gap?.firstId ?? gone.firstId, lastId: gone.lastId };
  return { consumer, batch, ndjson, gap, lastId: page.lastId, isOverLimit: false };
}

interface FoundRows {
  readonly lines: readonly string[];
  /** Of the rows; 0 when there are none. */
  readonly ids: { readonly firstId: number; readonly lastId: number };
  /** Of the store. */
  readonly firstId: number;
  readonly storeLastId: number;
  readonly isOverLimit: boolean;
}

/** Page by page, so that a limit in bytes does not read what it then throws away. */
async function readRows(
  { store, queryTimeoutMs }: Context,
  filter: Filter,
  position: number,
  { maxRows, maxBytes, signal }: PullOptions,
): Promise<FoundRows> {
  const lines: string[] = [];
  let bytes = 0;
  let afterId = position;
  let isFull = false;
  for (;;) {
    const limit = Math.min(pageRows, maxRows - lines.length);
    const page = await store.search(
      { filter: { ...filter, afterId }, order: 'arrival', limit },
      { deadlineMs: queryTimeoutMs, signal },
    );
    for (const line of linesOf(page.ndjson)) {
      bytes += Buffer.byteLength(line) + 1;
      isFull = bytes > maxBytes && lines.length > 0;
      if (isFull) break;
      lines.push(line);
    }
    afterId = page.last?.id ?? afterId;
    if (isFull || !page.hasMore || lines.length >= maxRows || bytes > maxBytes) {
      const [first] = lines;
      const last = lines.at(-1);
      const ids = { firstId: first === undefined ? 0 : idOf(first), lastId: last === undefined ? 0 : idOf(last) };
      const isOverLimit = first !== undefined && Buffer.byteLength(first) + 1 > maxBytes;
      return { lines, ids, firstId: page.firstId, storeLastId: page.lastId, isOverLimit };
    }
  }
}

function linesOf(ndjson: string): string[] {
  return ndjson.split('\n').slice(0, -1);
}

/** A row's JSON begins with its id. */
function idOf(line: string): number {
  return Number(/^\{"id":(\d+)/.exec(line)?.[1]);
}
