/**
 * What backups, restores and archives cost: `node bench/backup.ts [--logs 200000] [--rate 5000] [--hogs 0]`; needs `npm run build`.
 *
 * A history of `--logs` lines of w1 is imported and sealed. A daemon takes `--rate` lines a second (0: as many as it can) before and while
 * it makes the first backup: how many rows a second it commits in both, and how far the rows lag behind the lines, is what the backup
 * costs ingest. `--hogs` processes that do nothing but count make the machine a busy one meanwhile. Then, with everything sealed and
 * backed up, 1 % of new lines comes in: the second backup is held against the first. Restoring is timed from the command to its end;
 * archived bytes are held against gzip -6 of the raw lines.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createGzip } from 'node:zlib';
import { RegressionClient } from '../src/client/client.ts';
import { archiveFormats } from '../src/store/archive-format.ts';
import { FileJobs } from '../src/store/file-jobs.ts';
import { machineText, measureCommand, percentile, tableText, usageOf } from './measure.ts';
import { chunksOf, writeWorkload } from './workload.ts';

const { values } = parseArgs({
  options: {
    logs: { type: 'string', default: '200000' },
    rate: { type: 'string', default: '5000' },
    hogs: { type: 'string', default: '0' },
  },
});
const logs = Number(values.logs);
const rate = Number(values.rate);
/** Lines that wait for a daemon that is to be as fast as it can. */
const backlog = 50_000;
const secondsBefore = 15;
const stepMs = 100;

const machine = machineText();
const program = join(import.meta.dirname, '../bin/regression.js');
const directory = await mkdtemp(join(tmpdir(), 'regression-bench-'));
const history = join(directory, 'history.log');
const live = join(directory, 'live.log');
const env = {
  REGRESSION_DATA_DIR: join(directory, 'data'),
  REGRESSION_TASKS_BACKUP_DIR: join(directory, 'backups'),
};

try {
  say(`importing ${logs} lines`);
  await writeWorkload('w1', logs, history);
  await regression('import', history);
  await regression('rotate');
  const { ingest, first, second } = await withDaemon(measureBackups);
  say('restoring');
  const restoreSeconds = await regression('restore', 'latest', '--to', join(directory, 'to'));
  say('archiving');
  const archives = await measureArchives();
  process.stderr.write('\r\u001b[K');
  const load = `${rate === 0 ? 'as many more as it takes' : `${rate} more a second`}, ${values.hogs} other busy processes`;
  console.log(`${logs} lines of w1, ${load}; ${machine}\n`);
  console.log(tableText(['ingest', 'rows/s committed', 'CPU s a second', 'lag rows p50', 'p99', 'most'], ingest));
  console.log(
    tableText(
      ['backup', 'seconds', 'MB written', 'of the first: time', 'bytes'],
      [
        ['first, everything', first.seconds.toFixed(1), megabytes(first.copied), '1.000', '1.000'],
        [
          'second, 1 % new',
          second.seconds.toFixed(2),
          megabytes(second.copied),
          (second.seconds / first.seconds).toFixed(3),
          (second.copied / first.copied).toFixed(3),
        ],
        ['restore', restoreSeconds.toFixed(1), '', (restoreSeconds / first.seconds).toFixed(3), ''],
      ],
    ),
  );
  console.log(tableText(['archive', 'bytes a log', 'of gzip'], archives));
} finally {
  await rm(directory, { recursive: true, force: true });
}

function say(doing: string): void {
  process.stderr.write(`\r\u001b[K${doing}`);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

async function regression(...args: readonly string[]): Promise<number> {
  return (await measureCommand(process.execPath, [program, ...args], { env })).wallSeconds;
}

interface Daemon {
  readonly pid: number;
  readonly client: RegressionClient;
  /** Rows it has committed since it started. */
  readonly committed: () => Promise<number>;
}

async function withDaemon<Answer>(work: (daemon: Daemon) => Promise<Answer>): Promise<Answer> {
  const config = join(directory, 'regression.yaml');
  await writeFile(live, '');
  await writeFile(
    config,
    `inputs: [{ type: file, include: ['${live}'], format: json }]\nserver: { listen: '127.0.0.1:0', requests_per_second: 1000000 }\n`,
  );
  const daemon = spawn(process.execPath, [program, 'run', '--json', '--config', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  try {
    const [started] = (await once(daemon.stdout, 'data')) as [Buffer];
    const { server, adminTokenPath } = JSON.parse(started.toString()) as { server: string; adminTokenPath: string };
    const client = new RegressionClient({ url: server, token: (await readFile(adminTokenPath, 'utf8')).trim() });
    const committed = async (): Promise<number> => {
      const text = await (await fetch(`${server}/metrics`)).text();
      return Number(/^regression_store_records_total (\d+)/m.exec(text)?.[1] ?? 0);
    };
    const answer = await work({ pid: daemon.pid ?? 0, client, committed });
    await client.close();
    return answer;
  } finally {
    const ended = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    await ended;
  }
}

interface MadeBackup {
  readonly seconds: number;
  readonly copied: number;
}

async function measureBackups(daemon: Daemon) {
  const backup = async (): Promise<MadeBackup> => {
    const startedAtMs = performance.now();
    const { details } = await daemon.client.runTask('backup');
    return { seconds: (performance.now() - startedAtMs) / 1000, copied: Number(details['copied_bytes']) };
  };
  const ingest = steadyIngest(daemon);
  say('ingesting');
  const hogs = Array.from({ length: Number(values.hogs) }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { timeout: 600_000 }),
  );
  await ingest.during(delay(3000));
  const before = await ingest.during(delay(secondsBefore * 1000));
  say('first backup');
  const firstBackup = backup();
  const beside = await ingest.during(firstBackup);
  for (const hog of hogs) hog.kill('SIGKILL');
  await ingest.committed();
  await daemon.client.runTask('rotate');
  await backup(); // of what came in meanwhile
  say('second backup');
  await ingest.append(logs / 100);
  await ingest.committed();
  const slowdown = ((1 - beside.rowsPerSecond / before.rowsPerSecond) * 100).toFixed(1);
  const textsOf = (name: string, { rowsPerSecond, cpuShare, lags }: Ingested): string[] => [
    name,
    rowsPerSecond.toFixed(0),
    cpuShare.toFixed(2),
    ...[0.5, 0.99, 1].map((share) => percentile(lags, share).toFixed(0)),
  ];
  return {
    first: await firstBackup,
    second: await backup(),
    ingest: [textsOf('before', before), textsOf(`beside the first backup: ${slowdown} % slower`, beside)],
  };
}

interface Ingested {
  readonly rowsPerSecond: number;
  /** CPU seconds of the daemon a second, all threads. */
  readonly cpuShare: number;
  /** Lines appended and not yet committed, sorted. */
  readonly lags: readonly number[];
}

/** Lines at a steady rate into the file that the daemon follows. */
function steadyIngest({ committed, pid }: Daemon) {
  const lines = [...chunksOf('w1', rate === 0 ? backlog : rate)].join('').split('\n').slice(0, -1);
  let sent = 0;

  async function append(count: number): Promise<void> {
    let text = '';
    for (let index = 0; index < count; index++) text += `${lines[sent++ % lines.length]}\n`;
    await appendFile(live, text);
  }

  return {
    append,
    /** Everything that was sent is a row. */
    async committed(): Promise<void> {
      while ((await committed()) < sent) await delay(stepMs);
    },
    async during(work: Promise<unknown>): Promise<Ingested> {
      let isOver = false;
      const ended = work.finally(() => (isOver = true));
      ended.catch(() => undefined); // awaited below
      const cpuBefore = usageOf(pid)?.cpuSeconds ?? 0;
      const rowsBefore = await committed();
      const sentBefore = sent;
      const startedAtMs = performance.now();
      const secondsSince = (): number => (performance.now() - startedAtMs) / 1000;
      const lags: number[] = [];
      while (!isOver) {
        const wanted =
          rate === 0 ? backlog - (sent - (await committed())) : Math.ceil(secondsSince() * rate) - (sent - sentBefore);
        await append(Math.max(wanted, 0));
        await Promise.race([delay(stepMs), ended]);
        lags.push(sent - (await committed()));
      }
      await ended;
      return {
        rowsPerSecond: ((await committed()) - rowsBefore) / secondsSince(),
        cpuShare: ((usageOf(pid)?.cpuSeconds ?? 0) - cpuBefore) / secondsSince(),
        lags: lags.sort((a, b) => a - b),
      };
    },
  };
}

async function measureArchives(): Promise<string[][]> {
  const gzip = createReadStream(history).pipe(createGzip());
  let gzipBytes = 0;
  for await (const chunk of gzip) gzipBytes += (chunk as Buffer).length;
  const gzipPerLog = gzipBytes / logs;
  const segment = join(env.REGRESSION_DATA_DIR, 'segments/000000000001.db');
  const { rows } = JSON.parse(await readFile(segment.replace(/db$/, 'json'), 'utf8')) as { rows: number };
  await using jobs = new FileJobs(new AbortController().signal);
  const texts = [['gzip of the lines', gzipPerLog.toFixed(1), '1.00']];
  for (const format of archiveFormats) {
    const { bytes } = await jobs.run({ job: 'pack', path: segment, to: join(directory, format), format });
    texts.push([format, (bytes / rows).toFixed(1), (bytes / rows / gzipPerLog).toFixed(2)]);
  }
  texts.push(['a sealed segment, not packed', ((await stat(segment)).size / rows).toFixed(1), '']);
  return texts;
}
