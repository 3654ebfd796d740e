/** Rows read from pages are, to the byte, those that the engine gives. */
import { appendFileSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'tap';
import type { LogRecord } from '../../../src/record/log-record.ts';
import { severities } from '../../../src/record/severity.ts';
import type { SearchRequest } from '../../../src/search/request.ts';
import { openStore } from '../../../src/store/remote-store.ts';
import { hotFileName } from '../../../src/store/segments.ts';
import { PageFile, type PageReader } from '../../../src/store/thread/pages/page-file.ts';
import { type FileRows, rowsOfFile } from '../../../src/store/thread/row-lines.ts';
import { WrittenRows, writeRowsOfPages } from '../../../src/store/thread/row-pages.ts';
import { Snapshot } from '../../../src/store/thread/snapshot.ts';
import type { Sqlite } from '../../../src/store/thread/sqlite.ts';
import { SqliteStore } from '../../../src/store/thread/sqlite-store.ts';
import { someRecords } from '../../records.ts';
import { memoryDir, tempDir } from '../../temp-dir.ts';
import { openSqlite } from '../open-sqlite.ts';

const oddText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('', '"\\', '\b\t\n\f\r\u0001\u001f\u007f', 'é😀', '\u2028'),
  fc.integer({ min: 4000, max: 40_000 }).map((length) => 'long "é" '.repeat(length / 9)), // beyond a page
);
const record: fc.Arbitrary<LogRecord> = fc.record({
  timestamp: fc.integer({ min: 0, max: 999 }).map((ms) => `2026-11-24T03:00:00.${String(ms).padStart(3, '0')}000Z`),
  severity: fc.constantFrom(...severities),
  application: fc.record({
    name: fc.constantFrom('a', 'é"'),
    version: fc.constantFrom(null, '1'),
    environment: fc.constant(null),
  }),
  source: oddText,
  message: oddText,
  metadata: fc.uniqueArray(fc.tuple(oddText, oddText), { selector: ([key]) => key, maxLength: 5 }),
});
const filter = fc.constantFrom<SearchRequest['filter']>(
  {},
  { afterId: 7 },
  { untilId: 20 },
  { start: '2026-11-24T03:00:00.300000Z' },
  { end: '2026-11-24T03:00:00.700000Z', minSeverity: 'WARN' },
  { application: 'a', version: '1' },
  { environment: 'nowhere' },
);

function rowsOfPages(database: Sqlite, open: () => PageReader, asked: SearchRequest): FileRows | null {
  const rows = new WrittenRows(10);
  if (!writeRowsOfPages(database, open, asked, rows)) return null;
  return { lines: rows.rowCount === 0 ? [] : rows.text.toString().slice(0, -1).split('\n'), isCut: rows.isCut };
}

interface Both {
  readonly database: Sqlite;
  readonly open: () => PageReader;
}

function shown(rows: FileRows | null): object {
  return { rows: rows?.lines.length, isCut: rows?.isCut, lines: rows?.lines.slice(0, 60).join('\n').slice(0, 2000) };
}

/** Undefined when they are the same. */
function difference({ database, open }: Both, asked: SearchRequest): object | undefined {
  const [ofEngine, ofPages] = [rowsOfFile(database, asked), rowsOfPages(database, open, asked)];
  const isSame =
    ofPages !== null && ofPages.isCut === ofEngine.isCut && ofPages.lines.join('\n') === ofEngine.lines.join('\n');
  return isSame ? undefined : { engine: shown(ofEngine), pages: shown(ofPages) };
}

void test('the pages of a hot file, its WAL and a segment give the lines that the engine gives', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 40 }), filter, async (records, wanted) => {
      const path = join(await memoryDir(t), hotFileName);
      const store = new SqliteStore(path);
      const asked: SearchRequest = { filter: wanted, order: 'arrival', limit: 1000 };
      try {
        const half = records.length >>> 1;
        await store.append({ records: records.slice(0, half), positions: [], gaps: [] });
        await store.rotate();
        await store.sealed();
        await store.append({ records: records.slice(half), positions: [], gaps: [] });

        const snapshot = new Snapshot(path, `${path}-alias`);
        const ofHot = difference({ database: snapshot.database, open: () => snapshot.openPages() }, asked);
        snapshot.close();
        if (ofHot !== undefined) throw new Error(JSON.stringify({ wanted, ofHot }));
        for (const segment of await store.segments()) {
          const database = openSqlite(segment.path);
          const ofSegment = difference({ database, open: () => new PageFile(segment.path, 'r') }, asked);
          database.close();
          if (ofSegment !== undefined) throw new Error(JSON.stringify({ wanted, ofSegment }));
        }
      } finally {
        await store.close();
      }
    }),
    { numRuns: 10 },
  );
});

void test('a tree is walked from any row on, and cut by limit and room', async (t) => {
  const directory = await memoryDir(t);
  const path = join(directory, hotFileName);
  const store = new SqliteStore(path);
  t.teardown(() => store.close());
  const append = (records: readonly LogRecord[]) => store.append({ records, positions: [], gaps: [] });
  const metadata = Array.from({ length: 4 }, (_, place) => [`key${place}`, 'x'.repeat(100)] as const);
  await append(someRecords(3000, { metadata }));
  const snapshot = new Snapshot(path, join(directory, 'alias'));
  const ofSnapshot: Both = { database: snapshot.database, open: () => snapshot.openPages() };
  const ask = (parts: Partial<SearchRequest>): object | undefined =>
    difference(ofSnapshot, { filter: {}, order: 'arrival', limit: 20_000, ...parts });
  for (const id of [0, 1, 1499, 2999, 3000, 9000])
    t.equal(ask({ after: { id, timestamp: '' } }), undefined, `from ${id} on`);
  t.equal(ask({ filter: { afterId: 1000 }, limit: 777 }), undefined);
  await append(someRecords(10));
  t.equal(ask({}), undefined, 'rows that came behind the snapshot');
  snapshot.close();

  await append(someRecords(1000, { message: 'm'.repeat(20_000) }));
  const later = new Snapshot(path, join(directory, 'later'));
  const large: SearchRequest = { filter: { afterId: 2500 }, order: 'arrival', limit: 20_000 };
  t.equal(difference({ database: later.database, open: () => later.openPages() }, large), undefined);
  t.ok(rowsOfFile(later.database, large).isCut);
  later.close();
});

void test('what pages were read into is given back when their file is closed, and not when somebody collects garbage', async (t) => {
  const path = join(await memoryDir(t), hotFileName);
  await new SqliteStore(path).close();
  const pages = new PageFile(path, 'r');

  const page = pages.read(1);
  t.equal(page.length, pages.pageSize);
  pages.close();
  t.equal(page.length, 0);
});

void test('a WAL that is cut in a frame, or goes on with what is no frame, ends at its last commit', async (t) => {
  const directory = await memoryDir(t);
  const path = join(directory, hotFileName);
  const store = new SqliteStore(path);
  for (let batch = 0; batch < 3; batch++) await store.append({ records: someRecords(100), positions: [], gaps: [] });
  const wal = readFileSync(`${path}-wal`);
  const copy = join(directory, 'copy.db');
  copyFileSync(path, copy);
  await store.close();
  const asked: SearchRequest = { filter: {}, order: 'arrival', limit: 1000 };
  const seen = new Set<number | undefined>();
  for (const [round, bytes] of [wal.length, wal.length - 100, wal.length - 20_000, 32, 10].entries()) {
    writeFileSync(`${copy}-wal`, wal.subarray(0, bytes));
    if (bytes === wal.length) appendFileSync(`${copy}-wal`, Buffer.alloc(50_000, 7));
    const snapshot = new Snapshot(copy, join(directory, `alias-${round}`));
    const both = { database: snapshot.database, open: () => snapshot.openPages() };
    // The engine begins a WAL without a header anew; ours leaves such a file to it.
    if (bytes > 10) t.equal(difference(both, asked), undefined, `${bytes} bytes`);
    seen.add(rowsOfPages(both.database, both.open, asked)?.lines.length);
    snapshot.close();
  }
  t.strictSame([...seen].slice(0, 2), [300, 200]);
});

void test('pages that are not as expected are left to the engine', async (t) => {
  const directory = await memoryDir(t);
  const path = join(directory, hotFileName);
  const store = new SqliteStore(path);
  await store.append({ records: someRecords(2000), positions: [], gaps: [] });
  await store.close();
  const database = openSqlite(path);
  t.teardown(() => database.close());
  const asked: SearchRequest = { filter: {}, order: 'arrival', limit: 5000 };
  t.equal(rowsOfPages(database, () => new PageFile(path, 'r'), asked)?.lines.length, 2000);

  const damaged = join(directory, 'damaged.db');
  const bytes = readFileSync(path);
  const root =
    database.get<{ page: number }>("SELECT rootpage AS page FROM sqlite_schema WHERE name = 'logs'")?.page ?? 0;
  bytes.fill(0xff, (root - 1) * 16_384, root * 16_384);
  writeFileSync(damaged, bytes);
  t.equal(
    rowsOfPages(database, () => new PageFile(damaged, 'r'), asked),
    null,
  );
  t.equal(
    rowsOfPages(database, () => new PageFile(join(directory, 'gone.db'), 'r'), asked),
    null,
  );
});

void test('large and small pages of a store hold the same rows, as text and as bytes', async (t) => {
  const store = await openStore({ dataDir: await tempDir(t) });
  t.teardown(() => store.close());
  for (let batch = 0; batch < 3; batch++) {
    const metadata = [['batch', `${batch} é`]] as const;
    await store.append({ records: someRecords(500, { metadata }), positions: [], gaps: [] });
    if (batch < 2) await store.rotate();
  }
  const page = (limit: number, parts: Partial<SearchRequest> = {}) =>
    store.search({ filter: {}, order: 'arrival', limit, ...parts }, { deadlineMs: 20_000 });
  let small = '';
  for (let afterId = 0; afterId < 1500; afterId += 100) small += (await page(100, { filter: { afterId } })).ndjson;

  for (const limit of [300, 500, 999, 1000, 1499, 1500, 9000]) {
    const [text, bytes] = [await page(limit), await page(limit, { asBytes: true })];
    const rows = small.split('\n').slice(0, Math.min(limit, 1500));
    t.equal(text.ndjson, `${rows.join('\n')}\n`, `${limit} rows`);
    const { bytes: written, ...rest } = bytes;
    t.equal(Buffer.from(written ?? []).toString(), text.ndjson);
    t.strictSame({ ...text, ndjson: '' }, rest);
    t.match(text, { rowCount: rows.length, hasMore: limit < 1500, last: { id: rows.length } });
  }
  t.equal((await page(500, { filter: { afterId: 1500 }, asBytes: true })).rowCount, 0);
});
