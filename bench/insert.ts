/**
 * Rows into durable, indexed tables: our writer against better-sqlite3, native code in the same process model.
 *
 *   node bench/insert.ts [LOGS=1000000] [ROUNDS=5] [--sealed]
 *
 * Contenders, each in a process of its own, `synchronous = FULL`, batches of 2,000, four metadata rows a log:
 * `ours` encoding and inserting as the daemon does, rotation included; `native, row by row` prepared statements with the three
 * indexes live in one file; `native, JSONB` our two statements a batch, with the three indexes live in one file.
 * Needs better-sqlite3: `npm --prefix bench ci` (it compiles).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LogRecord } from '../src/record/log-record.ts';
import { encodeRows } from '../src/store/batch-encoding.ts';
import { interleaved, measureCommand, spreadOf } from './measure.ts';

const rowsPerBatch = 2000;
const differentBatches = 100;
const application = { name: 'shop', version: '1.0.0', environment: 'production' };

/** Deterministic records, as varied as those of a web service: ids, routes, numbers. */
function batchOf(batch: number): LogRecord[] {
  return Array.from({ length: rowsPerBatch }, (_, index) => {
    const n = batch * rowsPerBatch + index;
    const hash = Math.imul(n + 1, 2654435761) >>> 0;
    return {
      timestamp: new Date(1767225600000 + n * 4).toISOString().replace('Z', '000Z'),
      severity: (['INFO', 'INFO', 'INFO', 'WARN', 'ERROR'] as const)[n % 5] ?? 'INFO',
      application,
      source: '/var/log/shop/app.log',
      message: `request completed id=${hash.toString(16)} after validation against schema; attempt ${(n % 3) + 1} of 3, correlation ${(hash * 31).toString(36)}`,
      metadata: [
        ['userId', `u-${String(hash % 200_000).padStart(6, '0')}`],
        ['route', `/v1/orders/${hash % 100_000}/items`],
        ['cpu', ((hash % 10_000) / 100).toFixed(2)],
        ['durationMs', String(hash % 5000)],
      ],
    };
  });
}

interface Contender {
  append(records: readonly LogRecord[]): Promise<unknown> | void;
  close(): Promise<unknown> | void;
}

const schema = `
  CREATE TABLE logs (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL, severity TEXT NOT NULL, application_id INTEGER NOT NULL, source TEXT NOT NULL, message TEXT NOT NULL);
  CREATE TABLE logs_metadata (id INTEGER PRIMARY KEY AUTOINCREMENT, log_id INTEGER NOT NULL, metadata_type TEXT NOT NULL, metadata_value TEXT NOT NULL, app_version TEXT);
  CREATE INDEX logs_timestamp ON logs (timestamp);
  CREATE INDEX logs_application_severity ON logs (application_id, severity);
  CREATE INDEX logs_metadata_type_value ON logs_metadata (metadata_type, metadata_value);`;

const contenders: Readonly<Record<string, (directory: string) => Promise<Contender>>> = {
  async ours(directory) {
    const { openStore } = await import('../src/store/remote-store.ts');
    const store = await openStore({ dataDir: directory });
    let last: Promise<unknown> = Promise.resolve();
    return {
      // Two batches are under way, as the commit queue has it: one is encoded while the other is inserted.
      async append(records) {
        const before = last;
        last = store.append({ records, positions: [], gaps: [] });
        await before;
      },
      async close() {
        await last;
        if (process.argv.includes('--sealed')) await store.sealed();
        await store.close();
      },
    };
  },
  async 'native, row by row'(directory) {
    const database = await openNative(directory);
    const insertLog = database.prepare(
      'INSERT INTO logs (timestamp, severity, application_id, source, message) VALUES (?, ?, 1, ?, ?)',
    );
    const insertPair = database.prepare(
      'INSERT INTO logs_metadata (log_id, metadata_type, metadata_value, app_version) VALUES (?, ?, ?, ?)',
    );
    return {
      append(records) {
        database.exec('BEGIN IMMEDIATE');
        for (const { timestamp, severity, source, message, metadata } of records) {
          const { lastInsertRowid } = insertLog.run(timestamp, severity, source, message);
          for (const [type, value] of metadata) insertPair.run(lastInsertRowid, type, value, application.version);
        }
        database.exec('COMMIT');
      },
      close: () => database.close(),
    };
  },
  async 'native, JSONB'(directory) {
    const database = await openNative(directory);
    const insertLogs = database.prepare(`INSERT INTO logs (id, timestamp, severity, application_id, source, message)
      SELECT @first + key, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM jsonb_each(@rows)`);
    const insertPairs =
      database.prepare(`INSERT INTO logs_metadata (id, log_id, metadata_type, metadata_value, app_version)
      SELECT (@first + log.key) * 1024 + unicode(pair.key) - 1, @first + log.key, substr(pair.key, 2), pair.value, '1.0.0'
      FROM jsonb_each(@rows) log CROSS JOIN json_each(log.value, '$[5]') pair`);
    let nextId = 1;
    return {
      append(records) {
        const rows = Buffer.from(encodeRows(records, () => 1).buffer);
        database.exec('BEGIN IMMEDIATE');
        insertLogs.run({ first: nextId, rows });
        insertPairs.run({ first: nextId, rows });
        database.exec('COMMIT');
        nextId += records.length;
      },
      close: () => database.close(),
    };
  },
};

async function openNative(directory: string): Promise<any> {
  // Not a dependency of the program: bench/package.json has it.
  const { default: Database } = await import(
    fileURLToPath(new URL('node_modules/better-sqlite3/lib/index.js', import.meta.url))
  );
  const database = new Database(join(directory, 'native.db'));
  database.exec(
    'PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536',
  );
  database.exec(schema);
  return database;
}

/** One contender in this process; prints seconds and the rate of each tenth of the run. */
async function runOne(name: string, logs: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'regression-bench-'));
  try {
    const batches = Array.from({ length: differentBatches }, (_, batch) => batchOf(batch));
    const contender = await contenders[name]?.(directory);
    if (contender === undefined) throw new Error(`no contender ${name}`);
    const tenths: number[] = [];
    const startedAtMs = performance.now();
    let tenthAtMs = startedAtMs;
    const count = Math.ceil(logs / rowsPerBatch);
    for (let batch = 0; batch < count; batch++) {
      await contender.append(batches[batch % differentBatches] ?? []);
      if ((batch + 1) % Math.ceil(count / 10) === 0) {
        tenths.push(Math.round((logs / 10 / (performance.now() - tenthAtMs)) * 1000));
        tenthAtMs = performance.now();
      }
    }
    await contender.close();
    console.log(JSON.stringify({ seconds: (performance.now() - startedAtMs) / 1000, tenths }));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const numbers = process.argv
    .slice(2)
    .filter((arg) => /^\d+$/.test(arg))
    .map(Number);
  const [logs = 1_000_000, rounds = 5] = numbers;
  const one = process.argv.indexOf('--one');
  if (one > 0) return runOne(process.argv[one + 1] ?? '', logs);
  const flags = process.argv.includes('--sealed') ? ['--sealed'] : [];
  const self = fileURLToPath(import.meta.url);
  const run = (name: string) => async () => {
    const { stdout, cpuSeconds, peakBytes } = await measureCommand(process.execPath, [
      self,
      String(logs),
      '--one',
      name,
      ...flags,
    ]);
    return { ...(JSON.parse(stdout) as { seconds: number; tenths: number[] }), cpuSeconds, peakBytes };
  };
  const names = Object.keys(contenders);
  const answers = await interleaved(rounds, Object.fromEntries(names.map((name) => [name, run(name)])));
  const rate = (name: string) => spreadOf((answers[name] ?? []).map(({ seconds }) => logs / seconds));
  const ours = rate('ours').median;
  for (const name of names) {
    const { median, min, max } = rate(name);
    const cpu = spreadOf((answers[name] ?? []).map(({ cpuSeconds }) => cpuSeconds)).median;
    const peak = spreadOf((answers[name] ?? []).map(({ peakBytes }) => peakBytes)).median;
    console.log(
      `${name.padEnd(20)} ours is ${(ours / median).toFixed(2)}x  ${Math.round(median)} logs/s (${Math.round(min)} to ${Math.round(max)}), CPU ${cpu.toFixed(1)} s, peak ${Math.round(peak / 1e6)} MB, tenths ${String(answers[name]?.at(-1)?.tenths)}`,
    );
  }
}

await main();
