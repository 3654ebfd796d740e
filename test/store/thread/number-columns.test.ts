/** A column of numbers says of each row what its metadata says, from whichever end it was read, and is kept within its bounds. */
import { join } from 'node:path';
import fc from 'fast-check';
import { type Test, test } from 'tap';
import { isNumber } from '../../../src/search/predicates.ts';
import { isEnd } from '../../../src/store/thread/message-ends.ts';
import { NumberColumn, NumberColumns, numbersOfKey } from '../../../src/store/thread/number-columns.ts';
import { PageFile } from '../../../src/store/thread/pages/page-file.ts';
import { PairCursor } from '../../../src/store/thread/pages/pair-cursor.ts';
import type { Sqlite } from '../../../src/store/thread/sqlite.ts';
import { memoryDir } from '../../temp-dir.ts';
import { openSqlite } from '../open-sqlite.ts';

async function emptyTable(t: Test): Promise<{ readonly database: Sqlite; readonly cursor: () => PairCursor }> {
  const path = join(await memoryDir(t), 'pairs.db');
  const database = openSqlite(path);
  t.teardown(() => database.close());
  database.exec(`CREATE TABLE logs_metadata (
    id INTEGER PRIMARY KEY, log_id INTEGER, metadata_type TEXT, metadata_value TEXT, app_version TEXT)`);
  const cursor = (): PairCursor => {
    const pages = new PageFile(path, 'r');
    t.teardown(() => pages.close());
    return new PairCursor(pages, database.rootPageOf('logs_metadata'));
  };
  return { database, cursor };
}

const values = [
  '7',
  '007',
  '-3.5',
  '1e999',
  '-0',
  '',
  ' 1',
  '0x10',
  '12345678901234567890',
  'é',
  '1e3',
  '999999999999999',
];

void test('each row has its number, however the column was continued', async (t) => {
  const { database, cursor } = await emptyTable(t);
  const valueOf = (id: number): string | undefined => (id % 5 === 0 ? undefined : values[id % values.length]);
  // Some lie far from the others: the column begins anew there.
  const ids = [...Array.from({ length: 300 }, (_, row) => row + 10), 60_000, 60_001, 60_009];
  for (const id of ids) {
    const pairs = [
      ['cpuTime', '1'],
      ['cpu', valueOf(id)],
      ['text', '2'],
      ['cp', '3'],
    ] as const;
    for (const [place, [key, value]] of pairs.entries()) {
      if (value !== undefined)
        database.run('INSERT INTO logs_metadata VALUES (?, ?, ?, ?, NULL)', [id * 1024 + place, id, key, value]);
    }
  }
  const range = { firstId: 10, lastId: 60_009 };
  const read = numbersOfKey(cursor(), Buffer.from('cpu'));
  const step = fc.tuple(fc.constantFrom(...ids), fc.nat(40));
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
      const column = new NumberColumns().of(range, 'cpu')!;
      for (const [first, length] of steps) {
        const last = Math.min(first + length, range.lastId);
        if (!column.cover(first, last, read)) throw new Error('it cannot tell');
        for (let id = first; id <= last; id++) {
          const value = ids.includes(id) ? (valueOf(id) ?? '') : '';
          const expected = isNumber(value) ? Number(value) : Number.NaN;
          if (!Object.is(column.at(id), expected) && expected !== column.at(id))
            throw new Error(`${id}: ${column.at(id)} instead of ${expected}`);
        }
      }
    }),
    { numRuns: 100 },
  );
});

void test('a row that has the key twice makes the column useless', async (t) => {
  const { database, cursor } = await emptyTable(t);
  database.run(`INSERT INTO logs_metadata VALUES (1024, 1, 'cpu', '1', NULL), (1025, 1, 'cpu', '2', NULL)`);
  const column = new NumberColumn(1);
  column.makeRoom(1);
  const read = numbersOfKey(cursor(), Buffer.from('cpu'));
  t.notOk(column.cover(1, 1, read));
  t.notOk(column.cover(1, 1, read), 'and leaves it so');
});

void test('columns are kept within 16 MiB, go with their file, and are not taken for those of another', async (t) => {
  const columns = new NumberColumns();
  const file = { firstId: 1, lastId: 700_000 };
  t.equal(columns.of({ firstId: 1, lastId: 3_000_000 }, 'a'), null, 'a file of more rows than there is room for');
  t.equal(new NumberColumns(4_000_000).of(file, 'a'), null, 'a thread with less memory');
  const [a, b] = [columns.of(file, 'a'), columns.of(file, 'b')];
  t.equal(columns.of(file, 'a'), a);
  const c = columns.of(file, 'c');
  t.ok((a?.byteLength ?? 0) * 3 > 16 * 1024 * 1024);
  t.equal(columns.of(file, 'c'), c);
  t.not(columns.of(file, 'b'), b, 'the longest unused has made room');

  const later = columns.of({ firstId: 700_001, lastId: 700_010 }, 'c');
  later?.cover(700_001, 700_010, () => undefined);
  columns.keepOnly([]);
  t.equal(columns.of({ firstId: 700_001, lastId: 700_010 }, 'c'), later, 'the hot file is still known');
  t.not(columns.of({ firstId: 700_001, lastId: 700_005 }, 'c'), later, 'with fewer rows it is another file');
  const hot = columns.of({ firstId: 700_001, lastId: 700_005 }, 'c');
  columns.keepOnly([
    { state: 'sealed', path: '', bytes: 0, firstId: 800_000, lastId: 900_000, minTimestamp: '', maxTimestamp: '' },
  ]);
  t.not(columns.of({ firstId: 700_001, lastId: 700_005 }, 'c'), hot, 'its file was dropped');
});

void test('the end of a text is told by the number of its last bytes', async () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'é', '\u{1f600}'), { maxLength: 5 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(text, text, (end, begin) => {
      let value = Number.NaN;
      const bytes = Buffer.from(begin + end);
      for (const byte of bytes.subarray(-6)) value = (Number.isNaN(value) ? 0 : value * 256) + byte;
      if (end !== '' && !isEnd(Buffer.from(end))(value)) throw new Error(`${begin} and ${end}`);
    }),
  );
});
