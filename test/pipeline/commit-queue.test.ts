import { test, type Test } from 'tap';
import { pino } from 'pino';
import { CommitQueue, type CommitQueueOptions } from '../../src/pipeline/commit-queue.ts';
import type { Slice } from '../../src/pipeline/forming-batch.ts';
import { PatternMiner } from '../../src/pattern/miner.ts';
import type { Batch } from '../../src/record/batch.ts';
import { countsIn } from '../../src/record/pattern-counts.ts';
import { RegressionError } from '../../src/runtime/errors.ts';
import { createMetrics } from '../../src/runtime/metrics.ts';
import { ManualClock } from '../manual-clock.ts';
import { aPosition, rowsOf, someRecords } from '../records.ts';

/** A store whose answers the test gives, one by one. */
class ScriptedStore {
  readonly batches: Batch[] = [];
  readonly #answers: PromiseWithResolvers<{ firstId: number }>[] = [];
  #called = Promise.withResolvers<void>();

  append(batch: Batch): Promise<{ firstId: number }> {
    this.batches.push(batch);
    const answer = Promise.withResolvers<{ firstId: number }>();
    this.#answers.push(answer);
    this.#called.resolve();
    this.#called = Promise.withResolvers();
    return answer.promise;
  }

  commit(call: number): void {
    this.#answers[call]?.resolve({ firstId: 1 });
  }

  refuse(call: number, error: RegressionError): void {
    this.#answers[call]?.reject(error);
  }

  async untilCalls(count: number): Promise<void> {
    while (this.batches.length < count) await this.#called.promise;
  }

  messages(call: number): string[] {
    return rowsOf(this.batches[call]?.records ?? []).map(({ message }) => message.trimEnd());
  }
}

const full = new RegressionError('STORE_FULL', 'the disk is full', { retryable: true });

function setUp(t: Test, options: Partial<CommitQueueOptions> = {}) {
  const store = new ScriptedStore();
  const clock = new ManualClock();
  const fatal: unknown[] = [];
  const queue = new CommitQueue({
    store,
    clock,
    metrics: createMetrics(),
    logger: pino({ level: 'silent' }),
    maxQueuedBytes: 10_000,
    rowsPerBatch: 10,
    onFatal: (error) => fatal.push(error),
    ...options,
  });
  t.teardown(() => queue.stop());
  return { store, clock, queue, fatal };
}

/** @param length of each message, spaces behind it included. */
function slice(rows: number, offset: number, length = 0): Slice {
  const records = someRecords(rows).map((record, index) => ({
    ...record,
    message: `${offset}.${index}`.padEnd(length),
  }));
  return { records, position: aPosition({ offset }), gaps: [] };
}

const settled = (): Promise<void> => new Promise(setImmediate);

void test('long rows make smaller batches: a batch has four megabytes, and what carries it over', async (t) => {
  const MiB = 1024 * 1024;
  const { store, queue } = setUp(t, { rowsPerBatch: 1000, maxQueuedBytes: 100 * MiB });
  for (let offset = 1; offset <= 6; offset++) await queue.push(slice(1, offset, 1.5 * MiB));

  t.strictSame(store.messages(0), ['1.0'], 'the first at once');
  t.strictSame(store.messages(1), ['2.0', '3.0', '4.0'], 'the next while it is under way, since it is full');
  store.commit(0);
  await settled();
  t.equal(store.batches.length, 2, 'what is left is no full batch');
  store.commit(1);
  await store.untilCalls(3);
  t.strictSame(store.messages(2), ['5.0', '6.0']);
});

void test('the first slice goes at once; what comes meanwhile goes together', async (t) => {
  const { store, queue } = setUp(t);
  await queue.push(slice(1, 1));
  await queue.push(slice(1, 2));
  await queue.push(slice(1, 3));
  t.equal(store.batches.length, 1, 'one is under way');
  store.commit(0);
  await store.untilCalls(2);

  t.strictSame(store.messages(1), ['2.0', '3.0']);
  t.strictSame(store.batches[1]?.positions, [aPosition({ offset: 3 })], 'the position behind both');
});

void test('what files have lost is counted once it is committed: gaps by reason, and the bytes that are known', async (t) => {
  const metrics = createMetrics();
  const { store, queue } = setUp(t, { metrics });
  const { generation, path } = aPosition();
  const gap = { generation, path, reason: 'deleted' } as const;
  const gaps = [
    { ...gap, startOffset: 100, endOffset: 160 },
    { ...gap, startOffset: 160, endOffset: null },
  ];
  const counted = async (): Promise<(number | undefined)[]> =>
    [await metrics.gaps.get(), await metrics.lostBytes.get()].map(({ values }) => values[0]?.value);
  await queue.push({ ...slice(0, 1), gaps });
  t.strictSame(await counted(), [undefined, undefined]);
  store.commit(0);
  await queue.flushed();

  t.strictSame(await counted(), [2, 60]);
  t.match(await metrics.registry.metrics(), /^regression_input_lost_bytes_total\{reason="deleted"\} 60$/m);
});

void test('under load a second batch is prepared while the first is inserted, no third', async (t) => {
  const { store, queue } = setUp(t);
  for (let offset = 1; offset <= 6; offset++) await queue.push(slice(5, offset));

  t.strictSame(
    store.batches.map(({ records }) => rowsOf(records).length),
    [5, 10],
  );
});

void test('push waits while the bound is passed, and goes on when a commit made room', async (t) => {
  const { store, queue } = setUp(t, { maxQueuedBytes: 2000 });
  await queue.push(slice(1, 1, 1200));
  let isTaken = false;
  const pushing = queue.push(slice(1, 2, 1200)).then(() => (isTaken = true));
  await settled();
  t.notOk(isTaken, 'waits');
  store.commit(0);
  await pushing;

  t.ok(isTaken);
});

void test('a refused batch is repeated unchanged, before any other (F38)', async (t) => {
  const { store, clock, queue } = setUp(t);
  for (let offset = 1; offset <= 4; offset++) await queue.push(slice(5, offset));
  store.refuse(0, full);
  store.refuse(1, full);
  await settled();
  t.equal(queue.failure, 'the disk is full');
  await queue.push(slice(5, 5));
  t.equal(store.batches.length, 2, 'nothing new is sent while it fails');
  while (clock.sleeping === 0) await settled();
  clock.advance(2000);
  await store.untilCalls(4);

  t.equal(store.batches[2], store.batches[0], 'the very batch');
  t.equal(store.batches[3], store.batches[1]);
  store.commit(2);
  store.commit(3);
  await store.untilCalls(5);
  store.commit(4);
  await queue.flushed();
  t.equal(queue.failure, null, 'and all is well again');
});

void test('a batch behind a refused one is repeated behind it', async (t) => {
  const { store, clock, queue } = setUp(t);
  for (let offset = 1; offset <= 3; offset++) await queue.push(slice(5, offset));
  store.refuse(0, full);
  store.refuse(1, new RegressionError('STORE_WRITE_FAILED', 'not after a failed one', { retryable: true }));
  while (clock.sleeping === 0) await settled();
  clock.advance(2000);
  await store.untilCalls(4);

  t.strictSame(store.messages(2), store.messages(0));
  t.strictSame(store.messages(3), store.messages(1));
});

void test('an error that no retry can mend stops the queue and is told once', async (t) => {
  const { store, queue, fatal } = setUp(t);
  await queue.push(slice(1, 1));
  const corrupt = new RegressionError('STORE_CORRUPT', 'the file is damaged');
  store.refuse(0, corrupt);
  await settled();
  await queue.push(slice(1, 2));

  t.strictSame(fatal, [corrupt]);
  t.equal(store.batches.length, 1, 'nothing more is sent');
});

void test('flushed resolves when all that was pushed before is committed', async (t) => {
  const { store, queue } = setUp(t);
  await queue.flushed();
  await queue.push(slice(1, 1));
  let isFlushed = false;
  const flushing = queue.flushed().then(() => (isFlushed = true));
  await settled();
  t.notOk(isFlushed);
  store.commit(0);
  await flushing;
  t.ok(isFlushed);
});

void test('commit resolves with its own slice, not with those behind it; its request goes with its rows', async (t) => {
  const { store, queue } = setUp(t, { rowsPerBatch: 1 });
  const request = { key: 'k', bodyDigest: 'd' };
  const committing = queue.commit({ ...slice(1, 1), request });
  await queue.push(slice(1, 2));
  t.strictSame(store.batches[0]?.requests, [request]);
  t.strictSame(store.batches[1]?.requests, []);
  store.commit(0);
  await committing;

  await t.resolves(committing);
});

void test('commit rejects when the queue stops before', async (t) => {
  const { queue } = setUp(t);
  const committing = queue.commit(slice(1, 1));
  queue.stop();

  await t.rejects(committing, { code: 'STORE_CLOSED' });
});

void test('stop lets waiting inputs go and gives up what is not committed', async (t) => {
  const { store, queue } = setUp(t, { maxQueuedBytes: 1000 });
  await queue.push(slice(1, 1));
  const pushing = queue.push(slice(1, 2, 2000));
  queue.stop();
  await pushing;
  await queue.flushed();

  t.equal(store.batches.length, 1);
});

void test('each batch has the patterns of its own rows, also while several wait', async (t) => {
  const patterns = new PatternMiner({ maxPatterns: 100, maxPatternsPerApplication: 100 });
  const { store, queue } = setUp(t, { patterns });
  for (let offset = 1; offset <= 7; offset++) await queue.push(slice(4, offset));
  for (let call = 0; call < 4; call++) {
    await store.untilCalls(call + 1);
    store.commit(call);
  }
  await queue.flushed();

  const counted = store.batches.map(({ records, patterns: changes }) => {
    const rows = rowsOf(records).length;
    const counts = changes ? [...countsIn(changes.counts)] : [];
    return {
      rows,
      counted: counts.reduce((sum, { count }) => sum + count, 0),
      places: counts.every(({ record }) => record < rows),
    };
  });
  t.strictSame(counted, [
    { rows: 4, counted: 4, places: true },
    { rows: 8, counted: 8, places: true },
    { rows: 8, counted: 8, places: true },
    { rows: 8, counted: 8, places: true },
  ]);
});

void test('a store that does not answer is said to be stuck after ten seconds, until it answers (F69)', async (t) => {
  const { store, clock, queue } = setUp(t);
  await queue.push(slice(1, 10));
  clock.advance(10_000);
  t.equal(queue.stall, null);
  clock.advance(2000);
  t.match(queue.stall, /has not answered for 12 s; inputs wait/);
  t.equal(queue.failure, null, 'it may still answer: nothing has failed');

  const flushed = queue.flushed();
  store.commit(0);
  await flushed;
  t.equal(queue.stall, null);
});
