/**
 * How long an appended line takes until a query gives it: p50 and p99 at steady rates. `node bench/latency.ts [--seconds 60,20]
 * [--rates 10,10000] [--multiline off|auto] [--warm-up 5] [--slowest 0]`; `auto` holds a line until the next one, or half a second,
 * since it may go on. Needs `npm run build`. The asker polls without pause, so one query's time is part of the figure.
 *
 * What is measured is a daemon that runs: writer and asker are at work for `--warm-up` seconds, at the same rate, before the first line
 * that counts. `--slowest` says when the slowest lines were written, in seconds from the first that counts.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { RegressionClient } from '../src/client/client.ts';
import { machineText, percentile, tableText } from './measure.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60,20' },
    rates: { type: 'string', default: '10,10000' },
    multiline: { type: 'string', default: 'off' },
    'warm-up': { type: 'string', default: '5' },
    slowest: { type: 'string', default: '0' },
  },
});
/** One number for all rates, or one each: a p99 takes some six hundred lines. */
const seconds = values.seconds.split(',').map(Number);
const machine = machineText();
const program = join(import.meta.dirname, '../bin/regression.js');
const rows: string[][] = [];
for (const [index, rate] of values.rates.split(',').map(Number).entries()) {
  rows.push(await measure(rate, seconds[index] ?? seconds[0] ?? 0));
}
console.log(`${values.seconds} s a rate, ${values['warm-up']} s of the same before; ${machine}\n`);
console.log(tableText(['lines/s', 'rows seen', 'p50 ms', 'p99 ms', 'max ms'], rows));

interface Seen {
  readonly writtenAtMs: number;
  readonly seenAtMs: number;
}

function latencyOf({ writtenAtMs, seenAtMs }: Seen): number {
  return seenAtMs - writtenAtMs;
}

function tellSlowest(counted: readonly Seen[]): void {
  const firstAtMs = counted[0]?.writtenAtMs ?? 0;
  const slowest = counted.toSorted((a, b) => latencyOf(b) - latencyOf(a)).slice(0, Number(values.slowest));
  for (const one of slowest) {
    console.log(`${((one.writtenAtMs - firstAtMs) / 1000).toFixed(2)} s: ${latencyOf(one).toFixed(1)} ms`);
  }
}

async function measure(rate: number, seconds: number): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'regression-bench-'));
  const path = join(directory, 'app.log');
  const config = join(directory, 'regression.yaml');
  await writeFile(path, '');
  await writeFile(
    config,
    `data_dir: ${join(directory, 'data')}\ninputs: [{ type: file, include: ['${path}'], format: plain, multiline: { mode: ${values.multiline} } }]\nserver: { listen: '127.0.0.1:0', requests_per_second: 1000000 }\n`,
  );
  const daemon = spawn(process.execPath, [program, 'run', '--json', '--config', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const file = openSync(path, 'a');
  try {
    const [started] = (await once(daemon.stdout, 'data')) as [Buffer];
    const { server, adminTokenPath } = JSON.parse(started.toString()) as { server: string; adminTokenPath: string };
    const client = new RegressionClient({ url: server, token: (await readFile(adminTokenPath, 'utf8')).trim() });
    const warmUpLines = rate * Number(values['warm-up']);
    const total = warmUpLines + rate * seconds;
    const seen: Seen[] = [];
    const asking = (async () => {
      const deadlineMs = performance.now() + (Number(values['warm-up']) + seconds) * 1000 + 30_000;
      for (let afterId = 0; seen.length < total && performance.now() < deadlineMs;) {
        const page = await client.logs({ order: 'arrival', after_id: afterId, limit: 10_000 });
        const seenAtMs = performance.now();
        for (const { message } of page.rows)
          seen.push({ writtenAtMs: Number(/at=([\d.]+)/.exec(message)?.[1]), seenAtMs });
        afterId = page.rows.at(-1)?.id ?? afterId;
      }
    })();
    asking.catch(() => undefined); // awaited below; until then the daemon must not be left behind
    const tickMs = Math.max(10, 1000 / rate);
    const startedAtMs = performance.now();
    for (let sent = 0; sent < total;) {
      const due = Math.min(total, Math.ceil(((performance.now() - startedAtMs) / 1000) * rate));
      let text = '';
      for (; sent < due; sent++) text += `line ${sent} at=${performance.now()} of a steady stream\n`;
      if (text !== '') appendFileSync(file, text);
      await delay(tickMs);
    }
    await asking;
    await client.close();
    const counted = seen.slice(warmUpLines);
    tellSlowest(counted);
    const sorted = counted.map(latencyOf).toSorted((a, b) => a - b);
    return [
      String(rate),
      String(sorted.length),
      ...[0.5, 0.99, 1].map((share) => percentile(sorted, share).toFixed(1)),
    ];
  } finally {
    closeSync(file);
    daemon.kill('SIGTERM');
    await once(daemon, 'exit');
    await rm(directory, { recursive: true });
  }
}
