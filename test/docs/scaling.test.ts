/** docs/scaling.md: its SQL is run by the servers that it is for, and the sinks write into what it makes. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { needs } from '../clients/programs.ts';
import { configured, forwarding } from '../pipeline/forward/forwarding.ts';
import { someRecords } from '../records.ts';
import { startClickhouse } from '../servers/clickhouse.ts';
import { needsPostgres, startPostgres } from '../servers/postgres.ts';
import { tempDir } from '../temp-dir.ts';

const timeout = 390_000;
const rows = 20;
const records = someRecords(rows, { metadata: [['user', 'u-1']] });
const text = readFileSync(new URL('../../docs/scaling.md', import.meta.url), 'utf8');

/** Statements of the document's SQL block that mentions `word`. */
function statementsWith(word: string): readonly string[] {
  const block = [...text.matchAll(/^```sql\n(.*?)^```/gms)]
    .map(([, sql]) => sql ?? '')
    .find((sql) => sql.includes(word));
  if (block === undefined) throw new Error(`docs/scaling.md has no SQL with ${word}`);
  return block
    .split(';')
    .map((sql) => sql.trim())
    .filter((sql) => sql !== '');
}

void test('every configuration is one that is taken', async (t) => {
  const cwd = await tempDir(t);
  const blocks = [...text.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, yaml]) => yaml ?? '');
  t.ok(blocks.length > 3);
  for (const [index, block] of blocks.entries()) {
    await writeFile(join(cwd, `${index}.yaml`), block);
    const { config } = await loadConfig({ configPath: `${index}.yaml`, env: {}, cwd });
    t.ok(config.sinks.length > 0);
  }
});

void test(
  'PostgreSQL: logs by month take rows, and repetitions once; an old month goes with its metadata',
  { timeout, ...needsPostgres() },
  async (t) => {
    const server = await startPostgres(t);
    for (const sql of statementsWith('PARTITION BY RANGE')) await server.query(sql);
    const options = { url: server.url, create_tables: true };
    const first = await forwarding(t, [configured('postgres', options)], { records });
    await first.until(({ position }) => position === rows);
    // The same rows once more, as after a crash.
    const again = await forwarding(t, [configured('postgres', { ...options, name: 'again' })], { store: first.store });
    await again.until(({ position }) => position === rows);

    t.same(await server.query('SELECT count(*)::int AS rows FROM logs_2026_11'), [{ rows }]);
    t.same(await server.query('SELECT count(*)::int AS rows FROM logs'), [{ rows }]);
    t.same(await server.query('SELECT count(*)::int AS rows FROM logs_metadata'), [{ rows }]);

    for (const sql of statementsWith('DELETE FROM logs_metadata')) await server.query(sql);
    t.same(await server.query('SELECT count(*)::int AS rows FROM logs'), [{ rows: 0 }]);
    t.same(await server.query('SELECT count(*)::int AS rows FROM logs_metadata'), [{ rows: 0 }]);
  },
);

/** What a release of 2018 without a keeper does not know, and what stands for it on one node. */
const oneNode: readonly (readonly [RegExp, string])[] = [
  [/ ON CLUSTER main/, ''],
  [/ReplicatedReplacingMergeTree\([^)]*\)/, 'ReplacingMergeTree()'],
  [/DateTime64\(6, 'UTC'\)/, 'DateTime'],
  [/ CODEC\((?:[^()]|\([^()]*\))*\)/g, ''],
  [/LowCardinality\((\w+)\)/g, '$1'],
  [/, INDEX words [^)]*\) GRANULARITY \d+/, ''],
  [/\nTTL [^;]*/, ''],
];

void test(
  'ClickHouse: the local and the distributed table of the cluster, on one node, take rows with the settings given',
  { timeout, ...needs('clickhouse-server') },
  async (t) => {
    const server = await startClickhouse(t);
    await server.query('CREATE DATABASE logs');
    for (const sql of statementsWith('Distributed')) {
      await server.query(oneNode.reduce((statement, [what, by]) => statement.replace(what, by), sql));
    }
    const [, settings] = /`settings: (\{[^}]*insert_distributed_sync[^}]*\})`/.exec(text) ?? [];
    t.ok(settings);
    const sink = configured('clickhouse', { url: server.url, database: 'logs', settings: parse(settings ?? '{}') });
    const { until } = await forwarding(t, [sink], { records });
    await until(({ position }) => position === rows);

    t.equal(
      await server.query('SELECT count(), uniqExact(id), min(application) FROM logs.logs'),
      `${rows}\t${rows}\tshop`,
    );
    t.equal(await server.query('SELECT count() FROM logs.logs_local'), String(rows));
  },
);
