/**
 * Questions to the store of one thread, over sealed segments and a hot file, against better-sqlite3 with the same statements on the same
 * files: what the WebAssembly engine costs where rows are read. Both sides run the store's own code; only the connection differs.
 *
 *   node bench/search.ts [--logs 1000000] [--rounds 30]
 *
 * No answer is kept between two questions, and nothing runs beside them: bench/query.ts has the endpoint, its caches and the rows that
 * come in. What a reader remembers of the rows of the hot file, both sides do; the first questions, which read it, are not counted. The last line is all rows with their metadata as NDJSON text, from one thread. Needs `npm --prefix bench ci`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { LogRecord } from '../src/record/log-record.ts';
import { timestampOfMs } from '../src/record/timestamp.ts';
import { parseQuery } from '../src/search/parse-query.ts';
import { satisfies } from '../src/search/predicates.ts';
import type { Test } from '../src/search/query.ts';
import type { Filter, SearchRequest } from '../src/search/request.ts';
import { openStore } from '../src/store/remote-store.ts';
import { type Segment, hotFileName } from '../src/store/segments.ts';
import { countHits } from '../src/store/thread/hit-counts.ts';
import { OpenSegments } from '../src/store/thread/open-segments.ts';
import { searchRows } from '../src/store/thread/queries.ts';
import { SegmentAnswers } from '../src/store/thread/segment-answers.ts';
import { PageFile } from '../src/store/thread/pages/page-file.ts';
import { Snapshot } from '../src/store/thread/snapshot.ts';
import type { Sources } from '../src/store/thread/sources.ts';
import type { Sqlite } from '../src/store/thread/sqlite.ts';
import { UnsealedRows } from '../src/store/thread/unsealed-rows.ts';
import { aBatch } from './insert-records.ts';
import { machineText, percentile, tableText } from './measure.ts';

const { values } = parseArgs({
  options: { logs: { type: 'string', default: '1000000' }, rounds: { type: 'string', default: '30' } },
});
const logs = Number(values.logs);
const rounds = Number(values.rounds);
const rowsPerBatch = 2000;
const sealedShare = 0.85;
/** A reader reads 30,000 rows of the hot file with each question that needs them. */
const warmUps = Math.ceil((logs * (1 - sealedShare)) / 30_000) + 1;
const dayMs = 86_400_000;
const firstMs = Date.UTC(2026, 0, 1);

interface Side {
  /** With nothing kept from a question before. */
  sources(): Sources;
  close(): void;
}

const machine = machineText();
const dataDir = mkdtempSync(join(tmpdir(), 'regression-bench-'));
try {
  const segments = await fill();
  const ours = openOurs(segments);
  const native = await openNative(segments);
  const rows: string[][] = [];
  for (const [name, ask] of Object.entries(questions())) {
    const times = { ours: [] as number[], native: [] as number[] };
    const answers = new Set<string>();
    for (let round = 0; round < warmUps; round++) for (const side of [ours, native]) timed(side, ask, []);
    for (let round = 0; round < rounds; round++) {
      answers.add(timed(ours, ask, times.ours));
      answers.add(timed(native, ask, times.native));
    }
    if (answers.size !== 1) throw new Error(`${name}: the two do not answer the same`);
    const [own, other] = [times.ours, times.native].map((list) => list.toSorted((a, b) => a - b));
    const at = (list: readonly number[] | undefined, share: number): number => percentile(list ?? [], share);
    const ratio = (at(own, 0.5) / at(other, 0.5)).toFixed(2);
    rows.push([name, ratio, ...[at(own, 0.5), at(own, 0.99), at(other, 0.5)].map((ms) => ms.toFixed(1))]);
  }
  const perSecond = exportRate(ours);
  ours.close();
  native.close();
  console.log(
    `${logs.toLocaleString('en-US')} logs, ${segments.length} segments and a hot file, ${rounds} rounds; ${machine}\n`,
  );
  console.log(tableText(['question', 'ours / native', 'p50 ms', 'p99 ms', 'native p50 ms'], rows));
  console.log(
    `all rows with metadata as NDJSON text, one thread: ${Math.round(perSecond).toLocaleString('en-US')} logs/s`,
  );
} finally {
  rmSync(dataDir, { recursive: true, force: true });
}

/** A day of logs; one in a thousand says what the text search looks for. */
async function fill(): Promise<readonly Segment[]> {
  const store = await openStore({ dataDir });
  let last: Promise<unknown> = Promise.resolve();
  const append = async (from: number, to: number): Promise<void> => {
    for (let batch = from; batch < to; batch++) {
      const before = last;
      last = store.append({ records: aBatch(batch, rowsPerBatch).map(onTheDay), positions: [], gaps: [] });
      await before;
    }
    await last;
  };
  let n = 0;
  const onTheDay = (record: LogRecord): LogRecord => {
    const isRare = n % 1000 === 7;
    const timestamp = timestampOfMs(firstMs + Math.floor((n++ / logs) * dayMs));
    return { ...record, timestamp, message: isRare ? `${record.message}: ledger unreachable` : record.message };
  };
  const batches = Math.ceil(logs / rowsPerBatch);
  await append(0, Math.floor(batches * sealedShare));
  await store.rotate();
  await store.sealed();
  await append(Math.floor(batches * sealedShare), batches);
  const segments = await store.segments();
  await store.close();
  return segments;
}

type Ask = (sources: Sources) => string;

function questions(): Readonly<Record<string, Ask>> {
  const page =
    (filter: Filter, order: SearchRequest['order'] = 'desc'): Ask =>
    (sources) =>
      searchRows(sources, { filter, order, limit: 100 }).ndjson;
  const at = (share: number): string => timestampOfMs(firstMs + share * dayMs);
  const [pair] = aBatch(Math.floor(logs / rowsPerBatch / 3), 1)[0]?.metadata ?? [];
  const words = 'ledger unreachable';
  const query = parseQuery(words, firstMs);
  if (pair === undefined || query === null) throw new Error('no pair or words to ask for');
  return {
    'last 100 rows': page({}),
    'three hours, severity and application': page({
      start: at(0.3),
      end: at(0.425),
      minSeverity: 'WARN',
      application: 'shop',
    }),
    'one metadata pair': page({ metadata: [pair] }),
    'two words': page({ search: { text: words, query } }),
    'count by minute, the day (scan)': (sources) => JSON.stringify(countHits(sources, { filter: {}, stepSeconds: 60 })),
    'count by minute, WARN and worse (scan)': (sources) =>
      JSON.stringify(countHits(sources, { filter: { minSeverity: 'WARN' }, stepSeconds: 60 })),
  };
}

function timed(side: Side, ask: Ask, times: number[]): string {
  const sources = side.sources();
  const startedAtMs = performance.now();
  const answer = ask(sources);
  times.push(performance.now() - startedAtMs);
  return answer;
}

function openOurs(segments: readonly Segment[]): Side {
  const hot = new Snapshot(join(dataDir, hotFileName), join(dataDir, 'bench-hot'));
  const open = new OpenSegments(join(dataDir, 'bench-segments'));
  const unsealed = new UnsealedRows();
  const openPages = (segment: Segment | null) => (segment === null ? hot.openPages() : new PageFile(segment.path, 'r'));
  return {
    sources: () => ({
      hot: hot.database,
      segments,
      open: (one) => open.get(one),
      openPages,
      answers: new SegmentAnswers(),
      unsealed,
    }),
    close() {
      open.close();
      hot.close();
    },
  };
}

/** The part of `Sqlite` that questions use. */
async function openNative(segments: readonly Segment[]): Promise<Side> {
  // Not a dependency of the program: bench/package.json has it.
  const { default: Database } = await import(
    fileURLToPath(new URL('node_modules/better-sqlite3/lib/index.js', import.meta.url))
  );
  const tests = new Map<string, Test>();
  const satisfiesJson = (text: string | null, json: string): number => {
    const test = tests.get(json) ?? (JSON.parse(json) as Test);
    tests.set(json, test);
    return satisfies(text, test) ? 1 : 0;
  };
  const connect = (path: string, cacheKiB: number): Sqlite => {
    const database = new Database(path, { readonly: true });
    database.pragma(`cache_size = -${cacheKiB}`);
    database.function('satisfies', { deterministic: true }, satisfiesJson);
    const statements = new Map<string, { all(...values: unknown[]): unknown[] }>();
    const all = (sql: string, given: readonly unknown[] = []): unknown[] => {
      const statement = statements.get(sql) ?? database.prepare(sql);
      statements.set(sql, statement);
      return statement.all(...given);
    };
    const connection = {
      all,
      get: (sql: string, given?: readonly unknown[]) => all(sql, given)[0],
      rootPageOf: (name: string) =>
        (all('SELECT rootpage AS page FROM sqlite_schema WHERE name = ?', [name])[0] as { page: number }).page,
      close: () => database.close(),
    };
    return connection as unknown as Sqlite;
  };
  const hot = connect(join(dataDir, hotFileName), 16 * 1024);
  const opened = new Map(segments.map(({ path }) => [path, connect(path, 4 * 1024)]));
  const alias = new Snapshot(join(dataDir, hotFileName), join(dataDir, 'bench-pages'));
  const unsealed = new UnsealedRows();
  const openPages = (segment: Segment | null) =>
    segment === null ? alias.openPages() : new PageFile(segment.path, 'r');
  return {
    sources: () => ({
      hot,
      segments,
      open: ({ path }) => opened.get(path) as Sqlite,
      openPages,
      answers: new SegmentAnswers(),
      unsealed,
    }),
    close() {
      alias.close();
      for (const database of [hot, ...opened.values()]) database.close();
    },
  };
}

function exportRate(side: Side): number {
  const startedAtMs = performance.now();
  let after: SearchRequest['after'];
  let count = 0;
  for (;;) {
    const page = searchRows(side.sources(), { filter: {}, order: 'arrival', limit: 10_000, after, asBytes: true });
    count += page.rowCount;
    if (!page.hasMore || page.last === null) break;
    after = page.last;
  }
  if (count !== logs) throw new Error(`${count} of ${logs} rows came`);
  return (count / (performance.now() - startedAtMs)) * 1000;
}
