/** What is told from the bytes of rows, or from the index of words alone, is what the rows say one by one. */
import { join } from 'node:path';
import fc from 'fast-check';
import { test, type Test } from 'tap';
import { severities } from '../../../src/record/severity.ts';
import { timestampOfMs } from '../../../src/record/timestamp.ts';
import { matchesFilter } from '../../../src/search/match.ts';
import { parseQuery } from '../../../src/search/parse-query.ts';
import type { Filter, LogRow, SearchRequest } from '../../../src/search/request.ts';
import { hotFileName } from '../../../src/store/segments.ts';
import { countHits } from '../../../src/store/thread/hit-counts.ts';
import { KeptOrder } from '../../../src/store/thread/kept-order.ts';
import { NumberColumns } from '../../../src/store/thread/number-columns.ts';
import { FoldedBytes } from '../../../src/store/thread/pages/folded-bytes.ts';
import { PageFile } from '../../../src/store/thread/pages/page-file.ts';
import { searchRows } from '../../../src/store/thread/queries.ts';
import { SegmentAnswers } from '../../../src/store/thread/segment-answers.ts';
import type { Sources } from '../../../src/store/thread/sources.ts';
import { SqliteStore } from '../../../src/store/thread/sqlite-store.ts';
import { UnsealedRows } from '../../../src/store/thread/unsealed-rows.ts';
import { aRecord } from '../../records.ts';
import { memoryDir } from '../../temp-dir.ts';
import { openSqlite } from '../open-sqlite.ts';
import { rowsOf } from '../store.contract.ts';

const startMs = Date.parse('2026-11-24T03:00:00Z');
const rowsPerFile = 2100;

/** Each next to few others: so that words stand behind digits, underscores and letters of all kinds. */
const words = [
  'captured',
  'Captured',
  'capture',
  'recaptured',
  'lock',
  'block',
  'LOCKED',
  'É',
  'é',
  '\u2014',
  '\u{1f600}',
  '7',
  '_',
  ' ',
  ' ',
  '=',
  '1f',
  '%',
];

function messageOf(row: number): string {
  let [rest, text] = [(row * 48_271) % 2_147_483_647, ''];
  for (let count = (row % 7) + 1; count > 0; count--) {
    text += words[rest % words.length];
    rest = Math.floor(rest / words.length) + count * row;
  }
  return text;
}

interface Files {
  /** With nothing kept from a question before but numbers of rows and the order of the hot file. */
  readonly sources: () => Sources;
  readonly rows: readonly LogRow[];
  /** Statements that a file was asked. */
  readonly asked: string[];
}

/** A sealed segment and a hot file. */
async function files(t: Test, message = messageOf): Promise<Files> {
  const directory = await memoryDir(t);
  const store = new SqliteStore(join(directory, hotFileName));
  let next = 0;
  const append = (): Promise<unknown> =>
    store.append({
      records: Array.from({ length: rowsPerFile }, () => {
        const row = next++;
        return aRecord({
          // Neighbours in time lie close together in the file, and not in order.
          timestamp: timestampOfMs(startMs + (row ^ 5) * 800),
          severity: severities[row % severities.length] ?? 'INFO',
          message: message(row),
          metadata:
            row % 9 === 0
              ? []
              : [
                  ['cpu', row % 11 === 0 ? 'n/a' : String((row * 37) % 100)],
                  ['text', `${message(row + 1)}\u00e9`],
                ],
        });
      }),
      positions: [],
      gaps: [],
    });
  await append();
  await store.rotate();
  await store.sealed();
  await append();
  const rows = await rowsOf(store, { order: 'arrival', limit: 10_000 });
  const segments = await store.segments();
  await store.close();
  const [sealed, hot] = [openSqlite(segments[0]?.path ?? ''), openSqlite(join(directory, hotFileName))];
  t.teardown(() => [sealed, hot].forEach((database) => database.close()));
  const asked: string[] = [];
  for (const database of [sealed, hot]) {
    const all = database.all.bind(database);
    database.all = (sql, values) => {
      asked.push(sql);
      return all(sql, values);
    };
  }
  const openPages: Sources['openPages'] = (segment) => new PageFile(segment?.path ?? join(directory, hotFileName), 'r');
  const [numbers, hotOrder] = [new NumberColumns(), new KeptOrder()];
  const sources = (): Sources => ({
    hot,
    segments,
    open: () => sealed,
    openPages,
    answers: new SegmentAnswers(),
    unsealed: new UnsealedRows(),
    numbers,
    hotOrder,
  });
  return { sources, rows, asked };
}

const q = (text: string): Filter => ({ search: { text, query: parseQuery(text, startMs)! } });

function expectSame({ sources, rows }: Files, filter: Filter): void {
  const name = JSON.stringify(filter.search?.text ?? filter);
  const found = rows.filter((row) => matchesFilter(row, filter));
  for (const order of ['asc', 'desc'] as const) {
    const sorted = found.toSorted((a, b) => {
      if (a.timestamp === b.timestamp) return order === 'asc' ? a.id - b.id : b.id - a.id;
      return a.timestamp < b.timestamp === (order === 'asc') ? -1 : 1;
    });
    let after: SearchRequest['after'];
    for (let page = 0; page < 2; page++) {
      const answer = searchRows(sources(), { filter, order, limit: 7, after });
      const given = answer.ndjson
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as LogRow);
      const expected = sorted.slice(page * 7, page * 7 + 7);
      if (JSON.stringify(given) !== JSON.stringify(expected)) {
        const [ids, expectedIds] = [given, expected].map((list) => String(list.map(({ id }) => id)));
        throw new Error(`${name} ${order}: ${ids} instead of ${expectedIds}, or other texts`);
      }
      if (answer.last === null) break;
      after = answer.last;
    }
  }
  const minutes = new Map<number, number>();
  for (const { timestamp } of found) {
    const minute = Math.floor(Date.parse(timestamp) / 60_000) * 60;
    minutes.set(minute, (minutes.get(minute) ?? 0) + 1);
  }
  const counted = countHits(sources(), { filter, stepSeconds: 60 }).map(
    ({ timestamp, count }) => `${Date.parse(timestamp) / 1000} ${count}`,
  );
  const expected = [...minutes].sort(([a], [b]) => a - b).map(([minute, count]) => `${minute} ${count}`);
  if (String(counted) !== String(expected))
    throw new Error(`hits of ${name}: ${String(counted)} instead of ${String(expected)}`);
}

const text = fc.array(fc.constantFrom(...words, 'cap', 'ock', 'nowhere'), { minLength: 1, maxLength: 2 });
const quoted = text.map((pieces) => `"${pieces.join('')}"`);
const term = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('captured', 'cap', 'lock', 'LOCK', 'block', 'ed', '\u00e9', 'k', 'nowhere') },
  { weight: 2, arbitrary: quoted },
  fc.constantFrom('cap*', '/lock$/', '/[0-9]lock/', '/\u00e9$/', '/captured.*1f$/', '/^[a-c]/', '/7$|k$/'),
  fc.constantFrom(
    'cpu:>50',
    'cpu:<=3',
    'cpu:7',
    'cpu:*',
    'text:/k\u00e9$/',
    'text:cap*',
    'text:lock',
    'cpu:>9000',
    'cpu:>=40.5',
    'cpu:<1e1',
    'text:>5',
  ),
  fc.constantFrom('severity:>=error', 'severity:info', 'message:lo*', 'message:*', 'id:>2500'),
);
const query = fc
  .array(fc.tuple(fc.constantFrom('', '', '', '-'), term), { minLength: 1, maxLength: 3 })
  .chain((terms) =>
    fc.constantFrom(' ', ' ', ' OR ').map((between) => terms.map(([not, one]) => `${not}${one}`).join(between)),
  );

void test('pages and hits are those of the rows, whatever texts and metadata are asked for', async (t) => {
  const all = await files(t);
  fc.assert(
    fc.property(query, fc.boolean(), (one, isFloored) => {
      const filter = isFloored ? { ...q(one), minSeverity: 'WARN' as const } : q(one);
      expectSame(all, filter);
      expectSame(all, { ...filter, start: timestampOfMs(startMs + 90_500), end: timestampOfMs(startMs + 2_400_250) });
      expectSame(all, { ...filter, afterId: 100, untilId: 3000 });
    }),
    { numRuns: 60 },
  );
});

void test('rows of a range or of a pattern are not looked at by the engine', async (t) => {
  const { sources, asked } = await files(t);
  for (const one of ['cpu:>90', '/lock$/', 'text:/k\u00e9$/']) {
    asked.length = 0;
    searchRows(sources(), { filter: q(one), order: 'desc', limit: 20 });
    const isByEngine = (sql: string): boolean =>
      /FROM logs log\b/.test(sql) && !sql.includes('log.id IN (SELECT value');
    t.notOk(
      asked.some((sql) => isByEngine(sql) && /satisfies|logs_metadata pair/.test(sql)),
      one,
    );
  }
});

void test('rows that are too long to be kept are read again', async (t) => {
  const all = await files(t, (row) => (row > 3690 && row % 20 === 0 ? `${'long '.repeat(9000)}lock` : messageOf(row)));
  expectSame(all, q('/lock$/'));
  expectSame(all, q('/^long.*lock$/'));
});

void test('hits of words in a sealed segment are had from the index, where it is sure', async (t) => {
  const messages = ['payment captured', 'u7lock', 'a LOCK', 'other'];
  const all = await files(t, (row) => messages[row % messages.length] ?? '');
  for (const [one, isSure] of [
    ['captured', true],
    ['cap', true],
    ['captured OR other', true],
    ['captured other', true],
    ['"ock"', true],
    ['lock', true],
    ['"a lock"', false],
    ['lock*', false],
    ['-captured', false],
  ] as const) {
    all.asked.length = 0;
    countHits(all.sources(), { filter: q(one), stepSeconds: 60 });
    t.equal(
      all.asked.some((sql) => sql.includes('json_group_array(rowid)')),
      isSure,
      one,
    );
    expectSame(all, q(one));
  }

  const older = all.sources();
  older.open(older.segments[0]!).exec('DROP TABLE logs_row_minutes');
  all.asked.length = 0;
  expectSame(all, q('captured'));
  t.notOk(
    all.asked.some((sql) => sql.includes('json_group_array(rowid)')),
    'a segment of an older version is counted',
  );
});

void test('a text is found among bytes, upper and lower case alike', async () => {
  const piece = fc.constantFrom('a', 'A', 'b', 'B', 'ab', '1', '[', '{', '\u00e9', '\u00c9', '@', '`');
  const pieces = (minLength: number, maxLength: number) =>
    fc.array(piece, { minLength, maxLength }).map((list) => list.join(''));
  const lower = (bytes: Buffer): string =>
    bytes.toString('latin1').replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
  fc.assert(
    fc.property(pieces(1, 5), pieces(0, 12), fc.nat(4), fc.nat(4), (wanted, within, start, cut) => {
      const [text, bytes] = [Buffer.from(wanted), Buffer.from(within)];
      const end = Math.max(bytes.length - cut, 0);
      const expected = lower(bytes.subarray(0, end)).indexOf(lower(text), start);
      const found = new FoldedBytes(text).indexIn(bytes, start, end);
      if (found !== expected) throw new Error(`${wanted} in ${within}: ${found} instead of ${expected}`);
    }),
    { numRuns: 1000 },
  );
});
