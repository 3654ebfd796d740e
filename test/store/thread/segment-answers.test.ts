/** Answers of closed segments are kept, and are the same as without. */
import { join } from 'node:path';
import fc from 'fast-check';
import { test, type Test } from 'tap';
import { severities } from '../../../src/record/severity.ts';
import { matchesFilter } from '../../../src/search/match.ts';
import { parseQuery } from '../../../src/search/parse-query.ts';
import type { Filter, LogRow } from '../../../src/search/request.ts';
import { hotFileName } from '../../../src/store/segments.ts';
import { countFields } from '../../../src/store/thread/field-counts.ts';
import { countHits } from '../../../src/store/thread/hit-counts.ts';
import { searchRows } from '../../../src/store/thread/queries.ts';
import type { Sources } from '../../../src/store/thread/sources.ts';
import { SegmentAnswers, segmentAnswerLimits } from '../../../src/store/thread/segment-answers.ts';
import { SqliteStore } from '../../../src/store/thread/sqlite-store.ts';
import { aRecord, someRecords } from '../../records.ts';
import { memoryDir, tempDir } from '../../temp-dir.ts';
import { openSqlite } from '../open-sqlite.ts';
import type { SqlValue } from '../../../src/store/thread/sqlite.ts';

/** Three segments of an hour each and a hot file; `asked` names the segments that a question opened. */
async function files(t: Test): Promise<{ readonly sources: Sources; readonly asked: number[] }> {
  const directory = await tempDir(t);
  const store = new SqliteStore(join(directory, hotFileName));
  for (const hour of ['10', '11', '12', '13']) {
    const at = (second: number): string => `2026-11-24T${hour}:${second === 0 ? '00:00' : '59:59'}.000000Z`;
    const records = [0, 1].map((second) => aRecord({ timestamp: at(second), message: `rare ${hour}` }));
    await store.append({ records, positions: [], gaps: [] });
    if (hour !== '13') await store.rotate();
  }
  await store.sealed();
  const segments = await store.segments();
  await store.close();
  const databases = new Map(segments.map(({ path }) => [path, openSqlite(path)]));
  const hot = openSqlite(join(directory, hotFileName));
  t.teardown(() => [hot, ...databases.values()].forEach((database) => database.close()));
  const asked: number[] = [];
  const open: Sources['open'] = ({ path, firstId }) => {
    asked.push(firstId);
    return databases.get(path) ?? hot;
  };
  return { sources: { hot, segments, open, answers: new SegmentAnswers() }, asked };
}

const rare = { text: 'rare', query: parseQuery('rare', 0)! };

void test('hits, pages and facets ask a segment once, however the window around it moves', async (t) => {
  const { sources, asked } = await files(t);
  const window = (start: string): Filter => ({ start, end: '2026-11-24T15:00:00.000000Z', search: rare });
  const opened = (ask: () => unknown): number[] => {
    asked.length = 0;
    ask();
    return [...new Set(asked)].sort((a, b) => a - b);
  };
  const hits = (start: string) => () => countHits(sources, { filter: window(start), stepSeconds: 60 });
  const page = (start: string) => () => searchRows(sources, { filter: window(start), order: 'desc', limit: 10 });
  const facets = (start: string) => () =>
    countFields(sources, { filter: window(start), fields: 'all', limit: 5, maxRows: 1000 });

  for (const ask of [hits, page, facets]) {
    t.strictSame(opened(ask('2026-11-24T09:00:00.000000Z')), [1, 3, 5]);
    t.strictSame(opened(ask('2026-11-24T09:17:03.500000Z')), []);
  }
  // A window that begins inside a segment: its hits are added from the table, its rows and values are asked.
  t.strictSame(opened(hits('2026-11-24T10:30:00.000000Z')), []);
  t.strictSame(opened(page('2026-11-24T10:30:00.000000Z')), [1]);
  t.strictSame(
    countHits(sources, { filter: window('2026-11-24T10:30:00.000000Z'), stepSeconds: 3600 }).map(({ count }) => count),
    [1, 2, 2, 2],
  );
});

void test('a part of which little is asked is counted whole when the question comes again', async (t) => {
  const { sources, asked } = await files(t);
  const opened = (start: string): number[] => {
    asked.length = 0;
    countHits(sources, { filter: { start, search: rare }, stepSeconds: 60 });
    return [...new Set(asked)].sort((a, b) => a - b);
  };

  t.strictSame(opened('2026-11-24T10:40:00.000000Z'), [1, 3, 5], 'what is asked');
  t.strictSame(opened('2026-11-24T10:41:00.000000Z'), [1], 'all of the first segment');
  t.strictSame(opened('2026-11-24T10:42:00.000000Z'), []);
});

void test('a window that ends now asks for no row of the minute that it cuts', async (t) => {
  const { sources } = await files(t);
  const counted: unknown[] = [];
  const all = sources.hot.all.bind(sources.hot);
  sources.hot.all = <Row>(sql: string, values?: readonly SqlValue[]): Row[] => {
    if (sql.includes('GROUP BY')) counted.push(values);
    return all<Row>(sql, values);
  };
  const hits = (end: string) => countHits(sources, { filter: { end: `2026-11-24T${end}Z` }, stepSeconds: 3600 });
  hits('13:59:59.500000');
  counted.length = 0;

  t.strictSame(
    hits('13:59:59.700000').map(({ count }) => count),
    [2, 2, 2, 2],
  );
  t.strictSame(counted, []);
  t.strictSame(
    hits('13:59:59.000000').map(({ count }) => count),
    [2, 2, 2, 1],
  );
  t.equal(counted.length, 1);
});

void test('what is kept is bounded in bytes, and goes with its segment', async (t) => {
  const { sources } = await files(t);
  const { answers, segments } = sources;
  for (let limit = 1; limit <= 300; limit++) {
    searchRows(sources, { filter: {}, order: 'asc', limit });
    answers.put(1, `large ${limit}`, limit, segmentAnswerLimits.bytesPerEntry - 100);
  }
  t.ok(answers.bytes <= segmentAnswerLimits.bytes);
  t.equal(answers.get(1, 'large 1'), undefined, 'the longest unused went first');
  t.equal(answers.get(1, 'large 300'), 300);
  answers.put(1, 'too large', 1, segmentAnswerLimits.bytesPerEntry + 1);
  t.equal(answers.get(1, 'too large'), undefined);

  answers.put(7, 'of the hot file', 7, 10);
  answers.keepOnly(segments.slice(1));
  t.equal(answers.get(1, 'large 300'), undefined);
  t.equal(answers.get(7, 'of the hot file'), 7);
});

const startMs = Date.parse('2026-11-24T03:00:00Z');
const time = fc
  .record({ second: fc.integer({ min: 0, max: 900 }), micro: fc.constantFrom('000000', '000001', '500000', '999999') })
  .map(({ second, micro }) => `${new Date(startMs + second * 1000).toISOString().slice(0, 19)}.${micro}Z`);
const record = fc.record({
  timestamp: time,
  severity: fc.constantFrom(...severities),
  message: fc.constantFrom('a', 'b'),
  metadata: fc.constantFrom<[string, string][]>([], [['k', 'x']], [['k', 'y']]),
});
/** Few, so that the same is asked again when other rows are there, of another window. */
const timeless = fc.constantFrom<Filter>(
  {},
  { minSeverity: 'WARN' },
  { metadata: [['k', 'x']] },
  { search: { text: '-a', query: parseQuery('-a', 0)! } },
);
const sometimes = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined, freq: 2 });
const window = fc
  .record({ start: sometimes(time), end: sometimes(time) })
  .map(({ start, end }) =>
    start !== undefined && end !== undefined && start > end ? { start: end, end: start } : { start, end },
  );
const ids = fc.record({ afterId: fc.integer({ min: 0, max: 60 }), untilId: fc.integer({ min: 0, max: 60 }) });
const filter = fc
  .tuple(timeless, window, fc.option(ids, { nil: {}, freq: 2 }))
  .map((parts): Filter => Object.assign({}, ...parts));
const step = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.array(record, { minLength: 1, maxLength: 12 }).map((rows) => ({ do: 'append', rows }) as const),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'rotate' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'seal' } as const) },
  {
    weight: 5,
    arbitrary: fc
      .record({
        filter,
        stepSeconds: fc.constantFrom(1, 60, 60, 300),
        order: fc.constantFrom('asc', 'desc', 'arrival'),
        again: fc.integer({ min: 1, max: 2 }),
      })
      .map((asked) => ({ do: 'ask', ...asked }) as const),
  },
);

void test(
  'hits and pages over files that are written, closed and sealed meanwhile are those of all rows',
  { timeout: 240_000 },
  async (t) => {
    const root = await memoryDir(t);
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const store = new SqliteStore(join(root, String(++runs), hotFileName));
        const rows: LogRow[] = [];
        try {
          for (const doing of steps) {
            if (doing.do === 'append') {
              const records = doing.rows.map((parts) => aRecord(parts));
              await store.append({ records, positions: [], gaps: [] });
              for (const { application, metadata, ...own } of records)
                rows.push({
                  id: rows.length + 1,
                  ...own,
                  application: application.name,
                  version: application.version,
                  environment: application.environment,
                  metadata: Object.fromEntries(metadata),
                });
            } else if (doing.do === 'rotate') await store.rotate();
            else if (doing.do === 'seal') await store.sealed();
            else for (let time = 0; time < doing.again; time++) await compare(store, rows, doing);
          }
        } finally {
          await store.close();
        }
      }),
      { numRuns: 40 },
    );
    t.ok(runs >= 40);
  },
);

interface Asked {
  readonly filter: Filter;
  readonly stepSeconds: number;
  readonly order: 'asc' | 'desc' | 'arrival';
}

async function compare(store: SqliteStore, rows: readonly LogRow[], { filter: wanted, stepSeconds, order }: Asked) {
  const found = rows.filter((row) => matchesFilter(row, wanted));
  const buckets = new Map<number, number>();
  for (const { timestamp } of found) {
    const bucket = Math.floor(Date.parse(timestamp) / 1000 / stepSeconds) * stepSeconds;
    buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
  }
  const hits = await store.hits({ filter: wanted, stepSeconds });
  const counted = hits.map(({ timestamp, count }) => `${Date.parse(timestamp) / 1000} ${count}`);
  const expected = [...buckets].sort(([a], [b]) => a - b).map(([seconds, count]) => `${seconds} ${count}`);
  if (String(counted) !== String(expected)) throw new Error(`hits: ${String(counted)} instead of ${String(expected)}`);

  const sorted = found.toSorted((a, b) => {
    if (order === 'arrival' || a.timestamp === b.timestamp) return order === 'desc' ? b.id - a.id : a.id - b.id;
    return a.timestamp < b.timestamp === (order === 'asc') ? -1 : 1;
  });
  const page = await store.search({ filter: wanted, order, limit: 10 });
  const ids = page.ndjson
    .split('\n')
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as LogRow).id);
  const expectedIds = sorted.slice(0, 10).map(({ id }) => id);
  if (String(ids) !== String(expectedIds))
    throw new Error(`${order}: ${String(ids)} instead of ${String(expectedIds)}`);
}

void test('the hot file is counted on from where the last question ended', async (t) => {
  const store = new SqliteStore(':memory:');
  t.teardown(() => store.close());
  const total = async (search?: Filter['search']): Promise<number> =>
    (await store.hits({ filter: { search, end: '2026-11-25T00:00:00.000000Z' }, stepSeconds: 60 })).reduce(
      (sum, { count }) => sum + count,
      0,
    );
  let expected = 0;
  for (const count of [100, 1, 30, 500]) {
    await store.append({ records: someRecords(count, { message: 'rare' }), positions: [], gaps: [] });
    expected += count;
    t.equal(await total(), expected);
    t.equal(await total(rare), expected);
  }
});
