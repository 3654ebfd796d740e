/**
 * Rows into durable, indexed tables: our writer against better-sqlite3, native code in the same process model.
 *
 *   node bench/insert.ts [LOGS=200000] [ROUNDS=5] [--sealed]
 *
 * Contenders, each in a process of its own, `synchronous = FULL`, batches of 2,000, four metadata rows a log:
 * `ours` encoding and inserting as the daemon does, rotation included; `ours, a reader counting` the same while hits by minute are asked
 * for all the time; `native, row by row` prepared statements with the three indexes live in one file; `native, JSONB` our two statements
 * a batch, with the three indexes live in one file. Ours says how long a commit takes, from the call to the answer, while another one is
 * under way; and how the rate of the last tenth stands to that of the first (with 10,000,000 logs: the tenth million to the first).
 * Needs better-sqlite3: `npm --prefix bench ci` (it compiles).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LogRecord } from '../src/record/log-record.ts';
import { encodedRows } from '../src/store/batch-encoding.ts';
import { aBatch, application } from './insert-records.ts';
import { interleaved, machineText, measureCommand, percentile, spreadOf, spreadText, tableText } from './measure.ts';

const rowsPerBatch = 2000;
const differentBatches = 100;

const withReader = 'ours, a reader counting';

interface Contender {
  append(records: readonly LogRecord[]): Promise<unknown> | void;
  /** Answers what else was measured. */
  close(): Promise<Partial<Extra>> | void;
}

interface Extra {
  readonly commitP99Ms: number;
  /** By minute over all rows, one after another. */
  readonly counts: number;
}

interface Run extends Partial<Extra> {
  readonly seconds: number;
  /** Rate of each tenth of the run. */
  readonly tenths: readonly number[];
}

const schema = `
  CREATE TABLE logs (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL, severity TEXT NOT NULL, application_id INTEGER NOT NULL, source TEXT NOT NULL, message TEXT NOT NULL);
  CREATE TABLE logs_metadata (id INTEGER PRIMARY KEY AUTOINCREMENT, log_id INTEGER NOT NULL, metadata_type TEXT NOT NULL, metadata_value TEXT NOT NULL, app_version TEXT);
  CREATE INDEX logs_timestamp ON logs (timestamp);
  CREATE INDEX logs_application_severity ON logs (application_id, severity);
  CREATE INDEX logs_metadata_type_value ON logs_metadata (metadata_type, metadata_value);`;

async function ours(directory: string, hasReader: boolean): Promise<Contender> {
  const { openStore } = await import('../src/store/remote-store.ts');
  const store = await openStore({ dataDir: directory });
  const commitsMs: number[] = [];
  let last: Promise<unknown> = Promise.resolve();
  let isReading = hasReader;
  let counts = 0;
  const reading = (async () => {
    for (; isReading; counts++) await store.hits({ filter: {}, stepSeconds: 60 }, { deadlineMs: 60_000 });
  })();
  const timed = async (records: readonly LogRecord[]): Promise<void> => {
    const startedAtMs = performance.now();
    await store.append({ records, positions: [], gaps: [] });
    commitsMs.push(performance.now() - startedAtMs);
  };
  return {
    // Two batches are under way, as the commit queue has it: one is encoded while the other is inserted.
    async append(records) {
      const before = last;
      last = timed(records);
      await before;
    },
    async close() {
      await last;
      isReading = false;
      await reading;
      if (process.argv.includes('--sealed')) await store.sealed();
      await store.close();
      return {
        commitP99Ms: percentile(
          commitsMs.toSorted((a, b) => a - b),
          0.99,
        ),
        counts,
      };
    },
  };
}

const contenders: Readonly<Record<string, (directory: string) => Promise<Contender>>> = {
  ours: (directory) => ours(directory, false),
  [withReader]: (directory) => ours(directory, true),
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
      SELECT @first + key, value ->> 0, value ->> 1, 1, value ->> 3, value ->> 4 FROM jsonb_each(@rows)`);
    const insertPairs =
      database.prepare(`INSERT INTO logs_metadata (id, log_id, metadata_type, metadata_value, app_version)
      SELECT (@first + log.key) * 1024 + unicode(pair.key) - 1, @first + log.key, substr(pair.key, 2), pair.value, '1.0.0'
      FROM jsonb_each(@rows) log CROSS JOIN json_each(log.value, '$[5]') pair`);
    let nextId = 1;
    return {
      append(records) {
        const rows = Buffer.from(encodedRows(records).bytes.buffer);
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

/** One contender in this process; prints a `Run`. */
async function runOne(name: string, logs: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'regression-bench-'));
  try {
    const batches = Array.from({ length: differentBatches }, (_, batch) => aBatch(batch, rowsPerBatch));
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
    const extra = await contender.close();
    const seconds = (performance.now() - startedAtMs) / 1000;
    console.log(JSON.stringify({ seconds, tenths, ...extra } satisfies Run));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const numbers = process.argv
    .slice(2)
    .filter((arg) => /^\d+$/.test(arg))
    .map(Number);
  const [logs = 200_000, rounds = 5] = numbers;
  const one = process.argv.indexOf('--one');
  if (one > 0) return runOne(process.argv[one + 1] ?? '', logs);
  const flags = process.argv.includes('--sealed') ? ['--sealed'] : [];
  const self = fileURLToPath(import.meta.url);
  const run = (name: string) => async () => {
    const args = [self, String(logs), '--one', name, ...flags];
    const { stdout, cpuSeconds, peakBytes } = await measureCommand(process.execPath, args);
    return { ...(JSON.parse(stdout) as Run), cpuSeconds, peakBytes };
  };
  const machine = machineText();
  const names = Object.keys(contenders);
  const answers = await interleaved(rounds, Object.fromEntries(names.map((name) => [name, run(name)])));
  const runsOf = (name: string) => answers[name] ?? [];
  const rate = (name: string) => spreadOf(runsOf(name).map(({ seconds }) => logs / seconds));
  const own = rate('ours').median;
  const rows = names.map((name) => {
    const p99s = runsOf(name).flatMap(({ commitP99Ms }) => commitP99Ms ?? []);
    return [
      name,
      (own / rate(name).median).toFixed(2),
      spreadText(rate(name)),
      spreadText(spreadOf(runsOf(name).map(({ cpuSeconds }) => cpuSeconds)), 1),
      spreadText(spreadOf(runsOf(name).map(({ peakBytes }) => peakBytes / 1e6))),
      spreadOf(runsOf(name).map(({ tenths }) => (tenths.at(-1) ?? 0) / (tenths[0] ?? 1))).median.toFixed(2),
      p99s.length === 0 ? '' : spreadText(spreadOf(p99s)),
    ];
  });
  console.log(`${logs.toLocaleString('en-US')} logs, four metadata rows each, ${rounds} rounds; ${machine}\n`);
  const header = [
    'who',
    'ours / its logs/s',
    'logs/s',
    'CPU seconds',
    'peak MB',
    'last tenth / first',
    'commit p99 ms',
  ];
  console.log(tableText(header, rows));
  const counts = spreadOf(runsOf(withReader).map((one) => one.counts ?? 0)).median;
  console.log(
    `a reader that counts by minute all the time (${counts} times) costs the writer ${((1 - rate(withReader).median / own) * 100).toFixed(0)} %`,
  );
}

await main();
