/** The daemon where little memory is granted to it (F70). */
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'tap';
import { chunksOf } from '../../bench/workload.ts';
import { controlGroup, needsControlGroups } from '../control-group.ts';
import { clientOf, startDaemon, writeConfig } from '../daemon-process.ts';
import { freePort } from '../free-port.ts';
import { tempDir } from '../temp-dir.ts';

const options = { ...needsControlGroups(), timeout: 120_000 };
const grantedBytes = 128 * 1024 * 1024;
/** Of six fields each. */
const rowsBefore = 15_000;
const seconds = 4;
const tickMs = 100;
/** A tick: 50 by file and 10 by syslog, 600 a second. */
const linesPerTick = 50;
const datagramsPerTick = 10;

void test(
  'in 128 MB a file, syslog, questions and a sealing go on side by side, and no row is lost (F70)',
  options,
  async (t) => {
    const directory = await tempDir(t);
    const log = join(directory, 'app.log');
    const port = await freePort();
    const config = await writeConfig(directory, [log]);
    const syslog = `  - { type: syslog, listen: 'udp://127.0.0.1:${port}' }\n`;
    const inputs = (await readFile(config, 'utf8')).replace('format: plain', 'format: json');
    await writeFile(config, inputs.replace('server:', `${syslog}server:`));
    const ticks = (seconds * 1000) / tickMs;
    const entries = [...chunksOf('w1', rowsBefore + ticks * linesPerTick)].join('').split('\n');
    let written = 0;
    const lines = (count: number): string => {
      written += count;
      return `${entries.splice(0, count).join('\n')}\n`;
    };
    await writeFile(log, lines(rowsBefore));
    const group = controlGroup(t, { memoryBytes: grantedBytes });
    const daemon = startDaemon(t, ['--config', config], { through: group.through });
    const client = await clientOf(await daemon.started);
    t.teardown(() => client.close());
    const sender = createSocket('udp4').bind(0);
    await once(sender, 'listening');
    t.teardown(() => sender.close());
    const allStored = async (): Promise<void> => {
      while ((await client.logs({ limit: 1 })).stats.last_id < written) await delay(tickMs);
    };

    await allStored();
    const sealed = client.runTask('rotate');
    for (let tick = 0; tick < ticks; tick++) {
      await appendFile(log, lines(linesPerTick));
      for (let datagram = 0; datagram < datagramsPerTick; datagram++) {
        sender.send(`<14>app: message ${written++}`, port, '127.0.0.1');
      }
      if (tick % 5 === 0) t.ok((await client.logs({ limit: 100, q: 'request' })).rows.length > 0);
      await delay(tickMs);
    }
    await allStored();
    await sealed;
    await client.runTask('rotate');

    t.equal(await group.kills(), 0);
    t.equal((await client.fieldValues({ field: 'severity' })).rows, written, 'every row is there');
    const { code } = await daemon.kill('SIGTERM');
    t.equal(code, 0);
  },
);
