/**
 * Resident memory of a daemon, sealing included: idle, at a steady rate, and at full speed, each with its own peak.
 * `node bench/memory.ts [--per-second 5000] [--seconds 60] [--lines 600000]`; needs `npm run build`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { machineText, tableText, usageOf } from './measure.ts';
import { chunksOf } from './workload.ts';

const { values } = parseArgs({
  options: {
    'per-second': { type: 'string', default: '5000' },
    seconds: { type: 'string', default: '60' },
    lines: { type: 'string', default: '600000' },
  },
});
const perSecond = Number(values['per-second']);
const seconds = Number(values.seconds);
const idleSeconds = 20;
const directory = await mkdtemp(join(tmpdir(), 'regression-bench-'));
const machine = machineText();
const log = join(directory, 'app.log');
await writeFile(log, '');
const config = join(directory, 'regression.yaml');
await writeFile(
  config,
  JSON.stringify({
    data_dir: join(directory, 'data'),
    inputs: [{ type: 'file', include: [log], format: 'json', from: 'beginning' }],
    server: { listen: '127.0.0.1:0' },
    log: { level: 'error' },
  }),
);
const program = join(import.meta.dirname, '../bin/regression.js');
const daemon = spawn(process.execPath, [program, 'run', '--json', '--config', config], {
  stdio: ['ignore', 'pipe', 'inherit'],
});

try {
  const [line] = (await once(daemon.stdout, 'data')) as [Buffer];
  const { server } = JSON.parse(line.toString().split('\n', 1)[0] ?? '') as { server: string };
  const stored = async (): Promise<number> =>
    Number(/^regression_store_records_total (\d+)$/m.exec(await (await fetch(`${server}/metrics`)).text())?.[1] ?? 0);
  let written = 0;
  const settled = async (): Promise<void> => {
    while ((await stored()) < written) await delay(100);
  };
  const rows = [
    await phase(daemon, 'idle', () => delay(idleSeconds * 1000)),
    await phase(daemon, `${perSecond.toLocaleString('en-US')} lines/s, ${seconds} s`, async () => {
      const lines = linesOf(perSecond * seconds);
      const startedAtMs = performance.now();
      for (let tick = 1; tick <= seconds * 10; tick++) {
        await appendFile(log, take(lines, perSecond / 10));
        written += perSecond / 10;
        await delay(Math.max(startedAtMs + tick * 100 - performance.now(), 0));
      }
      await settled();
    }),
    await phase(
      daemon,
      `full speed, ${Number(values.lines).toLocaleString('en-US')} lines, and sealing behind it`,
      async () => {
        for (const chunk of chunksOf('w1', Number(values.lines))) await appendFile(log, chunk);
        written += Number(values.lines);
        await settled();
        await delay(15_000);
      },
    ),
  ];
  console.log(machine, '\n');
  console.log(tableText(['phase', 'resident MB at its end', 'peak MB', 'CPU seconds'], rows));
} finally {
  const ended = once(daemon, 'exit');
  daemon.kill('SIGTERM');
  await ended;
  await rm(directory, { recursive: true });
}

async function phase({ pid = 0 }: ChildProcess, name: string, work: () => Promise<void>): Promise<string[]> {
  writeFileSync(`/proc/${pid}/clear_refs`, '5'); // the peak counts from now on: proc(5)
  const before = usageOf(pid);
  await work();
  const after = usageOf(pid);
  if (before === null || after === null) throw new Error('the daemon ended');
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
  const cpuSeconds = (after.cpuSeconds - before.cpuSeconds).toFixed(1);
  return [name, megabytes(after.residentBytes), megabytes(after.peakBytes), cpuSeconds];
}

function* linesOf(count: number): Generator<string> {
  for (const chunk of chunksOf('w1', count)) yield* chunk.split('\n').filter((text) => text !== '');
}

function take(lines: Generator<string>, count: number): string {
  return Array.from({ length: count }, () => `${String(lines.next().value)}\n`).join('');
}
