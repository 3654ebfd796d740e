/**
 * What the daemon costs when nothing happens: CPU share and resident memory over a minute, following a hundred quiet files.
 * `node bench/idle.ts [--seconds 60] [--files 100]`; needs `npm run build`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { machineText, usageOf } from './measure.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, files: { type: 'string', default: '100' } },
});
const seconds = Number(values.seconds);
const directory = await mkdtemp(join(tmpdir(), 'regression-bench-'));
const machine = machineText();
for (let index = 0; index < Number(values.files); index++) {
  await writeFile(join(directory, `app-${index}.log`), `2026-11-24T03:00:00Z INFO started ${index}\n`);
}
const config = join(directory, 'regression.yaml');
await writeFile(
  config,
  `data_dir: ${join(directory, 'data')}\ninputs: [{ type: file, include: ['${directory}/*.log'] }, { type: syslog, listen: 'udp://127.0.0.1:0' }]\nserver: { listen: '127.0.0.1:0' }\n`,
);
const program = join(import.meta.dirname, '../bin/regression.js');
const daemon = spawn(process.execPath, [program, 'run', '--json', '--config', config], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  await once(daemon.stdout, 'data'); // it says that it has started
  await delay(20_000); // the first lines are stored, the WAL is checkpointed, V8 has collected what the start left
  const pid = daemon.pid ?? 0;
  const before = usageOf(pid);
  await delay(seconds * 1000);
  const after = usageOf(pid);
  if (before === null || after === null) throw new Error('the daemon ended');
  const share = ((after.cpuSeconds - before.cpuSeconds) / seconds) * 100;
  console.log(`idle, ${values.files} files, ${seconds} s; ${machine}`);
  console.log(
    `${share.toFixed(2)} % of a core, ${(after.residentBytes / 1e6).toFixed(0)} MB resident (peak ${(after.peakBytes / 1e6).toFixed(0)})`,
  );
} finally {
  daemon.kill('SIGTERM');
  await once(daemon, 'exit');
  await rm(directory, { recursive: true });
}
