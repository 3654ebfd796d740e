import { join } from 'node:path';
import fc from 'fast-check';
import { type Test, test } from 'tap';
import {
  type IndexingBounds,
  declareMetadataIndex,
  fillMetadataIndex,
  refuseIncompleteIndex,
} from '../../../src/store/thread/metadata-index.ts';
import type { Sqlite } from '../../../src/store/thread/sqlite.ts';
import { memoryDir } from '../../temp-dir.ts';
import { openSqlite } from '../open-sqlite.ts';

type Pair = readonly [type: string, value: string];

interface Filling {
  readonly pageSize?: number;
  readonly bounds?: IndexingBounds;
  readonly idOf?: (index: number) => number;
}

/** A file with these pairs, unindexed; its index is declared. */
function withPairs(path: string, pairs: readonly Pair[], { pageSize = 16_384, idOf }: Filling) {
  const database = openSqlite(path);
  database.exec(`
    PRAGMA page_size = ${pageSize};
    CREATE TABLE logs_metadata (
      id INTEGER PRIMARY KEY, log_id INTEGER NOT NULL, metadata_type TEXT NOT NULL, metadata_value TEXT NOT NULL, app_version TEXT)`);
  database.transaction(() => {
    pairs.forEach(([type, value], index) =>
      database.run('INSERT INTO logs_metadata VALUES (?, ?, ?, ?, ?)', [
        idOf?.(index) ?? (index + 1) * 1024,
        index,
        type,
        value,
        index % 2 === 0 ? '1.0' : null,
      ]),
    );
  });
  const roots = declareMetadataIndex(database);
  database.close();
  return roots;
}

let files = 0;
/** The file with its index, open until the test ends. */
function indexed(directory: string, pairs: readonly Pair[], filling: Filling = {}): Sqlite {
  const path = join(directory, `${++files}.db`);
  fillMetadataIndex(path, withPairs(path, pairs, filling), filling.bounds);
  return openSqlite(path);
}

function verdictOf(database: Sqlite): string | undefined {
  return database.all<{ integrity_check: string }>('PRAGMA integrity_check')[0]?.integrity_check;
}

/** By the index alone. */
function pairsByIndex(database: Sqlite): readonly Pair[] {
  return database
    .all<{ type: string; value: string }>(
      `SELECT metadata_type AS type, metadata_value AS value FROM logs_metadata INDEXED BY logs_metadata_type_value
       ORDER BY metadata_type, metadata_value`,
    )
    .map(({ type, value }) => [type, value]);
}

function closing(t: Test, database: Sqlite): Sqlite {
  t.teardown(() => database.close());
  return database;
}

const text = fc.oneof(
  fc.constantFrom('', 'a', 'aa', 'B', 'userId', 'é', '\u{10ffff}', '\uffff', '10', '9', "it's"),
  fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\0', '')),
  fc.tuple(fc.constantFrom('x', 'xy', 'é'), fc.nat(3000)).map(([part, times]) => part.repeat(times)),
);

void test('the index is one that the engine itself finds sound, and finds every pair', async (t) => {
  const directory = await memoryDir(t);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(text, text), { maxLength: 60 }),
      fc.constantFrom(512, 1024, 16_384, 65_536),
      fc.constantFrom(1, 5, 1000),
      (pairs, pageSize, most) => {
        const database = indexed(directory, pairs, { pageSize, bounds: { pairs: most, valueBytes: most * 20 } });
        try {
          const verdict = verdictOf(database);
          if (verdict !== 'ok') throw new Error(verdict);
          refuseIncompleteIndex(database);
          const found = pairsByIndex(database).map((pair) => JSON.stringify(pair));
          const expected = pairs.map((pair) => JSON.stringify(pair));
          if (String(found.sort()) !== String(expected.sort())) throw new Error('other pairs than were stored');
        } finally {
          database.close();
        }
      },
    ),
    { numRuns: 150 },
  );
});

void test('an index of several levels is sound at every number of pairs where a page begins', async (t) => {
  const directory = await memoryDir(t);
  const value = (n: number): string => String((n * 7919) % 10_007).padStart(60, '0');

  const wrong = Array.from({ length: 150 }, (_, n): string[] => {
    const pairs = Array.from({ length: n }, (__, index): Pair => ['k', value(index)]);
    const database = indexed(directory, pairs, { pageSize: 512 });
    const verdict = verdictOf(database);
    database.close();
    return verdict === 'ok' ? [] : [`${n}: ${verdict}`];
  }).flat();
  t.strictSame(wrong, []);
  const many = Array.from({ length: 20_000 }, (_, index): Pair => [`type ${index % 3}`, value(index)]);
  t.equal(verdictOf(closing(t, indexed(directory, many, { pageSize: 512 }))), 'ok');
});

void test('ids of every size that a log can have stand in the index', async (t) => {
  const directory = await memoryDir(t);
  const ids = [1, 127, 1024, 2 ** 31 - 1, 2 ** 31, 2 ** 40, 2 ** 47 - 1, 2 ** 47, 2 ** 53 - 1];
  const pairs = ids.map((_, index): Pair => ['k', String(index % 2)]);
  const database = closing(t, indexed(directory, pairs, { idOf: (index) => ids[index] ?? 0 }));

  t.equal(verdictOf(database), 'ok');
  const found = database.all<{ id: number | bigint }>(
    `SELECT id FROM logs_metadata INDEXED BY logs_metadata_type_value WHERE metadata_type = 'k' AND metadata_value = '1'`,
  );
  t.strictSame(
    found.map(({ id }) => Number(id)),
    ids.filter((_, index) => index % 2 === 1),
  );
});

void test('many values that share ever more of their begin are sorted without recursion to their ends', async (t) => {
  const directory = await memoryDir(t);
  const pairs = Array.from({ length: 3000 }, (_, n): Pair => ['k', 'a'.repeat((n * 7) % 3000)]);
  t.equal(verdictOf(closing(t, indexed(directory, pairs))), 'ok');
});

void test('it is an index like any other', async (t) => {
  const directory = await memoryDir(t);
  const pairs = Array.from({ length: 3000 }, (_, n): Pair => [`type ${n % 7 === 0 ? n : n % 20}`, `value ${n % 11}`]);
  const database = closing(t, indexed(directory, pairs));

  for (const [type, value] of [pairs[7], pairs[8], pairs[2996]] as Pair[]) {
    const [answer] = database.all<{ rows: number }>(
      'SELECT count(*) AS rows FROM logs_metadata INDEXED BY logs_metadata_type_value WHERE metadata_type = ? AND metadata_value = ?',
      [type, value],
    );
    t.equal(answer?.rows, pairs.filter((pair) => pair[0] === type && pair[1] === value).length, `${type}: ${value}`);
  }
  t.strictSame(database.all(`SELECT sql FROM sqlite_schema WHERE name = 'logs_metadata_type_value'`), [
    { sql: 'CREATE INDEX logs_metadata_type_value ON logs_metadata (metadata_type, metadata_value)' },
  ]);
  database.run('INSERT INTO logs_metadata VALUES (5, 5, ?, ?, NULL)', ['type 1', 'a new one']);
  database.run('DELETE FROM logs_metadata WHERE id % 3 = 0');
  t.equal(verdictOf(database), 'ok', 'also once it has been changed');
});

void test('an index that misses a pair is refused', async (t) => {
  const directory = await memoryDir(t);
  const path = join(directory, 'missing.db');
  withPairs(path, [['k', 'v']], {});
  const database = closing(t, openSqlite(path));

  t.throws(() => refuseIncompleteIndex(database), { code: 'STORE_CORRUPT' });
});

void test('a table whose pages are damaged is refused', async (t) => {
  const directory = await memoryDir(t);
  const path = join(directory, 'damaged.db');
  const roots = withPairs(path, [['k', 'v']], {});

  t.throws(() => fillMetadataIndex(path, { ...roots, table: roots.table + 100 }), { code: 'STORE_CORRUPT' });
  t.throws(() => fillMetadataIndex(path, { ...roots, table: 1 }), { code: 'STORE_CORRUPT' });
});

void test('what was sorted is given back at once: garbage of a sealing thread would wait for its end', async (t) => {
  const directory = await memoryDir(t);
  const value = 'v'.repeat(1000);
  const path = join(directory, 'much.db');
  const roots = withPairs(
    path,
    Array.from({ length: 6000 }, (_, index): Pair => [`type ${index % 6}`, `${index} ${value}`]),
    {},
  );
  const before = process.memoryUsage().arrayBuffers;

  fillMetadataIndex(path, roots, { pairs: 1000, valueBytes: 2_000_000 });

  const kept = process.memoryUsage().arrayBuffers - before;
  t.ok(kept < 2_000_000, `${kept} bytes are kept of 6,000,000 that were sorted in six parts`);
});
