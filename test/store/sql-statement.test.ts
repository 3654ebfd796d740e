/** What was tried to break out of `POST /sql`, and what answered. Each attack is run against the real engine. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { openStore } from '../../src/store/remote-store.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { secretTables } from '../../src/store/thread/sql-statement.ts';
import { someRecords } from '../records.ts';
import { tempDir } from '../temp-dir.ts';
import { openSqlite } from './open-sqlite.ts';

const limits = { deadlineMs: 20_000 };
const sql = (text: string) => ({ sql: text, maxRows: 1000, maxBytes: 1_000_000 });

async function filled(): Promise<SqliteStore> {
  const store = new SqliteStore(':memory:');
  await store.append({ records: someRecords(50, { metadata: [['k', 'v']] }), positions: [], gaps: [] });
  await store.state.addUser({ username: 'eve', password: 'the hash', role: 'viewer' });
  return store;
}

const answered: readonly (readonly [text: string, rows: unknown])[] = [
  ['SELECT 1 AS one', [[1]]],
  ['  -- a comment; with a semicolon\n /* ; */ select count(*) n from logs;  -- and after', [[50]]],
  ["WITH x(n) AS (VALUES (1), (2)) SELECT sum(n) AS total, ';' AS text FROM x", [[3, ';']]],
  ["SELECT severity, count(*) AS n FROM logs WHERE message LIKE 'row 1%' GROUP BY severity", [['INFO', 11]]],
  ['SELECT max(metadata_value) AS v FROM logs_metadata JOIN logs ON logs.id = log_id', [['v']]],
  ['SELECT value FROM json_each(\'[1,"a",null]\')', [[1], ['a'], [null]]],
  ['SELECT name, row_number() OVER (ORDER BY id) AS n FROM applications', [['shop', 1]]],
  ["SELECT x'ff00' AS b, 9223372036854775807 AS i, 1.5 AS r", [['/wA=', '9223372036854775807', 1.5]]],
  ['SELECT 1e999 AS most, -1e999 AS least', [['Infinity', '-Infinity']]],
  ['SELECT 1 AS "PRAGMA", 2 AS [ATTACH], \'--\' AS `DROP`', [[1, 2, '--']]],
  ["SELECT name FROM sqlite_schema WHERE name = 'logs'", [['logs']]],
  ['SELECT id FROM logs WHERE id IN (SELECT id FROM logs UNION SELECT 7 INTERSECT SELECT 8)', [[8]]],
];
for (const [text, rows] of answered) {
  void test(`sql answers ${JSON.stringify(text.slice(0, 60))}`, async (t) => {
    const store = await filled();
    t.teardown(() => store.close());
    t.strictSame((await store.sql(sql(text))).rows, rows);
  });
}

const deep = (open: string, close: string, times: number): string => `${open.repeat(times)}1${close.repeat(times)}`;

const attacks: readonly (readonly [text: string, code: string])[] = [
  // writing
  ["INSERT INTO logs VALUES (1,'','',1,'','')", 'QUERY_INVALID'],
  ['WITH x AS (SELECT 1) DELETE FROM logs', 'QUERY_INVALID'],
  ['WITH x AS (SELECT 1) UPDATE logs SET message = 1 RETURNING *', 'QUERY_INVALID'],
  ['WITH x AS (SELECT 1) INSERT INTO users SELECT 9,1,1,1,1 FROM x', 'QUERY_INVALID'],
  ['WITH x AS (SELECT 1) REPLACE INTO applications SELECT 1,1,1,1,1,1', 'QUERY_INVALID'],
  ['CREATE TABLE t (a)', 'QUERY_INVALID'],
  ['CREATE TEMP VIEW v AS SELECT * FROM users', 'QUERY_INVALID'],
  ['DROP TABLE logs', 'QUERY_INVALID'],
  ['BEGIN IMMEDIATE', 'QUERY_INVALID'],
  ['SAVEPOINT a', 'QUERY_INVALID'],
  ['REINDEX', 'QUERY_INVALID'],
  ['ANALYZE', 'QUERY_INVALID'],
  // other files, other settings
  ["ATTACH '/tmp/regression-attack.db' AS a", 'QUERY_INVALID'],
  ['DETACH main', 'QUERY_INVALID'],
  ['VACUUM', 'QUERY_INVALID'],
  ["VACUUM INTO '/tmp/regression-attack.db'", 'QUERY_INVALID'],
  ['PRAGMA query_only = OFF', 'QUERY_INVALID'],
  ['PRAGMA journal_mode = DELETE', 'QUERY_INVALID'],
  ['/* SELECT */ PRAGMA writable_schema = ON', 'QUERY_INVALID'],
  ['-- SELECT\nPRAGMA writable_schema = ON', 'QUERY_INVALID'],
  ['EXPLAIN PRAGMA query_only = OFF', 'QUERY_INVALID'],
  ['EXPLAIN QUERY PLAN SELECT 1', 'QUERY_INVALID'],
  ['\u00a0SELECT 1', 'QUERY_INVALID'],
  ['\u000bSELECT 1', 'QUERY_INVALID'],
  ['\ufeffSELECT 1', 'QUERY_INVALID'],
  // several statements
  ['SELECT 1; SELECT 2', 'QUERY_INVALID'],
  ['SELECT 1; PRAGMA query_only = OFF', 'QUERY_INVALID'],
  ["SELECT 1;; VACUUM INTO '/tmp/regression-attack.db'", 'QUERY_INVALID'],
  ["SELECT '\\'; ATTACH '/tmp/regression-attack.db' AS a --'", 'QUERY_INVALID'],
  ['SELECT 1 /* */; /* */ DELETE FROM logs', 'QUERY_INVALID'],
  ['SELECT 1\0; DELETE FROM logs', 'QUERY_INVALID'],
  ['', 'QUERY_INVALID'],
  [';', 'QUERY_INVALID'],
  ['-- nothing', 'QUERY_INVALID'],
  // credentials
  ['SELECT * FROM users', 'FORBIDDEN'],
  ['SELECT "password" FROM "main"."users"', 'FORBIDDEN'],
  ["SELECT password FROM 'users'", 'FORBIDDEN'],
  ['SELECT [password] FROM `USERS`', 'FORBIDDEN'],
  ['SELECT (SELECT password FROM users LIMIT 1) AS p', 'FORBIDDEN'],
  ['SELECT 1 WHERE EXISTS (SELECT 1 FROM users WHERE password LIKE $1)', 'FORBIDDEN'],
  ['SELECT id FROM logs UNION ALL SELECT password FROM users', 'FORBIDDEN'],
  ['SELECT username FROM users INDEXED BY sqlite_autoindex_users_1 WHERE username > $1', 'FORBIDDEN'],
  ['SELECT digest FROM tokens', 'FORBIDDEN'],
  ["SELECT digest FROM tokens INDEXED BY sqlite_autoindex_tokens_1 WHERE digest > ''", 'FORBIDDEN'],
  ['WITH u AS (SELECT * FROM users) SELECT count(*) FROM u', 'FORBIDDEN'],
  [
    'SELECT a.name FROM applications a LEFT JOIN users u ON u.id = a.owner_user_id WHERE u.password IS NOT NULL',
    'FORBIDDEN',
  ],
  // segments: `segment_1` is sealed here
  ['SELECT * FROM segment_1.users', 'FORBIDDEN'],
  ['SELECT u.password FROM logs l JOIN segment_1.users u', 'FORBIDDEN'],
  ['SELECT * FROM main.users', 'FORBIDDEN'],
  ['INSERT INTO segment_1.logs SELECT * FROM logs', 'QUERY_INVALID'],
  ["WITH x AS (SELECT 1) UPDATE segment_1.logs SET message = ''", 'QUERY_INVALID'],
  ['WITH x AS (SELECT 1) DELETE FROM temp.logs', 'QUERY_INVALID'],
  ['DROP VIEW temp.logs', 'QUERY_INVALID'],
  ['DETACH segment_1', 'QUERY_INVALID'],
  ['PRAGMA segment_1.journal_mode', 'QUERY_INVALID'],
  ["VACUUM segment_1 INTO '/tmp/regression-attack.db'", 'QUERY_INVALID'],
  ['SELECT * FROM segment_1.logs_text', 'QUERY_INVALID'],
  ["SELECT * FROM pragma_table_info('users', 'segment_1')", 'QUERY_INVALID'],
  ['SELECT * FROM segment_2.logs', 'QUERY_INVALID'],
  // virtual tables and functions with side effects
  ['SELECT * FROM pragma_table_list', 'QUERY_INVALID'],
  ['SELECT * FROM pragma_journal_mode', 'QUERY_INVALID'],
  ["SELECT * FROM pragma_table_info('users')", 'QUERY_INVALID'],
  ['SELECT * FROM "pragma_database_list"', 'QUERY_INVALID'],
  ['SELECT * FROM dbstat', 'QUERY_INVALID'],
  ['SELECT * FROM sqlite_dbpage', 'QUERY_INVALID'],
  ["SELECT load_extension('/tmp/x.so')", 'QUERY_INVALID'],
  ["SELECT writefile('/tmp/regression-attack.db', 'x')", 'QUERY_INVALID'],
  ["SELECT readfile('/etc/passwd')", 'QUERY_INVALID'],
  ["SELECT sqlite_attach('/tmp/regression-attack.db', 'a', NULL)", 'QUERY_INVALID'],
  ["SELECT satisfies('a', 'no json')", 'QUERY_INVALID'],
  ["SELECT * FROM segment_1.logs_text('row')", 'QUERY_INVALID'],
  ["SELECT rowid FROM segment_1.logs_text WHERE logs_text MATCH 'row'", 'QUERY_INVALID'],
  ['SELECT * FROM fts5vocab', 'QUERY_INVALID'],
  ['SELECT count(*) AS n FROM logs, pragma_database_list', 'QUERY_INVALID'],
  ['SELECT * FROM pragma_function_list', 'QUERY_INVALID'],
  ['SELECT * FROM pragma_wal_checkpoint', 'QUERY_INVALID'],
  ["SELECT * FROM json_each(readfile('/etc/passwd'))", 'QUERY_INVALID'],
  ["SELECT * FROM fsdir('/')", 'QUERY_INVALID'],
  ["SELECT * FROM bytecode('SELECT password FROM users')", 'QUERY_INVALID'],
  ["SELECT edit('x', 'id')", 'QUERY_INVALID'],
  // what is only of the words and of the schema, and secret to nobody who may read the rows
  ['SELECT term FROM segment_1.logs_text_terms', 'ANSWERED'],
  ["SELECT sql FROM sqlite_schema WHERE name = 'users'", 'ANSWERED'],
  ["SELECT fts5('x') AS x", 'ANSWERED'],
  // credentials once more
  ['WITH x AS MATERIALIZED (SELECT * FROM users) SELECT 1 FROM x', 'FORBIDDEN'],
  ['SELECT * FROM applications NATURAL JOIN users', 'FORBIDDEN'],
  ['SELECT EXISTS (SELECT 1 FROM tokens) AS x', 'FORBIDDEN'],
  ['SELECT count(*) FROM users', 'FORBIDDEN'],
  ['SELECT id FROM logs WHERE id IN (SELECT id FROM users)', 'FORBIDDEN'],
  // too deep, too wide, too long
  [`SELECT ${deep('(', ')', 20_000)} AS x`, 'QUERY_INVALID'],
  [`SELECT ${deep('- ', '', 30_000)} AS x`, 'QUERY_INVALID'],
  [`SELECT ${deep('1+', '', 30_000)} AS x`, 'QUERY_INVALID'],
  [`SELECT ${deep('(SELECT ', ')', 6000)} AS x`, 'QUERY_INVALID'],
  [`SELECT ${deep('abs(', ')', 10_000)} AS x`, 'QUERY_INVALID'],
  [`SELECT 1 AS x ${'UNION ALL SELECT 1 '.repeat(3000)}`, 'QUERY_INVALID'],
  [`SELECT ${Array.from({ length: 3000 }, (_, column) => `1 AS a${column}`).join(',')}`, 'QUERY_INVALID'],
  [`SELECT json('${'['.repeat(20_000)}') AS x`, 'QUERY_INVALID'],
  ["SELECT json_extract(message, '$.a') AS x FROM logs", 'QUERY_INVALID'],
  [`SELECT '${'a'.repeat(3000)}' GLOB '${'*a'.repeat(1000)}*b' AS x`, 'ANSWERED'],
  ['SELECT hex(randomblob(500000000)) AS n', 'QUERY_INVALID'],
  ["SELECT length(printf('%1000000000d', 1)) AS n", 'QUERY_INVALID'],
  // nonsense
  ['SELECT', 'QUERY_INVALID'],
  ['SELECT * FROM nowhere', 'QUERY_INVALID'],
  ['SELECT 1 AS a, 2 AS a', 'QUERY_INVALID'],
  [`SELECT ${"'".repeat(20_001)}`, 'QUERY_INVALID'],
];
void test('sql refuses every attack, and is none the worse for it', async (t) => {
  const dataDir = await tempDir(t);
  const store = await openStore({ dataDir });
  t.teardown(() => store.close());
  await store.state.addUser({ username: 'eve', password: 'the hash', role: 'viewer' });
  await store.append({ records: someRecords(20), positions: [], gaps: [] });
  await store.rotate();
  await store.sealed();
  await store.append({ records: someRecords(30), positions: [], gaps: [] });
  for (const [text, code] of attacks) {
    const refusal = await store.sql(sql(text), limits).then(
      (answer) => ({ code: 'ANSWERED', message: JSON.stringify(answer).slice(0, 200) }),
      (error: { code: string; message: string }) => error,
    );
    t.equal(refusal.code, code, `${JSON.stringify(text.slice(0, 60))}: ${refusal.message.slice(0, 100)}`);
    t.notMatch(refusal.message, /the hash/);
  }

  t.notOk(existsSync('/tmp/regression-attack.db'));
  t.strictSame((await store.sql(sql('SELECT count(*) AS n FROM logs'), limits)).rows, [[50]]);
  t.equal((await store.append({ records: someRecords(1), positions: [], gaps: [] })).firstId, 51);
});

void test('a closed file that is not sealed keeps its credentials to itself', async (t) => {
  const store = new SqliteStore(join(await tempDir(t), 'regression.db'));
  t.teardown(() => store.close());
  await store.append({ records: someRecords(20), positions: [], gaps: [] });
  await store.rotate();
  // Its root pages are now others than the hot file's.
  await store.state.addUser({ username: 'eve', password: 'the hash', role: 'viewer' });
  await store.append({ records: someRecords(20), positions: [], gaps: [] });
  await store.rotate();
  await store.append({ records: someRecords(10), positions: [], gaps: [] });

  for (const schema of ['main', 'segment_1', 'segment_2']) {
    for (const table of ['users', 'tokens', 'users INDEXED BY sqlite_autoindex_users_1']) {
      const column = table === 'tokens' ? 'digest' : 'username';
      const asked = store.sql(sql(`SELECT ${column} FROM ${schema}.${table} WHERE ${column} > ''`));
      await t.rejects(asked, { code: 'FORBIDDEN' }, `${schema}.${table}`);
    }
    t.equal((await store.sql(sql(`SELECT count(*) AS n FROM ${schema}.applications`))).rows[0]?.[0], 1);
  }
  t.strictSame((await store.sql(sql('SELECT count(*) AS n FROM logs'))).rows, [[50]]);
});

void test('sql asks the hot file and the segments as one, and what it leaves behind hinders nobody', async (t) => {
  const store = await openStore({ dataDir: await tempDir(t) });
  t.teardown(() => store.close());
  for (const day of ['20', '21', '22', '23']) {
    const timestamp = `2026-11-${day}T03:00:00.000000Z`;
    await store.append({
      records: someRecords(10, { timestamp, message: day, metadata: [['day', day]] }),
      positions: [],
      gaps: [],
    });
    if (day !== '23') await store.rotate();
  }
  const days = 'SELECT message, count(*) AS n FROM logs GROUP BY message ORDER BY message';
  const ask = async (text: string, range: object = {}) => store.sql({ ...sql(text), ...range }, limits);
  await t.rejects(ask('SELECT nothing FROM logs'), { code: 'QUERY_INVALID' });
  const all = await ask(days);
  await store.sealed();
  const sealed = await ask(days);
  const some = await ask(days, { start: '2026-11-21T00:00:00.000000Z', end: '2026-11-22T00:00:00.000000Z' });
  const pairs = await ask(
    `SELECT l.message AS day, count(*) AS n FROM logs l JOIN logs_metadata m ON m.log_id = l.id
     WHERE m.metadata_type = 'day' AND m.metadata_value = l.message GROUP BY 1 ORDER BY 1`,
  );

  const everyDay = ['20', '21', '22', '23'].map((day) => [day, 10]);
  t.strictSame(all.rows, everyDay);
  t.equal(all.read.leftOut, 0);
  t.strictSame(sealed.rows, everyDay);
  t.strictSame(pairs.rows, everyDay);
  t.strictSame(sealed.read.files, ['000000000001.db', '000000000011.db', '000000000021.db', 'regression.db']);
  t.strictSame(some.rows, [['21', 10]]);
  t.strictSame(some.read.files, ['000000000011.db', 'regression.db']);
  t.strictSame((await ask('SELECT id FROM logs ORDER BY timestamp DESC, id DESC LIMIT 2')).rows, [[40], [39]]);
  t.strictSame((await ask('SELECT count(*) AS n FROM main.logs')).rows, [[10]]);
  t.equal((await store.append({ records: someRecords(1), positions: [], gaps: [] })).firstId, 41);
  t.not(await store.rotate(), null);
});

void test('of more segments than can be attached the newest of the range are read, and the answer says so', async (t) => {
  const store = new SqliteStore(join(await tempDir(t), 'regression.db'));
  t.teardown(() => store.close());
  for (let hour = 10; hour < 23; hour++) {
    const timestamp = `2026-11-24T${hour}:00:00.000000Z`;
    await store.append({ records: someRecords(1, { timestamp }), positions: [], gaps: [] });
    if (hour < 22) await store.rotate();
  }
  const text = 'SELECT count(*) AS n, min(id) AS first FROM logs';
  const all = await store.sql(sql(text));
  const early = await store.sql({ ...sql(text), end: '2026-11-24T15:00:00.000000Z' });

  t.strictSame(all.rows, [[11, 3]]);
  t.equal(all.read.leftOut, 2);
  t.equal(all.read.files.length, 11);
  t.strictSame(early.rows, [[5, 1]]);
  t.equal(early.read.leftOut, 0);
});

void test('every table that has a column for a secret is closed', async (t) => {
  const path = join(await tempDir(t), 'a.db');
  await new SqliteStore(path).close();
  const database = openSqlite(path);
  t.teardown(() => database.close());
  const found = database.all<{ name: string }>(
    `SELECT DISTINCT t.name AS name FROM sqlite_schema t, pragma_table_info(t.name) c
     WHERE t.type = 'table' AND (c.name LIKE '%password%' OR c.name = 'digest' OR c.name LIKE '%secret%' OR c.name LIKE '%hash%')`,
  );

  t.strictSame(found.map(({ name }) => name).toSorted(), secretTables.toSorted());
});

void test('an endless statement ends at its deadline with its thread; the next one, and the ingest, go on', async (t) => {
  const store = await openStore({ dataDir: await tempDir(t) });
  t.teardown(() => store.close());
  const numbers = 'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r)';
  const asked = store.sql(sql(`${numbers} SELECT count(*) AS n FROM r`), { deadlineMs: 300 });
  for (let round = 0; round < 10; round++) await store.append({ records: someRecords(10), positions: [], gaps: [] });

  await t.rejects(asked, { code: 'QUERY_TIMEOUT' });
  for (const hungry of ['SELECT group_concat(n) AS n FROM r', 'SELECT n FROM r ORDER BY -n']) {
    await t.rejects(store.sql(sql(`${numbers} ${hungry}`), { deadlineMs: 300 }), { code: 'QUERY_TIMEOUT' });
  }
  t.strictSame((await store.sql(sql('SELECT count(*) AS n FROM logs'), limits)).rows, [[100]]);
});

void test('rows and bytes are capped, and the answer says which cap it was', async (t) => {
  const store = await filled();
  t.teardown(() => store.close());
  const many = 'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r';
  const rows = await store.sql({ sql: many, maxRows: 10, maxBytes: 1_000_000 });
  const bytes = await store.sql({ sql: many, maxRows: 1000, maxBytes: 800 });

  t.match(rows, { limit: 'rows', columns: ['n'] });
  t.equal(rows.rows.length, 10);
  t.equal(bytes.limit, 'bytes');
  t.equal(bytes.rows.length, 100);
});

void test('a statement that wants all memory gets an error, not the memory', async (t) => {
  const store = await openStore({ dataDir: await tempDir(t) });
  t.teardown(() => store.close());
  const before = process.memoryUsage.rss();
  for (const hungry of [
    "SELECT length(replace(hex(zeroblob(200000000)), '0', 'xx')) AS n",
    "SELECT length(printf('%*c', 900000000, 'x')) AS n",
    'WITH RECURSIVE r(x, y) AS (SELECT 1, hex(zeroblob(1000)) UNION SELECT x + 1, y || x FROM r LIMIT 2000000) SELECT count(*) AS n FROM r',
  ]) {
    await t.rejects(store.sql(sql(hungry), limits), { code: 'QUERY_INVALID', message: /memory|too big/ }, hungry);
  }

  t.ok(process.memoryUsage.rss() - before < 600 * 1024 * 1024, 'bounded');
  t.strictSame((await store.sql(sql('SELECT 1 AS one'), limits)).rows, [[1]]);
});
