/** Rows found by the bytes of their pages are those that say so when they are read one by one, whatever lies in overflow pages. */
import { join } from 'node:path';
import fc from 'fast-check';
import { type Test, test } from 'tap';
import { idsWithPair, idsWithTexts } from '../../../src/store/thread/found-bytes.ts';
import { PageFile } from '../../../src/store/thread/pages/page-file.ts';
import type { Sqlite } from '../../../src/store/thread/sqlite.ts';
import { memoryDir } from '../../temp-dir.ts';
import { openSqlite } from '../open-sqlite.ts';

async function emptyFile(t: Test): Promise<{ readonly database: Sqlite; readonly path: string }> {
  const path = join(await memoryDir(t), 'rows.db');
  const database = openSqlite(path);
  t.teardown(() => database.close());
  database.exec('PRAGMA page_size = 16384');
  database.exec(`
    CREATE TABLE logs (id INTEGER PRIMARY KEY, timestamp TEXT, severity TEXT, application_id INTEGER, source TEXT, message TEXT);
    CREATE TABLE logs_metadata (
      id INTEGER PRIMARY KEY, log_id INTEGER, metadata_type TEXT, metadata_value TEXT, app_version TEXT)`);
  return { database, path };
}

/** Fills a page. */
const long = 'x'.repeat(20_000);
const pieces = ['id=', 'ID=', '1eef', 'é', 'É', '\u{1f600}', ' ', 'Reset', 'reset', 'k'];
const lower = (text: string): string => text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());

void test('a text is found in every message that holds it, and where most do they are not listed', async (t) => {
  const { database, path } = await emptyFile(t);
  const messages = Array.from({ length: 900 }, (_, row) => {
    const text = [row, row * 7, row * 31].map((at) => pieces[at % pieces.length]).join('');
    return row % 60 === 0 ? `${text}${long}${row % 120 === 0 ? 'reset' : ''}` : text;
  });
  for (const [row, message] of messages.entries())
    database.run(`INSERT INTO logs VALUES (?, '', '', 1, 'reset source', ?)`, [row * 3 + 5, message]);
  const root = database.rootPageOf('logs');
  const wanted = fc.array(fc.constantFrom(...pieces, 'xxreset', 'nowhere'), { minLength: 1, maxLength: 3 });
  const id = fc.integer({ min: 5, max: 2705 });
  fc.assert(
    fc.property(fc.array(wanted, { minLength: 1, maxLength: 2 }), id, id, (parts, firstId, lastId) => {
      const texts = parts.map((part) => part.join(''));
      const pages = new PageFile(path, 'r');
      try {
        const expected = messages.flatMap((message, row) => {
          const [isIn, holds] = [
            row * 3 + 5 >= firstId && row * 3 + 5 <= lastId,
            texts.every((text) => lower(message).includes(lower(text))),
          ];
          return isIn && holds ? [row * 3 + 5] : [];
        });
        const found = idsWithTexts(pages, root, [firstId, lastId], texts, 10);
        const isTooShort = texts.every((text) => Buffer.byteLength(text) < 3);
        if (isTooShort ? found !== null : String(found) !== String(expected))
          throw new Error(`${texts.join()}: ${String(found)} instead of ${String(expected)}`);
      } finally {
        pages.close();
      }
    }),
    { numRuns: 100 },
  );

  database.run(`UPDATE logs SET message = 'reset'`);
  const pages = new PageFile(path, 'r');
  t.teardown(() => pages.close());
  t.equal(idsWithTexts(pages, root, [5, 2705], ['reset'], 10), null);
});

void test('a pair is found in every row that has it, and in no other', async (t) => {
  const { database, path } = await emptyFile(t);
  const values = ['u-1', 'u-11', '', 'é', 'U-1', 'serId', long, `u-1${long}`, 'v'.repeat(900)];
  const has: [id: number, type: string, value: string][] = [];
  for (let row = 0; row < 400; row++) {
    for (const [place, type] of ['userId', 'user', 'Id', 'userIdu-'].entries()) {
      if ((row + place) % 3 === 0) continue;
      const value = values[(row * 5 + place) % values.length] ?? '';
      has.push([row + 7, type, value]);
      database.run('INSERT INTO logs_metadata VALUES (?, ?, ?, ?, ?)', [
        (row + 7) * 1024 + place,
        row + 7,
        type,
        value,
        row % 50 === 0 ? long : null,
      ]);
    }
  }
  const root = database.rootPageOf('logs_metadata');
  const pages = new PageFile(path, 'r');
  t.teardown(() => pages.close());
  for (const [firstId, lastId] of [
    [7, 406],
    [100, 250],
    [406, 406],
    [900, 950],
  ] as const) {
    for (const type of ['userId', 'user', 'Id', 'userIdu-', 'nobody']) {
      for (const value of [...values, '1', 'u-111']) {
        const expected = has.filter(
          ([id, ...pair]) => id >= firstId && id <= lastId && pair[0] === type && pair[1] === value,
        );
        const found = idsWithPair(pages, root, [firstId, lastId], [type, value], 1000);
        const isLong = value.length > 1000;
        t.strictSame(found, isLong ? null : expected.map(([id]) => id), `${type} ${value.slice(0, 10)}`);
      }
    }
  }
  t.equal(idsWithPair(pages, root, [7, 406], ['user', 'u-1'], 3), 'many');
});
