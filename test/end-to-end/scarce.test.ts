/** A sidecar has what others leave: 128 MB and a tenth of a processor (F70). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test, type Test } from 'tap';
import type { RegressionClient } from '../../src/client/client.ts';
import { needs } from '../clients/programs.ts';
import { type DaemonProcess, clientOf, startDaemon } from '../daemon-process.ts';
import { makeCgroup, needsCgroup } from '../servers/cgroup.ts';
import { tempDir } from '../temp-dir.ts';

const memoryBytes = 128 * 1024 * 1024;
const timeout = { timeout: 380_000 };

/** A program that logs: JSON lines with a number each. */
class Writer {
  readonly path: string;
  written = 0;

  constructor(directory: string) {
    this.path = join(directory, 'app.log');
  }

  async write(count: number): Promise<void> {
    const lines = Array.from({ length: count }, (_, index) => {
      const number = this.written + index;
      const fields = {
        level: 'info',
        msg: `order ${number} is placed`,
        number,
        user: `u-${number % 977}`,
        ms: number % 91,
      };
      return `${JSON.stringify({ time: '2026-11-24T03:00:00.000Z', ...fields, path: '/checkout/confirm' })}\n`;
    });
    await appendFile(this.path, lines.join(''));
    this.written += count;
  }
}

async function place(t: Test) {
  const directory = await tempDir(t);
  const config = join(directory, 'regression.yaml');
  const input = `{ type: file, include: ['${join(directory, 'app.log*')}'], scan_interval: 100ms }`;
  await writeFile(
    config,
    `data_dir: ${join(directory, 'data')}\ninputs: [${input}]\nserver: { listen: '127.0.0.1:0' }\n`,
  );
  return { directory, config, writer: new Writer(directory) };
}

async function untilStored(client: RegressionClient, total: number): Promise<void> {
  while ((await client.logs({ limit: 1 })).stats.last_id < total) await delay(200);
}

/** Every number once, by the store's own count. */
async function eachOnce(t: Test, client: RegressionClient, total: number): Promise<void> {
  const { rows } = await client.sql(
    `SELECT count(*) AS n, count(DISTINCT metadata_value) AS numbers FROM logs_metadata WHERE metadata_type = 'number'`,
  );
  t.strictSame(rows, [[total, total]]);
}

void test(
  'with 128 MB and a tenth of a processor it starts, takes a backlog, answers, and stops with exit code 0 (F70)',
  { ...needsCgroup, ...timeout },
  async (t) => {
    const { config, writer } = await place(t);
    await writer.write(30_000);
    const group = makeCgroup(t, { memoryBytes, cpus: 0.1 });
    const daemon = startDaemon(t, ['--config', config], { through: group.through });
    const client = await clientOf(await daemon.started);
    t.teardown(() => client.close());

    await untilStored(client, writer.written);
    await writer.write(1000);
    await untilStored(client, writer.written);
    t.equal((await client.logs({ q: 'order 30500', limit: 1 })).rows.length, 1);
    const { code } = await daemon.kill('SIGTERM');

    t.equal(code, 0);
    t.equal(group.oomKills(), 0);
  },
);

void test(
  'within 128 MB it takes as much as comes, questions beside it; killed for memory, or stopped while the file rotates, it goes on where it was (F70)',
  { ...(needsCgroup.skip === false ? needs('python3') : needsCgroup), ...timeout },
  async (t) => {
    const { directory, config, writer } = await place(t);
    const group = makeCgroup(t, { memoryBytes });
    let daemon: DaemonProcess = startDaemon(t, ['--config', config], { through: group.through });
    let client = await clientOf(await daemon.started);
    for (let round = 0; round < 20; round++) {
      await writer.write(10_000);
      await client.logs({ q: 'order /^order 1.*7/', limit: 500 });
    }
    await untilStored(client, writer.written);
    t.equal(group.oomKills(), 0, `${writer.written} lines and no kill`);

    await writer.write(20_000);
    await hog(group.through);
    const { signal } = await daemon.ended;
    t.equal(signal, 'SIGKILL', 'the kernel has ended it');
    t.equal(group.oomKills(), 1);
    await client.close();
    await writer.write(5000);

    daemon = startDaemon(t, ['--config', config], { through: group.through });
    client = await clientOf(await daemon.started);
    t.teardown(() => client.close());
    process.kill(daemon.pid, 'SIGSTOP');
    await writer.write(5000);
    await rename(writer.path, join(directory, 'app.log.1'));
    await writer.write(5000);
    process.kill(daemon.pid, 'SIGCONT');
    await untilStored(client, writer.written);

    await eachOnce(t, client, writer.written);
    t.equal((await daemon.kill('SIGTERM')).code, 0);
  },
);

/** Takes 100 MB in the group, and is not the one that the kernel ends for it. */
async function hog(through: readonly string[]): Promise<void> {
  const [command = '', ...words] = through;
  const program = `open('/proc/self/oom_score_adj', 'w').write('-1000')
taken = bytearray(100 << 20)
for place in range(0, len(taken), 4096): taken[place] = 1`;
  const [code] = (await once(spawn(command, [...words, 'python3', '-c', program]), 'close')) as [number | null];
  if (code !== 0) throw new Error(`the hog ended with ${code}`);
}
