/** What is known of the rows of files without an index finds each row that the engine finds, and is asked for as few as there are. */
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'tap';
import { parseQuery } from '../../../src/search/parse-query.ts';
import type { Filter } from '../../../src/search/request.ts';
import { hotFileName } from '../../../src/store/segments.ts';
import { countFields } from '../../../src/store/thread/field-counts.ts';
import { countHits } from '../../../src/store/thread/hit-counts.ts';
import { NumberColumns } from '../../../src/store/thread/number-columns.ts';
import { PairHash, PairHashes, pairHashOf } from '../../../src/store/thread/pair-hashes.ts';
import { PageFile } from '../../../src/store/thread/pages/page-file.ts';
import { searchRows } from '../../../src/store/thread/queries.ts';
import { SegmentAnswers } from '../../../src/store/thread/segment-answers.ts';
import { Snapshot, walOf } from '../../../src/store/thread/snapshot.ts';
import type { Sources } from '../../../src/store/thread/sources.ts';
import { Sqlite } from '../../../src/store/thread/sqlite.ts';
import { SqliteStore } from '../../../src/store/thread/sqlite-store.ts';
import { UnsealedRows } from '../../../src/store/thread/unsealed-rows.ts';
import { aRecord } from '../../records.ts';
import { memoryDir } from '../../temp-dir.ts';

void test('pairs are found in the rows that have them all, and in no others', async () => {
  const pairs = fc.array(fc.nat(6), { maxLength: 4 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), pairs), { maxLength: 60 }),
      fc.array(fc.nat(6), { minLength: 1, maxLength: 3 }),
      fc.nat(20),
      (rows, wanted, most) => {
        const known = new PairHashes(5);
        const expected: number[] = [];
        let id = 4;
        for (const [step, has] of rows) {
          id += step;
          for (const pair of has) known.add(id, pair);
          if (wanted.every((pair) => has.includes(pair))) expected.push(id);
        }
        const found = known.idsWith(wanted, most);
        const isRight = expected.length > most ? found === null : String(found) === String(expected);
        if (!isRight) throw new Error(`${String(found)} instead of ${String(expected)}`);
      },
    ),
    { numRuns: 500 },
  );
});

void test('a pair has one hash, read from a page or asked for', async (t) => {
  const bytes = Buffer.from('..userIdé42.');
  t.equal(new PairHash().add(bytes, 2, 6).add(bytes, 8, 4).value, pairHashOf('userId', 'é42'));
  t.not(pairHashOf('ab', 'c'), pairHashOf('a', 'bc'));
});

for (const [name, rowsAtOnce] of [
  ['that is known', 10_000],
  ['that is read in parts', 700],
] as const)
  void test(`a pair is looked for in few rows of a file without an index ${name}, with the same answers`, async (t) => {
    const directory = await memoryDir(t);
    const path = join(directory, hotFileName);
    const store = new SqliteStore(path);
    t.teardown(() => store.close());
    let next = 0;
    const append = (count: number): Promise<unknown> =>
      store.append({
        records: Array.from({ length: count }, () =>
          aRecord({
            timestamp: `2026-11-24T03:${String((next * 7) % 60).padStart(2, '0')}:00.000000Z`,
            message: `request ${next}`,
            metadata:
              next++ % 5 === 4
                ? []
                : [
                    ['userId', `u-${next % 500}`],
                    ['even', String(next % 2 === 0)],
                    ['number', String(next)],
                  ],
          }),
        ),
        positions: [],
        gaps: [],
      });
    await append(2500);
    const [unsealed, numbers, wal] = [new UnsealedRows({ rowsAtOnce }), new NumberColumns(), walOf(path)];
    t.teardown(() => wal.close());
    for (const round of [1, 2, 3]) {
      const snapshot = new Snapshot(path, join(directory, `alias-${round}`), wal);
      const plain = { hot: snapshot.database, segments: [], open: () => snapshot.database };
      const asked: string[] = [];
      const all = snapshot.database.all.bind(snapshot.database);
      snapshot.database.all = (sql, values) => {
        asked.push(sql);
        return all(sql, values);
      };
      const hotOrder = snapshot.order;
      const known = { ...plain, openPages: () => snapshot.openPages(), unsealed, numbers, hotOrder };
      const withAnswers = (sources: Omit<Sources, 'answers'>): Sources => ({
        ...sources,
        answers: new SegmentAnswers(),
      });
      const filters: Filter[] = [
        'userId:u-36',
        'userId:u-36 even:true',
        'even:false',
        'userId:nobody',
        'userId:u-36 -even:true',
        'number:>2450',
        'number:<=7.5',
        '"request 24"',
        'request userId:u-36',
      ].map((text) => ({ search: { text, query: parseQuery(text, 0)! } }));
      filters.push(
        { metadata: [['userId', 'u-72']] },
        {
          metadata: [
            ['userId', 'u-72'],
            ['even', 'false'],
          ],
        },
      );
      for (const filter of filters) {
        for (const order of ['asc', 'desc', 'arrival'] as const) {
          const request = { filter, order, limit: 20 };
          asked.length = 0;
          const found = searchRows(withAnswers(known), request);
          t.notOk(
            asked.some((sql) => sql.includes('SELECT log_id FROM logs_metadata')),
            'not all pairs are read',
          );
          t.equal(found.ndjson, searchRows(withAnswers(plain), request).ndjson, `${JSON.stringify(filter)} ${order}`);
        }
        const hits = { filter, stepSeconds: 60 };
        t.strictSame(countHits(withAnswers(known), hits), countHits(withAnswers(plain), hits));
        const counts = { filter, fields: 'all', limit: 10, maxRows: 100 } as const;
        t.strictSame(countFields(withAnswers(known), counts), countFields(withAnswers(plain), counts));
      }
      snapshot.close();
      await append(300);
      if (round === 2) store.writer.checkpoint(); // the WAL begins anew
    }
  });

void test('of a file that is not sealed so many rows are read at once, and those that come later are found', async (t) => {
  const path = join(await memoryDir(t), hotFileName);
  const database = new Sqlite(path);
  t.teardown(() => database.close());
  database.exec('CREATE TABLE logs (id INTEGER PRIMARY KEY, t TEXT, s TEXT, a INTEGER, source TEXT, message TEXT)');
  const fill = (from: number, to: number): void =>
    database.run(
      `WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO logs SELECT i, '', '', 1, '', 'row ' || i || '.' FROM n`,
      [from, to],
    );
  fill(1, 70_000);
  const unsealed = new UnsealedRows({ rowsAtOnce: 30_000 });
  const file = { database, openPages: () => new PageFile(path, 'r') };
  const rowsLeft = (wanted: string): number | undefined => unsealed.textCandidates(file, [wanted])?.maxRows;

  t.strictSame(
    Array.from({ length: 4 }, () => rowsLeft('row 60123.') === 1),
    [true, true, false, false],
    'thirty thousand at a time; the others are looked at one by one',
  );
  t.ok((rowsLeft('row 123.') ?? 0) >= 64, 'by blocks, when all are known');
  t.equal(rowsLeft('rov'), 0);
  fill(70_001, 70_100);
  const left = unsealed.textCandidates(file, ['row 70100.']);
  const found = database.all(
    `SELECT id FROM logs log WHERE ${left?.sql} AND message = 'row 70100.'`,
    left?.values ?? [],
  );
  t.strictSame(found, [{ id: 70_100 }]);
  t.equal(rowsLeft('ro'), undefined, 'too short to tell');
  unsealed.keepOnly([]);
  t.equal(rowsLeft('rov'), 0, 'the hot file is still known');
  database.run('DELETE FROM logs WHERE id > 40000');
  t.equal(rowsLeft('row 39123.'), 1, 'with fewer rows it is another file');
});
