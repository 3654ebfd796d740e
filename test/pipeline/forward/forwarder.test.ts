import { test } from 'tap';
import type { ConfiguredSink } from '../../../src/pipeline/forward/forwarder.ts';
import type { LogRow } from '../../../src/search/request.ts';
import { type Delivery, delivered } from '../../../src/sinks/sink.ts';
import { SqliteStore } from '../../../src/store/thread/sqlite-store.ts';
import { aRecord, someRecords } from '../../records.ts';
import { tempDir } from '../../temp-dir.ts';
import { HastyClock, forwarding, scripted } from './forwarding.ts';

const ids = (batches: readonly (readonly LogRow[])[]): number[] => batches.flat().map(({ id }) => id);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

void test('rows that were there and rows that come are delivered once, in order', async (t) => {
  const batches: (readonly LogRow[])[] = [];
  const sink = scripted((rows) => (batches.push(rows), delivered), { batch_rows: 100 });
  const { add, until } = await forwarding(t, [sink], { records: someRecords(250) });

  await until(({ position }) => position === 250);
  await add(someRecords(10));
  await add(someRecords(150));
  const status = await until(({ position }) => position === 410);

  t.same(ids(batches), upTo(410));
  t.ok(batches.every((rows) => rows.length <= 100));
  t.match(status, { state: 'idle', circuit: 'closed', lagRows: 0, lagSeconds: 0, deliveredRows: 410, droppedRows: 0 });
});

void test('rows come from segments and from the hot file alike', async (t) => {
  const directory = await tempDir(t);
  const store = new SqliteStore(`${directory}/regression.db`);
  for (let part = 0; part < 3; part++) {
    await store.append({ records: someRecords(70), positions: [], gaps: [] });
    await store.rotate();
    if (part === 0) await store.sealed();
  }
  const batches: (readonly LogRow[])[] = [];
  const sink = scripted((rows) => (batches.push(rows), delivered), { batch_rows: 50 });
  const { add, until } = await forwarding(t, [sink], { store });
  await add(someRecords(5));
  await until(({ position }) => position === 215);

  t.same(ids(batches), upTo(215));
});

void test('long rows are read a few at a time: a page is bounded by bytes, not by rows alone', async (t) => {
  const pages: number[] = [];
  class WatchedStore extends SqliteStore {
    override async search(...asked: Parameters<SqliteStore['search']>) {
      const page = await super.search(...asked);
      if (asked[0].limit > 1) pages.push(page.ndjson.length); // the first row alone is where a new sink begins
      return page;
    }
  }
  const batches: (readonly LogRow[])[] = [];
  const sink = scripted((rows) => (batches.push(rows), delivered), { batch_rows: 2000, batch_bytes: '256KiB' });
  const records = someRecords(300, { message: 'x'.repeat(20_000) });
  const { until } = await forwarding(t, [sink], { store: new WatchedStore(':memory:'), records, recentBytes: 1 });
  await until(({ position }) => position === 300);

  t.same(ids(batches), upTo(300));
  t.ok(Math.max(...pages.slice(1)) < 512 * 1024, String(pages));
});

void test('a row from memory and the same row from the store are the same words', async (t) => {
  const odd = aRecord({
    message: 'tab\t quote" back\\slash \u007f \ud83d\ude00 nul\0',
    metadata: [
      ['10', 'a'],
      ['9', 'b'],
      ['__proto__', 'c'],
      ['z', ''],
    ],
    application: { name: 'x', version: null, environment: null },
  });
  const seen: string[] = [];
  const sink = () => scripted((rows) => (seen.push(JSON.stringify(rows)), delivered));
  const stored = await forwarding(t, [sink()], { records: [odd] });
  await stored.until(({ position }) => position === 1);
  const live = await forwarding(t, [sink()]);
  await live.add([odd]);
  await live.until(({ position }) => position === 1);

  t.equal(seen.length, 2);
  t.equal(seen[0], seen[1]);
});

void test('each sink gets the rows that its severity, application and query ask for', async (t) => {
  const records = [
    aRecord({ severity: 'ERROR', message: 'disk full' }),
    aRecord({ severity: 'ERROR', message: 'timeout', metadata: [['user', 'u-1']] }),
    aRecord({
      severity: 'ERROR',
      message: 'timeout',
      application: { name: 'other', version: null, environment: null },
    }),
    aRecord({ severity: 'DEBUG', message: 'timeout', metadata: [['user', 'u-1']] }),
  ];
  const filters = [
    { name: 'all' },
    { name: 'errors', severity: 'error' },
    { name: 'other', application: 'other' },
    { name: 'query', query: 'user:u-1 timeout' },
    { name: 'both', severity: 'WARN', query: 'user:u-1' },
  ];
  for (const isLive of [false, true]) {
    const seen = new Map<string, number[]>();
    const sinks = filters.map((filter) =>
      scripted((rows) => {
        seen.set(filter.name, [...(seen.get(filter.name) ?? []), ...rows.map(({ id }) => id)]);
        return delivered;
      }, filter),
    );
    const { add, forwarder } = await forwarding(t, sinks, isLive ? {} : { records });
    if (isLive) await add(records);
    while ((await forwarder.status()).some(({ position }) => position < 4))
      await new Promise((done) => setTimeout(done, 5));

    t.same(Object.fromEntries([...seen].sort(([a], [b]) => (a < b ? -1 : 1))), {
      all: [1, 2, 3, 4],
      both: [2],
      errors: [1, 2, 3],
      other: [3],
      query: [2, 4],
    });
  }
});

void test('a filter that wants nothing moves on without a transaction for each commit', async (t) => {
  const { add, until, store } = await forwarding(t, [scripted(() => delivered, { severity: 'FATAL' })], {
    clock: new HastyClock(0.001),
  });
  for (let count = 0; count < 20; count++) await add(someRecords(1));
  await until(({ position }) => position === 20);

  t.equal((await store.state.sinks())[0]?.position, 0);
});

void test('`from: end` begins with the rows that come', async (t) => {
  const batches: (readonly LogRow[])[] = [];
  const sink = scripted((rows) => (batches.push(rows), delivered), { from: 'end' });
  const { add, until } = await forwarding(t, [sink], { records: someRecords(5) });
  await add(someRecords(2));
  await until(({ position }) => position === 7);

  t.same(ids(batches), [6, 7]);
});

void test('F51: an upstream that is down and up again gets every row, in order, and nothing is sent twice', async (t) => {
  const batches: (readonly LogRow[])[] = [];
  let calls = 0;
  const sink = scripted(
    (rows): Delivery => {
      if (calls++ % 7 !== 6) return { kind: 'unavailable', reason: 'down' };
      batches.push(rows);
      return delivered;
    },
    { batch_rows: 10 },
  );
  const { until, status } = await forwarding(t, [sink], { records: someRecords(100) });
  await until(({ position }) => position === 100);

  t.same(ids(batches), upTo(100));
  t.match(await status(), { state: 'idle', circuit: 'closed', lastError: { message: 'down' } });
});

void test('the circuit opens after failures in a row, one request finds out, and it closes', async (t) => {
  const gate = Promise.withResolvers<Delivery>();
  let calls = 0;
  const sink = scripted((): Promise<Delivery> | Delivery => {
    calls++;
    return calls <= 5 ? { kind: 'unavailable', reason: 'down' } : gate.promise;
  });
  const { until } = await forwarding(t, [sink], { records: someRecords(3) });

  const trial = await until(({ circuit }) => circuit === 'half_open');
  t.match(trial, { state: 'waiting', lagRows: 3 });
  gate.resolve(delivered);
  t.match(await until(({ position }) => position === 3), { circuit: 'closed', state: 'idle' });
  t.equal(calls, 6);
});

void test('F54: of a batch that is rejected, the row to blame alone becomes a dead letter', async (t) => {
  const taken: number[] = [];
  const sink = scripted(
    (rows): Delivery => {
      if (rows.some(({ id }) => id === 37 || id === 38)) return { kind: 'rejected', reason: '400 not a number' };
      taken.push(...rows.map(({ id }) => id));
      return delivered;
    },
    { batch_rows: 50 },
  );
  const { until, store } = await forwarding(t, [sink], { records: someRecords(100) });
  const status = await until(({ position }) => position === 100);

  t.same(
    taken,
    upTo(100).filter((id) => id !== 37 && id !== 38),
  );
  t.match(status, { deliveredRows: 98, deadLetters: 2 });
  const letters = await store.state.deadLetters(null, 10);
  t.same(
    letters.map(({ logId }) => logId),
    [37, 38],
  );
  t.match(letters[0], { sink: 'scripted', reason: '400 not a number', attempts: 1, isDue: false });
  t.match(JSON.parse(letters[0]?.row ?? ''), { id: 37, message: 'row 36' });
});

void test('F54: what is refused as we are configured waits, and becomes no dead letter', async (t) => {
  let isRight = false;
  const sink = scripted((): Delivery =>
    isRight ? delivered : { kind: 'refused', reason: '401', hint: 'check the token' },
  );
  const { until, add } = await forwarding(t, [sink], { records: someRecords(10) });

  const held = await until(({ state }) => state === 'held');
  t.match(held, { lastError: { message: '401', hint: 'check the token' }, deadLetters: 0, position: 0 });
  await add(someRecords(5));
  isRight = true;
  t.match(await until(({ position }) => position === 15), { state: 'idle', deliveredRows: 15, deadLetters: 0 });
});

void test('an upstream that rejects row after row is taken for a wrong address: the rows wait', async (t) => {
  let isRight = false;
  const sink = scripted((): Delivery => (isRight ? delivered : { kind: 'rejected', reason: '400 what is this?' }));
  const { until } = await forwarding(t, [sink], { records: someRecords(1500) });

  const held = await until(({ state }) => state === 'held');
  t.match(held, { position: 0, deadLetters: 0 });
  isRight = true;
  t.match(await until(({ position }) => position === 1500), { deliveredRows: 1500, deadLetters: 0 });
});

void test('F55: of a batch that is taken in part, only what was not taken is sent again', async (t) => {
  const sent: number[][] = [];
  const sink = scripted((rows): Delivery => {
    sent.push(rows.map(({ id }) => id));
    if (sent.length > 1) return delivered;
    return { kind: 'partly', refused: [{ index: 2, reason: 'bad field' }], again: [0, 4] };
  });
  const { until } = await forwarding(t, [sink], { records: someRecords(5) });
  const status = await until(({ position }) => position === 5);

  t.same(sent, [
    [1, 2, 3, 4, 5],
    [1, 5],
  ]);
  t.match(status, { deliveredRows: 4, deadLetters: 1 });
});

void test('F57: a sink that hangs delays no other', async (t) => {
  const dead = scripted(() => new Promise<Delivery>(() => undefined), { name: 'dead' });
  const taken: number[] = [];
  const fine = scripted((rows) => (taken.push(...rows.map(({ id }) => id)), delivered), { name: 'fine' });
  const { add, forwarder } = await forwarding(t, [dead, fine], { records: someRecords(10) });
  await add(someRecords(10));
  while (taken.length < 20) await new Promise((resolve) => setTimeout(resolve, 5));

  const [first, second] = await forwarder.status();
  t.match(first, { name: 'dead', position: 0, lagRows: 20 });
  t.match(second, { name: 'fine', position: 20, lagRows: 0 });
});

void test('a batch that was out comes again unchanged after a restart, though more rows have come', async (t) => {
  const directory = await tempDir(t);
  const open = () => new SqliteStore(`${directory}/regression.db`);
  const sent: number[][] = [];
  const lost = scripted(
    (rows, signal) => {
      sent.push(rows.map(({ id }) => id));
      return new Promise((resolve) =>
        signal.addEventListener('abort', () => resolve({ kind: 'unavailable', reason: 'cut' })),
      );
    },
    { severity: 'INFO' },
    'by batch',
  );
  const before = await forwarding(t, [lost], { store: open(), records: someRecords(10) });
  while (sent.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await before.forwarder.stop();
  await before.store.close();

  // The filter has changed meanwhile: the batch is the one that was sent all the same.
  const found = scripted((rows) => (sent.push(rows.map(({ id }) => id)), delivered), { severity: 'ERROR' }, 'by batch');
  const records = someRecords(5, { severity: 'ERROR' });
  const after = await forwarding(t, [found], { store: open(), records });
  await after.until(({ position }) => position === 15);

  t.same(sent, [upTo(10), upTo(10), [11, 12, 13, 14, 15]]);
});

void test('dead letters are sent once more when asked for: delivered, or refused again', async (t) => {
  let rejected = [2, 4];
  const sink = scripted((rows): Delivery => {
    const refused = rows.flatMap(({ id }, index) => (rejected.includes(id) ? [{ index, reason: 'no' }] : []));
    return refused.length === 0 ? delivered : { kind: 'partly', refused, again: [] };
  });
  const { until, store, forwarder } = await forwarding(t, [sink], { records: someRecords(5) });
  await until(({ deadLetters }) => deadLetters === 2);
  rejected = [4];
  t.equal(await store.state.retryDeadLetters('scripted', null), 2);
  forwarder.wake('scripted');
  const status = await until(({ deadLetters }) => deadLetters === 1);

  t.match(await store.state.deadLetters('scripted', 10), [{ logId: 4, attempts: 2, isDue: false }]);
  t.equal(status.deliveredRows, 4);
  t.equal(await store.state.dropDeadLetters('scripted', null), 1);
  t.equal((await store.state.deadLetters(null, 10)).length, 0);
});

void test('letters that are due are sent once more, though the store failed when they were asked for', async (t) => {
  const store = new SqliteStore(':memory:');
  let [asked, isPoisoned] = [0, true];
  const { dueDeadLetters } = store.state;
  Object.assign(store.state, {
    dueDeadLetters: async (...which: Parameters<typeof dueDeadLetters>) => {
      if (++asked === 2) throw new Error('the disk is slow today'); // the first is that of the start
      return dueDeadLetters(...which);
    },
  });
  const sink = scripted((rows) =>
    isPoisoned && rows.some(({ id }) => id === 2) ? { kind: 'rejected', reason: 'no' } : delivered,
  );
  const { forwarder, until } = await forwarding(t, [sink], { store, records: someRecords(3) });
  await until(({ deadLetters }) => deadLetters === 1);

  isPoisoned = false;
  await store.state.retryDeadLetters('scripted', null);
  forwarder.wake('scripted');
  t.match(await until(({ deadLetters }) => deadLetters === 0), { deliveredRows: 3 });
  t.ok(asked > 2);
});

void test('more requests at once keep the rows of each source in order', async (t) => {
  const bySource = new Map<string, number[]>();
  let atOnce = 0;
  let mostAtOnce = 0;
  const sink = scripted(
    async (rows) => {
      mostAtOnce = Math.max(mostAtOnce, ++atOnce);
      await new Promise((resolve) => setTimeout(resolve, 5));
      for (const { id, source } of rows) bySource.set(source, [...(bySource.get(source) ?? []), id]);
      atOnce--;
      return delivered;
    },
    { concurrency: 4, batch_rows: 50 },
  );
  const records = someRecords(400).map((record, index) => ({ ...record, source: `s${index % 13}` }));
  const { until } = await forwarding(t, [sink], { records });
  await until(({ position }) => position === 400);

  t.equal(mostAtOnce, 4);
  t.equal([...bySource.values()].flat().length, 400);
  for (const seen of bySource.values())
    t.same(
      seen,
      [...seen].sort((a, b) => a - b),
    );
});

void test('the text of rows is given back once they are delivered, but not while a call that was given up may be reading it', async (t) => {
  const texts: Uint8Array[] = [];
  const givenUp = Promise.withResolvers<void>();
  const sink = scripted(undefined, { timeout: '100ms' });
  const keeping: ConfiguredSink = {
    ...sink,
    create: (context) => ({
      ...sink.create(context),
      async deliver(rows) {
        if (texts.push(rows.text()) === 1) await givenUp.promise;
        return delivered;
      },
    }),
  };
  const { add, until } = await forwarding(t, [keeping]);
  await add(someRecords(10));
  await until(({ position }) => position === 10);
  t.same(
    texts.map(({ length }) => length > 0),
    [true, true],
  );

  givenUp.resolve();
  await add(someRecords(10));
  await until(({ position }) => position === 20);
  t.equal(texts[2]?.length, 0);
});

void test('stopping delivers what is there already', async (t) => {
  const taken: number[] = [];
  const sink = scripted(
    async (rows) => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      taken.push(...rows.map(({ id }) => id));
      return delivered;
    },
    { batch_rows: 10 },
  );
  const { forwarder, add } = await forwarding(t, [sink], { clock: new HastyClock(0.1) });
  await add(someRecords(30));
  await forwarder.stop();

  t.same(taken, upTo(30));
});
