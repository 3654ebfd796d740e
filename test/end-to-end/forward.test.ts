/** Two daemons, one forwarding to the other, both killed again and again while rows are under way. */
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { type DaemonProcess, clientOf, startDaemon, writeConfig } from '../daemon-process.ts';
import { freePort } from '../free-port.ts';
import { tempDir } from '../temp-dir.ts';

const kills = 10;
const linesPerRound = 100;

void test(
  'F51, F52: to another Regression every row arrives exactly once and in order, however often both sides are killed',
  { timeout: 390_000 },
  async (t) => {
    const upstream = await upstreamIn(t);
    const edge = await edgeTo(t, upstream.url, upstream.tokenPath);
    let written = 0;
    for (let round = 0; round < kills; round++) {
      const before = await upstream.lastId();
      await edge.write(written, linesPerRound);
      written += linesPerRound;
      await upstream.reach(before + 1);
      // Each time another moment: rows are under way, or stored and not confirmed.
      await Promise.all([upstream.restart(), edge.restart()]);
    }
    await upstream.reach(written);

    const rows = await upstream.messages();
    t.equal(rows.length, written, 'as many rows as lines');
    t.same(
      rows,
      Array.from({ length: written }, (_, index) => `line ${index}`),
    );
  },
);

async function upstreamIn(t: Test) {
  const directory = await tempDir(t);
  const configPath = join(directory, 'regression.yaml');
  const port = await freePort();
  const dataDir = join(directory, 'data');
  await writeFile(configPath, `data_dir: ${dataDir}\ninputs: []\nserver: { listen: '127.0.0.1:${port}' }\n`);
  let daemon: DaemonProcess = startDaemon(t, ['--config', configPath]);
  let client = await clientOf(await daemon.started);
  const lastId = async (): Promise<number> => (await client.logs({ limit: 1, order: 'arrival' })).stats.last_id;
  return {
    url: `http://127.0.0.1:${port}`,
    tokenPath: join(dataDir, 'admin.token'),
    lastId,
    async reach(id: number) {
      while ((await lastId()) < id) await new Promise((resolve) => setTimeout(resolve, 20));
    },
    async restart() {
      await daemon.kill('SIGKILL');
      daemon = startDaemon(t, ['--config', configPath]);
      client = await clientOf(await daemon.started);
    },
    async messages() {
      const found: string[] = [];
      for await (const { message } of client.rows({ order: 'arrival', limit: 1000 })) found.push(message);
      return found;
    },
  };
}

async function edgeTo(t: Test, url: string, tokenPath: string) {
  const directory = await tempDir(t);
  const logPath = join(directory, 'app.log');
  await writeFile(logPath, '');
  const sink = `sinks:
  - { type: regression, url: '${url}', batch_rows: 20, auth: { type: bearer, token: { file: ${tokenPath} } } }
`;
  const configPath = await writeConfig(directory, [logPath], sink);
  let daemon: DaemonProcess = startDaemon(t, ['--config', configPath]);
  await daemon.started;
  return {
    write(first: number, count: number) {
      const lines = Array.from({ length: count }, (_, index) => `line ${first + index}\n`);
      return appendFile(logPath, lines.join(''));
    },
    async restart() {
      await daemon.kill('SIGKILL');
      daemon = startDaemon(t, ['--config', configPath]);
      await daemon.started;
    },
  };
}
