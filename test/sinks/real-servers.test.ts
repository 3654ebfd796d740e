/** PostgreSQL and ClickHouse themselves: what arrives. What is there after all sides were killed is in end-to-end/forward.test.ts. */
import { test } from 'tap';
import type { LogRecord } from '../../src/record/log-record.ts';
import { delivered } from '../../src/sinks/sink.ts';
import { Rows } from '../../src/sinks/rows.ts';
import { secretsFrom } from '../../src/sinks/secrets.ts';
import { needs } from '../clients/programs.ts';
import { HastyClock, configured, forwarding } from '../pipeline/forward/forwarding.ts';
import { aRecord, rowsOf, someRecords } from '../records.ts';
import { startClickhouse } from '../servers/clickhouse.ts';
import { needsPostgres, startPostgres } from '../servers/postgres.ts';

const timeout = 390_000;

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
  'PostgreSQL: deliveries at once share one pool, which is made anew after a failure',
  { timeout, ...needsPostgres() },
  async (t) => {
    const server = await startPostgres(t);
    const { create } = configured('postgres', { url: server.url, create_tables: true });
    const clock = new HastyClock();
    const sink = create({ name: 'postgres', origin: 'abc', clock, secrets: secretsFrom({}), concurrency: 1 });
    const connections = (): Promise<{ pid: number }[]> =>
      server.query(`SELECT pid FROM pg_stat_activity WHERE application_name = 'regression'`);
    const deliver = (...ids: number[]) => {
      const rows = ids.flatMap((id) => rowsOf([aRecord()], id));
      return sink.deliver(Rows.from(rows), AbortSignal.timeout(timeout));
    };

    t.same(await Promise.all([deliver(1), deliver(2), deliver(3)]), [delivered, delivered, delivered]);
    const before = await connections();
    t.equal(before.length, 1);
    await server.query('DROP TABLE logs');
    t.match(await Promise.all([deliver(4), deliver(5)]), [{ kind: 'refused' }, {}]);
    t.same(await Promise.all([deliver(6), deliver(7)]), [delivered, delivered]);
    const after = await connections();
    t.equal(after.length, 1);
    t.not(after[0]?.pid, before[0]?.pid);
    await sink.close();
  },
);

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

  const team = configured('clickhouse', { url: server.url, database: 'team', create_tables: true });
  const waiting = await forwarding(t, [team], { records: odd });
  t.match(await waiting.until(({ state }) => state === 'held'), { lastError: { hint: /CREATE DATABASE/ } });
  await server.query('CREATE DATABASE team');
  await waiting.until(({ position }) => position === 2);
  t.equal(await server.query('SELECT count() FROM team.logs'), '2');
  await server.query('DROP TABLE team.logs');
  await waiting.add(odd);
  await waiting.until(({ position }) => position === 4);
  t.equal(await server.query('SELECT count() FROM team.logs'), '2', 'made anew when somebody has dropped them');
});
