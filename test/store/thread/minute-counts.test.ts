/** A segment's counts of minutes say what counting its rows does. */
import { join } from 'node:path';
import { test, type Test } from 'tap';
import type { LogRecord } from '../../../src/record/log-record.ts';
import { severities } from '../../../src/record/severity.ts';
import { timestampOfMs } from '../../../src/record/timestamp.ts';
import { matchesFilter } from '../../../src/search/match.ts';
import { parseQuery } from '../../../src/search/parse-query.ts';
import type { Filter, HitsBucket, LogRow } from '../../../src/search/request.ts';
import { hotFileName } from '../../../src/store/segments.ts';
import { countHits } from '../../../src/store/thread/hit-counts.ts';
import { SegmentAnswers } from '../../../src/store/thread/segment-answers.ts';
import type { Sources } from '../../../src/store/thread/sources.ts';
import { SqliteStore } from '../../../src/store/thread/sqlite-store.ts';
import { aRecord } from '../../records.ts';
import { memoryDir } from '../../temp-dir.ts';
import { openSqlite } from '../open-sqlite.ts';
import { rowsOf } from '../store.contract.ts';

const firstMs = Date.parse('2026-11-24T03:00:00Z');
const rows = 3000;
const q = (text: string): Filter => ({ search: { text, query: parseQuery(text, firstMs)! } });

/** Of one sealed segment, with the statements that it is asked. */
async function sealedSegment(
  t: Test,
  record: (index: number) => Partial<LogRecord>,
): Promise<{ readonly sources: () => Sources; readonly stored: readonly LogRow[]; readonly asked: string[] }> {
  const directory = await memoryDir(t);
  const store = new SqliteStore(join(directory, hotFileName));
  const records = Array.from({ length: rows }, (_, index) => aRecord(record(index)));
  await store.append({ records, positions: [], gaps: [] });
  const stored = await rowsOf(store, { order: 'arrival', limit: rows });
  await store.rotate();
  await store.sealed();
  const segments = await store.segments();
  await store.close();
  const [sealed, hot] = [openSqlite(segments[0]?.path ?? ''), openSqlite(join(directory, hotFileName))];
  t.teardown(() => [sealed, hot].forEach((database) => database.close()));
  const asked: string[] = [];
  const all = sealed.all.bind(sealed);
  sealed.all = (sql, values) => {
    asked.push(sql);
    return all(sql, values);
  };
  return {
    sources: () => ({ hot, segments, open: () => sealed, answers: new SegmentAnswers() }),
    stored,
    asked,
  };
}

function counted(stored: readonly LogRow[], filter: Filter, stepSeconds: number): readonly HitsBucket[] {
  const counts = new Map<number, number>();
  for (const row of stored.filter((one) => matchesFilter(one, filter))) {
    const bucket = Math.floor(Date.parse(row.timestamp) / 1000 / stepSeconds) * stepSeconds;
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  }
  return [...counts]
    .sort(([a], [b]) => a - b)
    .map(([seconds, count]) => ({ timestamp: timestampOfMs(seconds * 1000), count }));
}

void test('hits of whole minutes are added up, what cuts one is counted, with the same answers', async (t) => {
  const { sources, stored, asked } = await sealedSegment(t, (index) => ({
    timestamp: timestampOfMs(firstMs + ((index * 7919) % rows) * 500),
    severity: severities[index % severities.length],
    application: {
      name: index % 2 === 0 ? 'shop' : 'search',
      version: index % 3 === 0 ? null : `1.${index % 3}`,
      environment: index % 5 === 0 ? 'test' : null,
    },
    message: index % 4 === 0 ? 'payment failed' : 'done',
  }));
  const ofMinutes: Filter[] = [
    {},
    { minSeverity: 'WARN' },
    { application: 'shop', minSeverity: 'ERROR' },
    { version: '1.2' },
    { environment: 'test' },
    q('severity:>=error -app:shop'),
    q('(version:1.1 OR -env:*) severity:/R/'),
    q('app:nobody'),
  ];
  const ofRows: Filter[] = [q('payment'), q('id:>100'), { source: '/var/log/shop/app.log' }, q('userId:*')];
  for (const filter of [...ofMinutes, ...ofRows]) {
    const name = JSON.stringify(filter.search?.text ?? filter);
    for (const stepSeconds of [60, 300, 3600]) {
      asked.length = 0;
      t.strictSame(countHits(sources(), { filter, stepSeconds }), counted(stored, filter, stepSeconds), name);
      const isSummed = asked.some((sql) => sql.includes('logs_minutes log'));
      t.equal(isSummed, ofMinutes.includes(filter), `${name} is ${isSummed ? '' : 'not '}added up`);
      if (isSummed)
        t.notOk(
          asked.some((sql) => sql.includes('FROM logs log')),
          'and no row is counted',
        );
    }
    const cut = { ...filter, start: timestampOfMs(firstMs + 61_500), end: timestampOfMs(firstMs + 700_250) };
    t.strictSame(countHits(sources(), { filter: cut, stepSeconds: 60 }), counted(stored, cut, 60), `${name}, cut`);
    const byIds = { ...filter, afterId: 1000, untilId: 2000 };
    t.strictSame(
      countHits(sources(), { filter: byIds, stepSeconds: 60 }),
      counted(stored, byIds, 60),
      `${name}, by ids`,
    );
    t.strictSame(countHits(sources(), { filter, stepSeconds: 7 }), counted(stored, filter, 7), `${name}, by seconds`);
  }
});

void test('a segment whose minutes have few rows each is counted', async (t) => {
  const { sources, stored, asked } = await sealedSegment(t, (index) => ({
    timestamp: timestampOfMs(firstMs + index * 60_000),
  }));

  t.strictSame(countHits(sources(), { filter: {}, stepSeconds: 3600 }), counted(stored, {}, 3600));
  t.notOk(asked.some((sql) => sql.includes('logs_minutes log')));
});
