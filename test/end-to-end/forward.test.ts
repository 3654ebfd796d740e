/** One daemon that forwards to four upstreams at once, and all five killed again and again while rows are under way. */
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Test, test } from 'tap';
import { readOtlpProtobuf } from '../../src/inputs/http/otlp-protobuf.ts';
import { find } from '../clients/programs.ts';
import { type DaemonProcess, clientOf, startDaemon, writeConfig } from '../daemon-process.ts';
import { freePort } from '../free-port.ts';
import { startClickhouse } from '../servers/clickhouse.ts';
import { needsPostgres, startPostgres } from '../servers/postgres.ts';
import { ScriptedUpstream } from '../sinks/scripted-upstream.ts';
import { tempDir } from '../temp-dir.ts';

const kills = 10;
const linesAtOnce = 20;
const maxWaitingLines = 100;

/** Something that rows go to, as the test sees it. */
interface Upstream {
  /** Its `sinks` entry, but for what all have. */
  readonly sink: string;
  /** As a crash would. */
  readonly kill: () => Promise<unknown>;
  /** Once more on its port; resolves when it answers. */
  readonly start: () => Promise<void>;
  /** Lines it has, in the order in which it got them. */
  readonly lines: () => Promise<readonly string[]>;
}

const skip =
  needsPostgres().skip || (find('clickhouse-server') === null ? 'clickhouse-server is not installed' : false);

void test(
  'F51, F52: the daemon and all its upstreams are killed ten times in the middle of delivery: no line is lost, none is twice where repetitions are told',
  { timeout: 390_000, skip },
  async (t) => {
    const [regression, postgres, clickhouse, otlp] = await Promise.all([
      regressionUpstream(t),
      postgresUpstream(t),
      clickhouseUpstream(t),
      otlpUpstream(t),
    ]);
    const upstreams = [regression, postgres, clickhouse, otlp];
    const edge = await edgeTo(t, upstreams);
    for (let round = 0; round < kills; round++) {
      const before = await edge.positions();
      // Until each has delivered a batch of this round, while others are under way or wait.
      for (let now = before; now.some((position, sink) => position <= (before[sink] ?? 0));) {
        if (edge.written().length - Math.min(...now) < maxWaitingLines) await edge.write();
        await delay(50);
        now = await edge.positions();
      }
      await edge.write();
      await Promise.all([edge.kill(), ...upstreams.map(({ kill }) => kill())]);
      await Promise.all([edge.start(), ...upstreams.map(({ start }) => start())]);
    }
    const written = edge.written();
    while (Math.min(...(await edge.positions())) < written.length) await delay(50);

    t.same(await regression.lines(), written, 'another Regression has each line once, in order');
    t.same(await postgres.lines(), written, 'PostgreSQL has each line once, in order');
    t.same(await clickhouse.lines(), written, 'ClickHouse has each line once, in order');
    t.same([...new Set(await otlp.lines())], written, 'an OTLP receiver has each line, first seen in order');
  },
);

async function regressionUpstream(t: Test): Promise<Upstream> {
  const directory = await tempDir(t);
  const configPath = join(directory, 'regression.yaml');
  const port = await freePort();
  const dataDir = join(directory, 'data');
  await writeFile(configPath, `data_dir: ${dataDir}\ninputs: []\nserver: { listen: '127.0.0.1:${port}' }\n`);
  let daemon: DaemonProcess = startDaemon(t, ['--config', configPath]);
  let client = await clientOf(await daemon.started);
  const auth = `auth: { type: bearer, token: { file: ${join(dataDir, 'admin.token')} } }`;
  return {
    sink: `type: regression, url: 'http://127.0.0.1:${port}', ${auth}`,
    kill: () => daemon.kill('SIGKILL'),
    async start() {
      daemon = startDaemon(t, ['--config', configPath]);
      client = await clientOf(await daemon.started);
    },
    async lines() {
      const found: string[] = [];
      for await (const { message } of client.rows({ order: 'arrival', limit: 1000 })) found.push(message);
      return found;
    },
  };
}

async function postgresUpstream(t: Test): Promise<Upstream> {
  const server = await startPostgres(t);
  return {
    sink: `type: postgres, url: '${server.url}', create_tables: true`,
    kill: server.kill,
    start: server.start,
    async lines() {
      const rows = await server.query<{ message: string }>('SELECT message FROM logs ORDER BY id');
      return rows.map(({ message }) => message);
    },
  };
}

async function clickhouseUpstream(t: Test): Promise<Upstream> {
  const server = await startClickhouse(t);
  return {
    sink: `type: clickhouse, url: '${server.url}', create_tables: true`,
    kill: server.kill,
    start: server.start,
    lines: async () => (await server.query('SELECT message FROM logs FINAL ORDER BY id')).split('\n'),
  };
}

/** Killed means here: connections break, and what was on them is as good as not received, or received and not confirmed. */
async function otlpUpstream(t: Test): Promise<Upstream> {
  let upstream = await ScriptedUpstream.listen(t);
  const { port, url, received } = upstream;
  return {
    sink: `type: otlp, url: '${url}/v1/logs'`,
    kill: () => upstream.close(),
    async start() {
      const again = new ScriptedUpstream(undefined, received);
      await again.listen(port);
      t.teardown(() => again.close());
      upstream = again;
    },
    lines: async () => received.flatMap(({ body }) => readOtlpProtobuf(body).entries.map(({ entry }) => entry.message)),
  };
}

async function edgeTo(t: Test, upstreams: readonly Upstream[]) {
  const directory = await tempDir(t);
  const logPath = join(directory, 'app.log');
  await writeFile(logPath, '');
  const sinks = upstreams.map(({ sink }) => `  - { ${sink}, batch_rows: 10 }\n`).join('');
  const configPath = await writeConfig(directory, [logPath], `sinks:\n${sinks}`);
  let daemon: DaemonProcess = startDaemon(t, ['--config', configPath]);
  let client = await clientOf(await daemon.started);
  const written: string[] = [];
  return {
    written: (): readonly string[] => written,
    async write() {
      const lines = Array.from({ length: linesAtOnce }, (_, index) => `line ${written.length + index}`);
      await appendFile(logPath, `${lines.join('\n')}\n`);
      written.push(...lines);
    },
    /** Of each sink: as many lines are done with. */
    positions: async () => (await client.sinks()).sinks.map(({ position }) => position),
    kill: () => daemon.kill('SIGKILL'),
    async start() {
      daemon = startDaemon(t, ['--config', configPath]);
      client = await clientOf(await daemon.started);
    },
  };
}
