import { join } from 'node:path';
import { type Test, test } from 'tap';
import { PatternMiner } from '../../src/pattern/miner.ts';
import type { LogRecord } from '../../src/record/log-record.ts';
import { type PatternHistory, type PatternHistoryRequest, noHistory } from '../../src/store/patterns.ts';
import { openStore } from '../../src/store/remote-store.ts';
import type { Store } from '../../src/store/store.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { aRecord, someRecords } from '../records.ts';
import { memoryDir } from '../temp-dir.ts';
import { openSqlite } from './open-sqlite.ts';

const limits = { deadlineMs: 10_000 };
const always: PatternHistoryRequest = { fromMinute: 0, toMinute: 2 ** 31, stepMinutes: 2 ** 31 };
const bounds = { maxPatterns: 1000, maxPatternsPerApplication: 1000 };

const stores: Readonly<Record<string, (t: Test) => Promise<Store>>> = {
  SqliteStore: async () => new SqliteStore(':memory:'),
  RemoteStore: async (t) => openStore({ dataDir: await memoryDir(t) }),
};

for (const [name, open] of Object.entries(stores)) {
  void test(
    `${name}: counts of patterns appear with the rows they count, and add up`,
    { timeout: 120_000 },
    async (t) => {
      const store = await open(t);
      t.teardown(() => store.close());
      const append = appendingTo(store);

      await append(someRecords(10));
      await append(someRecords(5, { severity: 'ERROR' }));
      const history = await historyOf(store, always);

      t.match(history.patterns, [{ application: 'shop', template: 'row <*>', exemplar: 'row 0', mergedInto: null }]);
      t.strictSame(
        history.cells.map(({ severity, count }) => [severity, count]),
        [
          ['ERROR', 5],
          ['INFO', 10],
        ],
      );
      t.match(history.releases, [{ name: 'shop', version: '2.3.1' }]);
      t.match(history.slots, []);
      t.equal(history.values.length, 10);
    },
  );

  void test(`${name}: merged patterns lead to what they became part of`, { timeout: 120_000 }, async (t) => {
    const store = await open(t);
    t.teardown(() => store.close());
    const append = appendingTo(store);

    for (const user of ['root', 'admin', 'guest', 'jane']) await append([aRecord({ message: `hello user ${user}` })]);
    const { patterns } = await historyOf(store, always);

    const merged = patterns.find(({ template }) => template === 'hello user <*>');
    t.ok(merged);
    for (const { number, mergedInto } of patterns)
      t.equal(mergedInto, number === merged?.number ? null : merged?.number);
    t.match(await store.patterns(), { patterns: [{ template: 'hello user <*>', learned: [2] }] });
  });
}

void test(
  'a miner of the next run goes on with the numbers and patterns of the last',
  { timeout: 120_000 },
  async (t) => {
    const dataDir = await memoryDir(t);
    const first = await openStore({ dataDir });
    await appendingTo(first)(someRecords(10));
    await first.close();

    const second = await openStore({ dataDir });
    t.teardown(() => second.close());
    const { patterns, lastNumber } = await second.patterns();
    await appendingTo(second, new PatternMiner(bounds, patterns, lastNumber))(someRecords(10));
    const history = await historyOf(second, always);

    t.equal(history.patterns.length, 1);
    t.equal(history.cells[0]?.count, 20);
  },
);

void test('many small batches add up to the same counts and values, however many of them wait to be folded', async (t) => {
  const store: Store = new SqliteStore(':memory:');
  const append = appendingTo(store);
  const records = someRecords(100).map((record, index) => ({
    ...record,
    message: `answered status=${200 + (index % 3)}`,
  }));
  for (const [index, record] of records.entries()) {
    await append([record]);
    if (![0, 30, 31, 32, 63, 99].includes(index)) continue;
    const { cells, values } = await historyOf(store, { ...always, stepMinutes: 1 });
    const told = values.reduce((sum, { count }) => sum + count, 0);

    t.equal(
      cells.reduce((sum, { count }) => sum + count, 0),
      index + 1,
    );
    t.equal(new Set(cells.map(({ bucket, severity }) => `${bucket} ${severity}`)).size, cells.length, 'each cell once');
    t.ok(told <= index + 1 && told * 5 >= (index + 1) * 4, `${told} values of ${index + 1} told`);
  }
  const { cells } = await historyOf(store, always);
  t.match(cells, [{ count: 100 }]);
  t.ok((cells[0]?.exemplarId ?? 0) > 60, 'a row of the newest minute stands for them');
});

void test('what is asked of a history in part is as in the whole, folded or not', async (t) => {
  const store: Store = new SqliteStore(':memory:');
  const append = appendingTo(store);
  const begin = Date.parse('2026-11-24T03:00:00Z') / 60_000;
  for (let index = 0; index < 40; index++) {
    const [record] = someRecords(1, {
      timestamp: new Date((begin + index * 7) * 60_000).toISOString().replace('Z', '000Z'),
      application: { name: 'shop', version: String(1 + (index % 3)), environment: null },
      message: `answered status=${200 + (index % 3)}`,
    });
    await append(record === undefined ? [] : [record]);
  }
  for (const version of [undefined, '2', 'none']) {
    for (const [fromMinute, toMinute] of [
      [0, 2 ** 31],
      [begin + 8, begin + 100],
      [begin + 260, begin + 2000],
      [begin + 1, begin + 2],
    ] as const) {
      const request = { fromMinute, toMinute, stepMinutes: 60, version };
      const whole = await historyOf(store, request);
      const { patterns, releases, cells } = whole;
      const [firsts, lasts] = [cells.map(({ firstMinute }) => firstMinute), cells.map(({ lastMinute }) => lastMinute)];
      const extent = cells.length === 0 ? null : { first: Math.min(...firsts), last: Math.max(...lasts) };
      const counts = { patterns, releases, cells, values: [], slots: [] };

      t.strictSame(await store.patternExtent(request, limits), extent);
      t.strictSame(await historyOf(store, { ...request, only: 'counts' }), counts);
      t.strictSame(await historyOf(store, { ...request, only: 'cells' }), { ...counts, patterns: [] });
      const fine = { ...request, stepMinutes: 1 };
      t.strictSame(await store.patternHistories([fine, request], limits), [await historyOf(store, fine), whole]);
      const sums = new Map<string, number>();
      for (const { bucket, firstMinute, pattern, release, severity, count, lastMinute } of (
        await historyOf(store, fine)
      ).cells) {
        t.equal(firstMinute, fromMinute + bucket);
        t.equal(lastMinute, firstMinute);
        const key = [Math.floor(bucket / 60), pattern, release, severity].join(' ');
        sums.set(key, (sums.get(key) ?? 0) + count);
      }
      t.strictSame(
        cells.map(({ bucket, pattern, release, severity, count }) => [
          [bucket, pattern, release, severity].join(' '),
          count,
        ]),
        cells.map(({ bucket, pattern, release, severity }) => {
          const key = [bucket, pattern, release, severity].join(' ');
          return [key, sums.get(key)];
        }),
      );
    }
  }
});

void test('roll-ups outlive rotation, and what is old is folded into hours', { timeout: 120_000 }, async (t) => {
  const dataDir = await memoryDir(t);
  const store = await openStore({ dataDir, keepPatternsMs: 30 * 86_400_000 });
  const append = appendingTo(store);
  const minutes = (daysAgo: number): LogRecord[] =>
    Array.from({ length: 180 }, (_, index) => {
      const atMs = Math.floor(Date.now() / 3_600_000) * 3_600_000 - daysAgo * 86_400_000 + index * 60_000;
      return aRecord({ message: `job ${index} done`, timestamp: new Date(atMs).toISOString().replace('Z', '000Z') });
    });

  await append([...minutes(60), ...minutes(10), ...minutes(1)]);
  await store.rotate();
  const history = await historyOf(store, { ...always, stepMinutes: 1 });
  await store.close();

  t.equal(
    history.cells.reduce((sum, { count }) => sum + count, 0),
    360,
    'what is older than kept has gone',
  );
  t.equal(history.cells.length, 180 + 3, 'yesterday by minute, ten days ago by hour');
  const hot = openSqlite(join(dataDir, 'regression.db'));
  t.teardown(() => hot.close());
  t.strictSame(hot.all('SELECT count(*) AS rows FROM logs'), [{ rows: 0 }], 'the rows have moved to a segment');
});

async function historyOf(store: Store, request: PatternHistoryRequest): Promise<PatternHistory> {
  const [history = noHistory] = await store.patternHistories([request], limits);
  return history;
}

function appendingTo(store: Store, miner = new PatternMiner(bounds)): (records: LogRecord[]) => Promise<unknown> {
  return (records) => store.append({ records, positions: [], gaps: [], patterns: miner.observe(records) });
}
