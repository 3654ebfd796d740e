/** Blocks narrow a search down and never lose a row: what they leave holds every row that LIKE finds. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'tap';
import { parseQuery } from '../../../src/search/parse-query.ts';
import type { SearchRequest } from '../../../src/search/request.ts';
import { hotFileName } from '../../../src/store/segments.ts';
import { countHits } from '../../../src/store/thread/hit-counts.ts';
import { searchRows } from '../../../src/store/thread/queries.ts';
import type { Sources } from '../../../src/store/thread/sources.ts';
import { SegmentAnswers } from '../../../src/store/thread/segment-answers.ts';
import { dropIndexesOfSealing } from '../../../src/store/thread/segment-applications.ts';
import { PageFile } from '../../../src/store/thread/pages/page-file.ts';
import { Sqlite, type SqlValue } from '../../../src/store/thread/sqlite.ts';
import { SqliteStore } from '../../../src/store/thread/sqlite-store.ts';
import { TextBlocks, blockCandidates, storeTextBlocks, storedBitmaps } from '../../../src/store/thread/text-blocks.ts';
import { UnsealedRows } from '../../../src/store/thread/unsealed-rows.ts';
import { aRecord } from '../../records.ts';
import { memoryDir } from '../../temp-dir.ts';
import { openSqlite } from '../open-sqlite.ts';

const piece = fc.constantFrom(
  'id=',
  'ID=',
  '1eef',
  '42',
  'é',
  'É',
  '日本',
  '\u{1f600}',
  '%',
  '_',
  ' ',
  'x',
  'Reset',
  'reset',
  '\\',
  '=',
);
const text = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(''));

void test('what the blocks leave holds every row that has the texts', async () => {
  fc.assert(
    fc.property(
      fc.array(text, { minLength: 1, maxLength: 30 }),
      fc.array(text, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 1000 }),
      (messages, texts, firstId) => {
        // Far apart, so that each has a block of its own.
        const idOf = (index: number): number => firstId + index * 640;
        const range = { firstId, lastId: idOf(messages.length) };
        const blocks = new TextBlocks({ firstId, lastId: firstId });
        const database = new Sqlite(':memory:');
        try {
          database.exec('CREATE TABLE logs (id INTEGER PRIMARY KEY, message TEXT)');
          for (const [index, message] of messages.entries()) {
            const bytes = Buffer.from(message);
            blocks.add(idOf(index), bytes, 0, bytes.length);
            database.run('INSERT INTO logs VALUES (?, ?)', [idOf(index), message]);
          }
          storeTextBlocks(database, blocks);
          const stored = storedBitmaps(database);
          const found = [
            blockCandidates(texts, range, (bits) => bits.map((bit) => blocks.bitmap(bit))),
            stored === null ? null : blockCandidates(texts, range, stored),
          ];
          const like = texts.map((wanted) => `%${wanted.replaceAll(/[\\%_]/g, '\\$&')}%`);
          const condition = like.map(() => "message LIKE ? ESCAPE '\\'").join(' AND ');
          const rows = database.all<{ id: number }>(`SELECT id FROM logs WHERE ${condition}`, like);
          for (const candidates of found) {
            if (candidates === null) continue;
            const left = database.all<{ id: number }>(
              `SELECT id FROM logs log WHERE ${candidates.sql}`,
              candidates.values,
            );
            const ids = new Set(left.map(({ id }) => id));
            for (const { id } of rows) if (!ids.has(id)) throw new Error(`row ${id} is lost`);
          }
          if (found[0]?.maxRows !== found[1]?.maxRows) throw new Error('stored ones differ from those in memory');
        } finally {
          database.close();
        }
      },
    ),
    { numRuns: 200 },
  );
});

const search = (q: string) => ({ text: q, query: parseQuery(q, 0)! });

void test('an id among many rows is found by reading few of them, in a segment, a closed file and the hot file', async (t) => {
  const directory = await memoryDir(t);
  const store = new SqliteStore(join(directory, hotFileName));
  let next = 0;
  const append = async (): Promise<void> => {
    const records = Array.from({ length: 3000 }, () => {
      const second = String(next % 60).padStart(2, '0');
      const timestamp = `2026-11-24T03:${String(Math.floor(next / 60) % 60).padStart(2, '0')}:${second}.000000Z`;
      return aRecord({
        timestamp,
        message: `request ID=${((next++ * 7919) % 65_536).toString(16).padStart(4, '0')} was taken`,
      });
    });
    await store.append({ records, positions: [], gaps: [] });
  };
  await append();
  await store.rotate();
  await store.sealed();
  await append();
  const segments = await store.segments();
  await store.close();
  const packed = join(directory, 'packed.db');
  copyFileSync(segments[0]?.path ?? '', packed);
  const unindexed = openSqlite(packed);
  dropIndexesOfSealing(unindexed);
  t.strictSame(unindexed.all("SELECT name FROM sqlite_schema WHERE name LIKE 'logs_text%'"), [], 'an archive has none');
  unindexed.close();
  const [sealed, hot] = [openSqlite(segments[0]?.path ?? ''), openSqlite(join(directory, hotFileName))];
  t.teardown(() => [sealed, hot].forEach((database) => database.close()));
  const plain: Sources = {
    hot,
    segments,
    open: () => sealed,
    openPages: (segment) => new PageFile(segment?.path ?? join(directory, hotFileName), 'r'),
    answers: new SegmentAnswers(),
  };
  const counted: number[] = [];
  for (const database of [sealed, hot]) {
    const all = database.all.bind(database);
    database.all = <Row>(sql: string, values?: readonly SqlValue[]): Row[] => {
      const [json] = values ?? [];
      if (sql.includes('json_each(?)') && typeof json === 'string' && sql.includes('FROM logs log'))
        counted.push((JSON.parse(json) as []).length);
      return all<Row>(sql, values);
    };
  }
  for (const q of ['"id=1eef"', '"ID=9c40"', '"id=zzzz"', 'nowhere']) {
    const asked: SearchRequest = { filter: { search: search(q) }, order: 'desc', limit: 50 };
    const expected = searchRows({ ...plain, answers: new SegmentAnswers() }, asked);
    counted.length = 0;
    const found = searchRows({ ...plain, answers: new SegmentAnswers(), unsealed: new UnsealedRows() }, asked);
    t.equal(found.ndjson, expected.ndjson, q);
    t.ok(counted.length === 2 && Math.max(...counted) <= 300, `${q}: ${String(counted)} rows were left`);
    const hits = countHits(
      { ...plain, answers: new SegmentAnswers(), unsealed: new UnsealedRows() },
      { filter: asked.filter, stepSeconds: 3600 },
    );
    t.strictSame(
      hits,
      countHits({ ...plain, answers: new SegmentAnswers() }, { filter: asked.filter, stepSeconds: 3600 }),
    );
  }
});
