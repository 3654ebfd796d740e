/**
 * How long an appended line takes until a query gives it: p50 and p99 at steady rates. `node bench/latency.ts [--seconds 60,20]
 * [--rates 10,10000] [--multiline off|auto]`; `auto` holds a line until the next one, or half a second, since it may go on. Needs `npm run build`. The asker polls without pause, so one query's time is part of the figure.
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
console.log(`${values.seconds} s a rate; ${machine}\n`);
console.log(tableText(['lines/s', 'rows seen', 'p50 ms', 'p99 ms', 'max ms'], rows));

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
    await delay(2000);
    const total = rate * seconds;
    const latencies: number[] = [];
    const asking = (async () => {
      const deadlineMs = performance.now() + seconds * 1000 + 30_000;
      for (let afterId = 0; latencies.length < total && performance.now() < deadlineMs;) {
        const page = await client.logs({ order: 'arrival', after_id: afterId, limit: 10_000 });
        const now = performance.now();
        for (const { message } of page.rows) latencies.push(now - Number(/at=([\d.]+)/.exec(message)?.[1]));
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
    const sorted = latencies.toSorted((a, b) => a - b);
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
