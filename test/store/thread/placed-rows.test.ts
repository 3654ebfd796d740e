/** A page of many rows in the order of time is, to the byte, the one that the engine gives. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'tap';
import type { LogRecord } from '../../../src/record/log-record.ts';
import { severities } from '../../../src/record/severity.ts';
import { parseQuery } from '../../../src/search/parse-query.ts';
import type { Filter, SearchPage, SearchRequest } from '../../../src/search/request.ts';
import { hotFileName } from '../../../src/store/segments.ts';
import { countFields } from '../../../src/store/thread/field-counts.ts';
import { OpenSegments } from '../../../src/store/thread/open-segments.ts';
import { PageFile } from '../../../src/store/thread/pages/page-file.ts';
import { fewestPlaced } from '../../../src/store/thread/placed-rows.ts';
import { searchRows } from '../../../src/store/thread/queries.ts';
import { SegmentAnswers } from '../../../src/store/thread/segment-answers.ts';
import { Snapshot } from '../../../src/store/thread/snapshot.ts';
import type { Sources } from '../../../src/store/thread/sources.ts';
import { SqliteStore } from '../../../src/store/thread/sqlite-store.ts';
import { aRecord } from '../../records.ts';
import { memoryDir } from '../../temp-dir.ts';

const q = (text: string): Filter => ({ search: { text, query: parseQuery(text, 0)! } });
const filters: readonly Filter[] = [
  {},
  { start: '2026-11-24T03:00:00.200000Z', end: '2026-11-24T03:00:00.700000Z' },
  { minSeverity: 'ERROR' },
  { application: 'a' },
  { afterId: 10, untilId: 25 },
  { metadata: [['k', 'x']] },
  q('é OR k:x'),
  q('-severity:info'),
];
const text = fc.constantFrom('', 'a', 'é😀', '"\\\n', 'long '.repeat(5000));
const record: fc.Arbitrary<LogRecord> = fc
  .record({
    timestamp: fc.nat(999).map((ms) => `2026-11-24T03:00:00.${String(ms).padStart(3, '0')}000Z`),
    severity: fc.constantFrom(...severities),
    application: fc.record({
      name: fc.constantFrom('a', 'é"'),
      version: fc.constantFrom(null, '1'),
      environment: fc.constant(null),
    }),
    message: text,
    metadata: fc.uniqueArray(fc.tuple(fc.constantFrom('k', 'l', 'é'), fc.constantFrom('x', 'y')), {
      selector: ([key]) => key,
      maxLength: 3,
    }),
  })
  .map(aRecord);

const pageOf = ({ ndjson, bytes, ...rest }: SearchPage): object => ({
  ...rest,
  text: bytes === undefined ? ndjson : Buffer.from(bytes).toString(),
});

void test('pages of many rows over files that overlap in time', async (t) => {
  const directory = await memoryDir(t);
  let round = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(record, { minLength: 1, maxLength: 15 }), { minLength: 1, maxLength: 4 }),
      fc.constantFrom(...filters),
      fc.constantFrom('asc' as const, 'desc' as const),
      fc.boolean(),
      fc.nat(60),
      async (files, filter, order, asBytes, skip) => {
        const own = join(directory, String(++round));
        mkdirSync(own);
        const path = join(own, hotFileName);
        const store = new SqliteStore(path);
        for (const [place, records] of files.entries()) {
          await store.append({ records, positions: [], gaps: [] });
          if (place < files.length - 1) await store.rotate();
          if (place === 0) await store.sealed();
        }
        const segments = await store.segments();
        const snapshot = new Snapshot(path, join(own, 'alias'));
        const open = new OpenSegments(join(own, 'segment-aliases'));
        const sources = (): Sources => ({
          hot: snapshot.database,
          segments,
          open: (segment) => open.get(segment),
          answers: new SegmentAnswers(),
        });
        try {
          const openPages = (segment: { path: string } | null) =>
            segment === null ? snapshot.openPages() : new PageFile(segment.path, 'r');
          let after: SearchRequest['after'];
          if (skip < 20) after = searchRows(sources(), { filter, order, limit: skip + 1 }).last ?? undefined;
          const request: SearchRequest = { filter, order, limit: fewestPlaced, after };
          const expected = pageOf(searchRows(sources(), request));
          const found = pageOf(searchRows({ ...sources(), openPages }, { ...request, asBytes }));
          if (JSON.stringify(found) !== JSON.stringify(expected))
            throw new Error(`${JSON.stringify(found)}\ninstead of\n${JSON.stringify(expected)}`);
        } finally {
          open.close();
          snapshot.close();
          await store.close();
        }
      },
    ),
    { numRuns: 12 },
  );
});

void test('rows are written some at a time, up to the room of a page, and say that there are more', async (t) => {
  const directory = await memoryDir(t);
  const path = join(directory, hotFileName);
  const store = new SqliteStore(path);
  t.teardown(() => store.close());
  const append = (count: number, message: string): Promise<unknown> => {
    const records = Array.from({ length: count }, (_, index) =>
      aRecord({
        // Every other row a little late.
        timestamp: `2026-11-24T03:${String(Math.floor(index / 60) + (index % 2)).padStart(2, '0')}:${String(index % 60).padStart(2, '0')}.000000Z`,
        message: `${index} ${message}`,
        severity: severities[index % 7] ?? 'INFO',
        source: index % 5 === 0 ? '/é.log' : '/a.log',
        application: { name: index % 2 === 0 ? 'a' : 'é', version: index % 4 === 0 ? null : '1', environment: null },
        metadata: index % 3 === 0 ? [] : [['n', String(index)], ...(index % 7 === 0 ? [['é', 'ü'] as const] : [])],
      }),
    );
    return store.append({ records, positions: [], gaps: [] });
  };
  await append(2500, 'short');
  await append(600, 'm'.repeat(30_000));
  const snapshot = new Snapshot(path, join(directory, 'alias'));
  t.teardown(() => snapshot.close());
  const plain = (): Sources => ({
    hot: snapshot.database,
    segments: [],
    open: () => snapshot.database,
    answers: new SegmentAnswers(),
  });
  for (const fields of ['all', 'names', ['severity', 'meta.n'], ['version'], ['nothing']] as const) {
    for (const filter of [{}, { untilId: 2500 }, q('n:7')]) {
      const pages = { ...plain(), openPages: () => snapshot.openPages() };
      for (const limit of [3, 2000]) {
        const request = { filter, fields, limit, maxRows: 2400 };
        t.strictSame(countFields(pages, request), countFields(plain(), request));
      }
    }
  }
  for (const order of ['asc', 'desc'] as const) {
    for (const [filter, limit] of [
      [{ untilId: 2500 }, 2000],
      [{ untilId: 2500 }, 5000],
      [{ afterId: 2500 }, 1000],
      [q('n:7'), 1000],
    ] as const) {
      const expected = pageOf(searchRows(plain(), { filter, order, limit }));
      const pages = { ...plain(), openPages: () => snapshot.openPages() };
      t.strictSame(pageOf(searchRows(pages, { filter, order, limit, asBytes: true })), expected);
    }
  }
});
