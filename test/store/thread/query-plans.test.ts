/** How sealed segments are walked: what the planner prefers there by its statistics can cost a thousand times as much. */
import { join } from 'node:path';
import { test } from 'tap';
import { parseQuery } from '../../../src/search/parse-query.ts';
import type { Filter } from '../../../src/search/request.ts';
import { countFields } from '../../../src/store/thread/field-counts.ts';
import { searchRows } from '../../../src/store/thread/queries.ts';
import { SegmentAnswers } from '../../../src/store/thread/segment-answers.ts';
import type { Sqlite, SqlValue } from '../../../src/store/thread/sqlite.ts';
import { SqliteStore } from '../../../src/store/thread/sqlite-store.ts';
import { someRecords } from '../../records.ts';
import { memoryDir } from '../../temp-dir.ts';
import { openSqlite } from '../open-sqlite.ts';

void test("a row's metadata is found by its id, never by walking all pairs of the key", async (t) => {
  const directory = await memoryDir(t);
  const store = new SqliteStore(join(directory, 'regression.db'));
  for (let round = 0; round < 20; round++) {
    const metadata = Array.from({ length: 10 }, (_, key) => [`key${key}`, `value ${round}`] as const);
    await store.append({ records: someRecords(50, { metadata }), positions: [], gaps: [] });
  }
  await store.rotate();
  await store.sealed();
  await store.close();
  const database = openSqlite(join(directory, 'segments/000000000001.db'));
  t.teardown(() => database.close());
  const asked: { sql: string; values: readonly SqlValue[] }[] = [];
  const all = database.all.bind(database);
  database.all = <Row>(sql: string, values?: readonly SqlValue[]): Row[] => {
    asked.push({ sql, values: values ?? [] });
    return all<Row>(sql, values);
  };
  const sources = { hot: database, segments: [], open: (): Sqlite => database, answers: new SegmentAnswers() };
  const filter: Filter = { start: '2026-11-24T03:00:00.000000Z', end: '2026-11-25T00:00:00.000000Z' };
  for (const text of ['key3:>"value 3"', 'key3:val*', '-key3:"value 4"', 'key3:/9$/', 'key3:* OR key4:"value 1"']) {
    const query = parseQuery(text, 0);
    const search = query === null ? undefined : { text, query };
    searchRows(sources, { filter: { ...filter, search }, order: 'desc', limit: 10 });
  }
  for (const fields of ['all', 'names', ['meta.key3'], ['severity', 'application']] as const) {
    countFields(sources, { filter, fields, limit: 10, maxRows: 100 });
  }

  const ofMetadata = asked.flatMap(({ sql, values }) =>
    all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, values)
      .map(({ detail }) => detail)
      .filter((detail) => /\b(pair|logs_metadata)\b/.test(detail)),
  );
  t.ok(ofMetadata.length >= 8);
  for (const detail of new Set(ofMetadata)) t.match(detail, 'USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)');
});
