/**
 * How long the store takes to open behind a kill -9, with ever more in its hot file: until rows can be appended and asked for.
 * `node bench/start.ts [--logs 0,200000,2000000]`.
 *
 * The kill leaves a WAL of some MiB, which is recovered. A hot file of this size is not what the default makes (128 MiB).
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { aBatch } from './insert-records.ts';
import { machineText, tableText } from './measure.ts';
import { openStore } from '../src/store/remote-store.ts';

const { values } = parseArgs({
  options: {
    logs: { type: 'string', default: '0,200000,2000000' },
    fill: { type: 'string' },
    into: { type: 'string' },
  },
});
const unbounded = Number.MAX_SAFE_INTEGER;
const rowsPerBatch = 5000;

/** Fills a store and is killed with it open. */
async function fill(logs: number, dataDir: string): Promise<void> {
  const store = await openStore({ dataDir, maxHotBytes: unbounded, durability: 'normal' });
  let last: Promise<unknown> = store.append({ records: aBatch(0, 1), positions: [], gaps: [] });
  for (let batch = 0; batch < logs / rowsPerBatch; batch++) {
    const before = last;
    last = store.append({ records: aBatch(batch % 20, rowsPerBatch), positions: [], gaps: [] });
    await before;
  }
  await last;
  process.kill(process.pid, 'SIGKILL');
}

if (values.fill !== undefined) {
  await fill(Number(values.fill), values.into ?? '');
} else {
  const machine = machineText();
  const rows: string[][] = [];
  for (const logs of values.logs.split(',').map(Number)) {
    const dataDir = mkdtempSync(join(tmpdir(), 'regression-bench-'));
    try {
      spawnSync(process.execPath, [import.meta.filename, '--fill', String(logs), '--into', dataDir]);
      const megabytes = (name: string): string => (statSync(join(dataDir, name)).size / 1e6).toFixed(0);
      const [fileMegabytes, walMegabytes] = [megabytes('regression.db'), megabytes('regression.db-wal')];
      const startedAtMs = performance.now();
      const cpuBefore = process.cpuUsage();
      const store = await openStore({ dataDir, maxHotBytes: unbounded });
      const openMs = performance.now() - startedAtMs;
      const cpu = process.cpuUsage(cpuBefore);
      await store.append({ records: aBatch(0, 1), positions: [], gaps: [] });
      const appendMs = performance.now() - startedAtMs;
      await store.search({ filter: {}, order: 'desc', limit: 100 }, { deadlineMs: 60_000 });
      const searchMs = performance.now() - startedAtMs;
      await store.close();
      const cpuText = ((cpu.user + cpu.system) / 1e6).toFixed(2);
      const times = [openMs, appendMs, searchMs].map((ms) => (ms / 1000).toFixed(2));
      rows.push([logs.toLocaleString('en-US'), fileMegabytes, walMegabytes, ...times, cpuText]);
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  }
  const header = [
    'logs in the hot file',
    'file MB',
    'WAL MB',
    'open s',
    'first append s',
    'first page s',
    'CPU s to open',
  ];
  console.log(`${machine}\n`);
  console.log(tableText(header, rows));
}
