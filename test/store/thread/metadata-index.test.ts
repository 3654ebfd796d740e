import fc from 'fast-check';
import { test } from 'tap';
import { buildMetadataIndex } from '../../../src/store/thread/metadata-index.ts';
import { Sqlite } from '../../../src/store/thread/sqlite.ts';

type Pair = readonly [type: string, value: string];

function withPairs(pairs: readonly Pair[]): Sqlite {
  const database = new Sqlite(':memory:');
  database.exec(
    'CREATE TABLE logs_metadata (id INTEGER PRIMARY KEY, metadata_type TEXT NOT NULL, metadata_value TEXT NOT NULL)',
  );
  pairs.forEach(([type, value], index) =>
    database.run('INSERT INTO logs_metadata VALUES (?, ?, ?)', [(index + 1) * 1024, type, value]),
  );
  return database;
}

const text = fc.oneof(fc.constantFrom('', 'a', 'B', 'userId', 'é', '10', '9', "it's"), fc.string());

void test('the index is one that the engine itself finds sound, and finds every pair', async () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { maxLength: 60 }), (pairs) => {
      const database = withPairs(pairs);
      buildMetadataIndex(database);

      const [verdict] = database.all<{ integrity_check: string }>('PRAGMA integrity_check');
      if (verdict?.integrity_check !== 'ok') throw new Error(verdict?.integrity_check);
      const inOrder = database.all<{ type: string; value: string }>(
        `SELECT metadata_type AS type, metadata_value AS value FROM logs_metadata INDEXED BY logs_metadata_type_value
         ORDER BY metadata_type, metadata_value`,
      );
      const found = inOrder.map(({ type, value }) => JSON.stringify([type, value])).sort();
      const expected = pairs.map((pair) => JSON.stringify(pair)).sort();
      if (String(found) !== String(expected)) throw new Error('other pairs than were stored');
      database.close();
    }),
    { numRuns: 60 },
  );
});

void test('more types than are sorted apart, the rare ones in between, stand in one index', async (t) => {
  const pairs = Array.from({ length: 3000 }, (_, n): Pair => [`type ${n % 7 === 0 ? n : n % 20}`, `value ${n % 11}`]);
  const database = withPairs(pairs);
  t.teardown(() => database.close());
  buildMetadataIndex(database);

  t.strictSame(database.all('PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
  for (const [type, value] of [pairs[7], pairs[8], pairs[2996]] as Pair[]) {
    const [answer] = database.all<{ rows: number }>(
      'SELECT count(*) AS rows FROM logs_metadata INDEXED BY logs_metadata_type_value WHERE metadata_type = ? AND metadata_value = ?',
      [type, value],
    );
    t.equal(answer?.rows, pairs.filter((pair) => pair[0] === type && pair[1] === value).length, `${type}: ${value}`);
  }
  t.strictSame(
    database.all(`SELECT sql FROM sqlite_schema WHERE name = 'logs_metadata_type_value'`),
    [{ sql: 'CREATE INDEX logs_metadata_type_value ON logs_metadata (metadata_type, metadata_value)' }],
    'and it is an index like any other',
  );
});
