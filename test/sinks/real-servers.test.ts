/** PostgreSQL and ClickHouse themselves: what arrives, and what is there after both sides were killed again and again. */
import { type Test, test } from 'tap';
import type { LogRecord } from '../../src/record/log-record.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { needs } from '../clients/programs.ts';
import { type ConfiguredOptions, HastyClock, configured, forwarding } from '../pipeline/forward/forwarding.ts';
import { aRecord, someRecords } from '../records.ts';
import { startClickhouse } from '../servers/clickhouse.ts';
import { needsPostgres, startPostgres } from '../servers/postgres.ts';
import { tempDir } from '../temp-dir.ts';

const timeout = 390_000;
const kills = 10;
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

const odd: readonly LogRecord[] = [
  aRecord({
    timestamp: '2026-11-24T03:00:00.123456Z',
    severity: 'ERROR',
    message: 'tab\t newline\n return\r back\\slash \\N \\. "quote" \u{1f600} \u0001',
    metadata: [
      ['user', 'u-1'],
      ['odd\tkey', 'a\\b\nc'],
      ['10', ''],
    ],
  }),
  aRecord({ application: { name: 'other', version: null, environment: null }, source: 'stdin', message: '' }),
];

void test('PostgreSQL: the four tables hold what the store holds', { timeout, ...needsPostgres() }, async (t) => {
  const server = await startPostgres(t);
  const sink = configured('postgres', { url: server.url, create_tables: true });
  const first = await forwarding(t, [sink], { records: odd });
  await first.until(({ position }) => position === 2);

  const logs = await server.query(
    `SELECT logs.id, to_char(timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS timestamp, severity, name, version,
       environment, source, message FROM logs JOIN applications ON applications.id = application_id ORDER BY logs.id`,
  );
  t.match(logs, [
    {
      id: '1',
      timestamp: odd[0]?.timestamp,
      severity: 'ERROR',
      name: 'shop',
      version: '2.3.1',
      message: odd[0]?.message,
    },
    { id: '2', name: 'other', version: null, environment: null, source: 'stdin', message: '' },
  ]);
  const metadata = await server.query(
    'SELECT id, log_id, metadata_type, metadata_value, app_version FROM logs_metadata ORDER BY id',
  );
  t.same(metadata, [
    { id: '1024', log_id: '1', metadata_type: '10', metadata_value: '', app_version: '2.3.1' },
    { id: '1025', log_id: '1', metadata_type: 'user', metadata_value: 'u-1', app_version: '2.3.1' },
    { id: '1026', log_id: '1', metadata_type: 'odd\tkey', metadata_value: 'a\\b\nc', app_version: '2.3.1' },
  ]);

  const second = await forwarding(t, [sink], { records: odd });
  await second.until(({ position }) => position === 2);
  const ids = await server.query<{ id: string }>('SELECT id FROM logs ORDER BY id');
  t.same(
    ids.map(({ id }) => id),
    ['1', '2', String(2 ** 40 + 1), String(2 ** 40 + 2)],
    'another store has a range of its own',
  );
});

void test(
  'PostgreSQL: tables that are not there hold the rows; a row that it cannot hold is a dead letter',
  { timeout, ...needsPostgres() },
  async (t) => {
    const server = await startPostgres(t);
    const { until } = await forwarding(t, [configured('postgres', { url: server.url })], { records: someRecords(10) });
    t.match(await until(({ state }) => state === 'held'), { deadLetters: 0, lastError: { hint: /create_tables/ } });
    const made = await forwarding(t, [configured('postgres', { url: server.url, create_tables: true })]);
    await made.add(someRecords(1));
    await made.until(({ position }) => position === 1);
    t.match(await until(({ position }) => position === 10), { state: 'idle', deliveredRows: 10 });

    await server.query(`ALTER TABLE logs ADD CHECK (message <> 'row 4') NOT VALID`);
    await made.add(someRecords(10));
    t.match(await made.until(({ position }) => position === 11), { deliveredRows: 10, deadLetters: 1 });
  },
);

void test(
  'F51, F52: PostgreSQL has every row once, though it and the forwarder were killed ten times',
  { timeout, ...needsPostgres() },
  async (t) => {
    const server = await startPostgres(t);
    const rows = await killAgainAndAgain(t, server, () =>
      configured('postgres', { url: server.url, create_tables: true, batch_rows: 50 }),
    );

    const found = await server.query<{ id: string }>('SELECT id FROM logs ORDER BY id');
    t.same(
      found.map(({ id }) => Number(id)),
      upTo(rows),
    );
    t.same(await server.query('SELECT count(*)::int AS count FROM logs_metadata'), [{ count: rows }]);
  },
);

void test('ClickHouse: rows, and their metadata as rows', { timeout, ...needs('clickhouse-server') }, async (t) => {
  const server = await startClickhouse(t);
  const { until } = await forwarding(t, [configured('clickhouse', { url: server.url, create_tables: true })], {
    records: odd,
  });
  await until(({ position }) => position === 2);

  const text = await server.query(
    `SELECT id, timestamp, severity, application, version, environment, source, message FROM logs ORDER BY id FORMAT JSONEachRow`,
  );
  const rows = text.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  t.match(rows, [
    {
      id: '1',
      timestamp: odd[0]?.timestamp,
      severity: 'ERROR',
      application: 'shop',
      version: '2.3.1',
      message: odd[0]?.message,
    },
    { id: '2', application: 'other', version: '', environment: '', source: 'stdin', message: '' },
  ]);
  const metadata = await server.query(
    'SELECT log_id, metadata_type, metadata_value, app_version FROM logs_metadata ORDER BY metadata_type FORMAT JSONEachRow',
  );
  t.same(
    metadata.split('\n').map((line) => Object.values(JSON.parse(line) as object)),
    [
      ['1', '10', '', '2.3.1'],
      ['1', 'odd\tkey', 'a\\b\nc', '2.3.1'],
      ['1', 'user', 'u-1', '2.3.1'],
    ],
  );
});

void test(
  'F51, F52: ClickHouse has every row once, though it and the forwarder were killed ten times',
  { timeout, ...needs('clickhouse-server') },
  async (t) => {
    const server = await startClickhouse(t);
    const rows = await killAgainAndAgain(t, server, () =>
      configured('clickhouse', { url: server.url, create_tables: true, batch_rows: 50 }),
    );

    const found = await server.query('SELECT id FROM logs FINAL ORDER BY id');
    t.same(found.split('\n').map(Number), upTo(rows));
  },
);

interface Killable {
  readonly kill: () => Promise<void>;
  readonly start: () => Promise<void>;
}

/** A store is forwarded while the server is killed, and the forwarder given up in the middle of a batch. Resolves to the number of rows. */
async function killAgainAndAgain(t: Test, server: Killable, sink: () => ConfiguredOptions): Promise<number> {
  const directory = await tempDir(t);
  let rows = 0;
  for (let round = 0; round < kills; round++) {
    const store = new SqliteStore(`${directory}/regression.db`);
    const { forwarder, add, until } = await forwarding(t, [sink()], { store, clock: new HastyClock(10) });
    const records = someRecords(300, { metadata: [['user', 'u-1']] });
    await add(records);
    rows += records.length;
    // Somewhere in the middle: the first batches are there, others under way.
    await until(({ position }) => position > rows - 300);
    const killing = server.kill();
    // Without its store a forwarder has forgotten what was not committed, as after kill -9.
    if (round % 2 === 0) await Promise.all([killing, store.close()]);
    else await killing;
    await server.start();
    await store.close();
    await forwarder.stop();
  }
  const store = new SqliteStore(`${directory}/regression.db`);
  const { until, add } = await forwarding(t, [sink()], { store, clock: new HastyClock(10) });
  await add(someRecords(1, { metadata: [['user', 'u-1']] }));
  await until(({ position }) => position === rows + 1);
  return rows + 1;
}
