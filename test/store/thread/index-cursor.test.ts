/** An index read from its pages has the records that the engine has, from every place on and in both directions. */
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'tap';
import { IndexCursor } from '../../../src/store/thread/pages/index-cursor.ts';
import { PageFile } from '../../../src/store/thread/pages/page-file.ts';
import { memoryDir } from '../../temp-dir.ts';
import { openSqlite } from '../open-sqlite.ts';
import { smallPages } from '../small-pages.ts';

void test('an index is walked from any place on, forwards and backwards', async (t) => {
  const { path, database } = await smallPages(t);
  // And one of an id beyond 32 bits.
  database.run(`INSERT INTO logs VALUES (?, '2026-11-24T03:30:00.000000Z'), (3500, 'é')`, [2 ** 40]);
  const rows = database.all<{ id: number; timestamp: string }>('SELECT id, timestamp FROM logs ORDER BY timestamp, id');
  const keys = rows.map(({ timestamp }) => Buffer.from(timestamp));
  const root = database.rootPageOf('logs_timestamp');
  const place = fc.record({
    text: fc.oneof(
      fc.integer({ min: 0, max: 60 }).map((minute) => `2026-11-24T03:${String(minute).padStart(2, '0')}:00.000000Z`),
      fc.constantFrom('', '2026-11-24T03:30', 'z', 'éa'),
    ),
    id: fc.oneof(fc.nat(3600), fc.constantFrom(-Infinity, 2 ** 40, 2 ** 40 + 1)),
  });
  fc.assert(
    fc.property(fc.option(place), fc.boolean(), fc.constantFrom(5, 400, 5000), (from, isBackwards, count) => {
      const pages = new PageFile(path, 'r');
      try {
        const text = Buffer.from(from?.text ?? '');
        const isBelow = (row: { id: number }, index: number): boolean => {
          const order = from === null ? 1 : (keys[index] ?? text).compare(text);
          return order < 0 || (order === 0 && row.id < (from?.id ?? 0));
        };
        const below = from === null && isBackwards ? rows : rows.filter(isBelow);
        const expected = isBackwards ? below.toReversed() : rows.slice(below.length);
        const cursor = new IndexCursor(pages, root, isBackwards ? 'backwards' : 'forwards');
        cursor.seek(from);
        for (const { id, timestamp } of expected.slice(0, count)) {
          const isThere = cursor.next();
          const found = cursor.bytes.toString('utf8', cursor.start, cursor.start + cursor.length);
          if (!isThere || cursor.id !== id || found !== timestamp)
            throw new Error(`${found} ${cursor.id} instead of ${timestamp} ${id}`);
        }
        const [stop, ids, texts] = [expected[count]?.id ?? null, [] as number[], [] as string[]];
        cursor.seek(from);
        const wanted = { afterId: 100, untilId: 3200 };
        while (cursor.takeIds(ids, ids.length + 70, wanted, stop, texts));
        const listed = expected.slice(0, count).filter(({ id }) => id > 100 && id <= 3200);
        if (String(ids) !== String(listed.map(({ id }) => id))) throw new Error(`${ids.length} ids are listed`);
        const listedTexts = listed.map(({ timestamp }) => timestamp);
        if (String(texts) !== String(listedTexts)) throw new Error(`${texts.length} texts are listed`);
        if (expected.length <= count && cursor.next()) throw new Error('it goes on behind the last record');
      } finally {
        pages.close();
      }
    }),
    { numRuns: 40 },
  );
});

void test('what is no index is refused', async (t) => {
  const path = join(await memoryDir(t), 'table.db');
  const database = openSqlite(path);
  t.teardown(() => database.close());
  database.exec('CREATE TABLE logs (id INTEGER PRIMARY KEY, timestamp TEXT NOT NULL)');
  database.exec('CREATE INDEX logs_timestamp ON logs (timestamp)');
  database.run('INSERT INTO logs VALUES (1, ?)', ['x'.repeat(100_000)]);
  const pages = new PageFile(path, 'r');
  t.teardown(() => pages.close());
  const read = (name: string) => () => {
    const cursor = new IndexCursor(pages, database.rootPageOf(name), 'forwards');
    cursor.seek(null);
    cursor.next();
  };
  t.throws(read('logs'), { code: 'STORE_CORRUPT' }, 'a table');
  t.throws(read('logs_timestamp'), { code: 'STORE_CORRUPT' }, 'a text that goes on in other pages');
});
