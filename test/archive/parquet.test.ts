/** What an archive in Parquet says to a reader that nobody here wrote. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import type { LogRecord } from '../../src/record/log-record.ts';
import { aRecord } from '../records.ts';
import { needsDuckdb, openDuckdb } from '../servers/duckdb.ts';
import { walk } from '../store/store.contract.ts';
import { archiveDirOf, dataDirOf, openInThisThread, runTask } from '../tasks/task-place.ts';
import { tempDir } from '../temp-dir.ts';

/** More than a row group. */
const many = 25_000;

const odd: readonly LogRecord[] = [
  aRecord({
    timestamp: '2026-11-24T03:00:00.123456Z',
    severity: 'FATAL',
    message: '\u{feff}tab\t quote" newline\n \u{1f600} \u0001',
    metadata: [
      ['user', 'u-1'],
      ['10', ''],
      ['__proto__', 'a "key"\n'],
    ],
  }),
  aRecord({ timestamp: '1969-12-31T23:59:59.999999Z', application: { name: 'o', version: null, environment: null } }),
  aRecord({ timestamp: '9999-12-31T23:59:59.000001Z', message: '', source: 'stdin' }),
];

void test(
  'DuckDB reads every row of an archive in Parquet, each column in its type, and skips row groups by time',
  { timeout: 180_000, ...needsDuckdb() },
  async (t) => {
    const root = await tempDir(t);
    mkdirSync(dataDirOf(root));
    const store = openInThisThread(dataDirOf(root));
    t.teardown(() => store.close());
    const plain = Array.from({ length: many }, (_, index) =>
      aRecord({
        timestamp: `2026-11-01T00:00:00.${String(index).padStart(6, '0')}Z`,
        message: `row ${index}`,
        metadata: [['place', String(index)]],
      }),
    );
    await store.append({ records: [...odd, ...plain], positions: [], gaps: [] });
    await store.rotate();
    await store.sealed();
    const rows = await walk(store, { order: 'arrival', limit: 5000 });
    const options = { dir: archiveDirOf(root), format: 'parquet', after: '0s' };
    await runTask('archive', store, root, options, '9999-12-31T23:59:59.999Z');
    const query = await openDuckdb(t);
    const file = `read_parquet('${join(archiveDirOf(root), '000000000001.parquet')}')`;

    const types = await query(`SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ${file})`);
    t.strictSame(Object.fromEntries(types.map((type) => [type['column_name'], type['column_type']])), {
      id: 'BIGINT',
      timestamp: 'TIMESTAMP WITH TIME ZONE',
      severity: 'VARCHAR',
      application: 'VARCHAR',
      version: 'VARCHAR',
      environment: 'VARCHAR',
      source: 'VARCHAR',
      message: 'VARCHAR',
      metadata: 'JSON',
    });
    const read = await query(`
      SELECT id, strftime(timezone('UTC', timestamp), '%Y-%m-%dT%H:%M:%S.%fZ') AS timestamp, severity, application, version,
        environment, source, hex(message) AS message, metadata
      FROM ${file} ORDER BY id`);
    t.strictSame(
      read.map(({ id, message, metadata, ...row }) => ({
        id: Number(id),
        ...row,
        message: Buffer.from(String(message), 'hex').toString(), // its binding takes a byte order mark off
        metadata: JSON.parse(String(metadata)),
      })),
      rows.map((row) => ({ ...row })),
    );
    t.strictSame(
      await query(
        `SELECT count(*)::INT AS n, max((metadata ->> 'place')::INT) AS place FROM ${file} WHERE message LIKE 'row %'`,
      ),
      [{ n: many, place: many - 1 }],
    );
    const groups = await query(
      `SELECT count(DISTINCT row_group_id)::INT AS n FROM parquet_metadata('${join(archiveDirOf(root), '000000000001.parquet')}')
       WHERE stats_min_value IS NOT NULL AND path_in_schema = 'timestamp'`,
    );
    t.strictSame(groups, [{ n: 2 }], 'each row group says which times it holds');
  },
);
