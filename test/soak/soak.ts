/**
 * `npm run soak -- --minutes 10`: programs that log and keep a ledger, log files that rotate in every way, and a daemon that is
 * killed at random moments. Ends with one line, `lines written, stored, lost, doubled, gaps`; exit code 1 when a line is doubled, or
 * lost outside of a stated gap. `--seed N` plays the same random choices again.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFile,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { crc32, gzipSync } from 'node:zlib';
import { RegressionClient } from '../../src/client/client.ts';
import { Random } from '../random.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' }, keep: { type: 'boolean' } },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
const random = new Random(seed);
const run = randomUUID();
const program = new URL('../../bin/regression.js', import.meta.url).pathname;
const keptRotations = 20;

/** One program with one log file. Every line whose write has returned is in the ledger: they are numbered from 0. */
class Program {
  readonly name: string;
  readonly path: string;
  written = 0;
  rotations = 0;
  readonly #rotate: (program: Program) => Promise<void>;

  constructor(directory: string, name: string, rotate: (program: Program) => Promise<void>) {
    this.name = name;
    this.path = join(directory, `${name}.log`);
    this.#rotate = rotate;
  }

  async writeSome(): Promise<void> {
    const count = random.integer(1, 200);
    const lines = Array.from({ length: count }, (_, index) => lineOf(this.name, this.written + index));
    let text = `${lines.join('\n')}\n`;
    while (text !== '') {
      const piece = text.slice(0, random.integer(1, 30_000));
      await appendFile(this.path, piece);
      text = text.slice(piece.length);
      if (random.chance(0.1)) await delay(1);
    }
    this.written += count;
  }

  async rotate(): Promise<void> {
    this.rotations++;
    await this.#rotate(this);
  }
}

function lineOf(file: string, number: number): string {
  const body = `run=${run} f=${file} n=${number} ${'.'.repeat(number % 200)}`;
  return `${body} crc=${crc32(body).toString(16)}`;
}

/** `.1` becomes `.2` and so on, as logrotate names them; the oldest goes once it has surely been read. */
async function shift(path: string, packed: boolean): Promise<void> {
  for (let index = keptRotations; index >= 1; index--) {
    for (const end of ['', '.gz'])
      await rename(`${path}.${index}${end}`, `${path}.${index + 1}${end}`).catch(() => undefined);
  }
  await rename(path, `${path}.1`).catch(() => undefined);
  if (!packed) return;
  const bytes = await readFile(`${path}.2`).catch(() => null);
  if (bytes === null) return;
  const { atime, mtime } = await stat(`${path}.2`);
  await writeFile(`${path}.2.gz.tmp`, gzipSync(bytes));
  await utimes(`${path}.2.gz.tmp`, atime, mtime);
  await rename(`${path}.2.gz.tmp`, `${path}.2.gz`);
  await unlink(`${path}.2`);
}

async function copyTruncate({ path }: Program): Promise<void> {
  await copyFile(path, `${path}.1`).catch(() => undefined);
  await truncate(path).catch(() => undefined);
}

class Daemon {
  readonly #config: string;
  readonly #dataDir: string;
  #child: ChildProcess | null = null;
  kills = 0;

  constructor(config: string, dataDir: string) {
    this.#config = config;
    this.#dataDir = dataDir;
  }

  /** Resolves with the endpoint once the daemon has started; null when it ended before. */
  async start(): Promise<string | null> {
    const child = spawn(
      process.execPath,
      [program, 'run', '--json', '--config', this.#config, '--log-level', 'error'],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    this.#child = child;
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
    while (!text.includes('\n') && child.exitCode === null && child.signalCode === null) await delay(20);
    return text.includes('\n') ? (JSON.parse(text.slice(0, text.indexOf('\n'))) as { server: string }).server : null;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
    if (signal === 'SIGKILL') this.kills++;
  }

  async client(server: string): Promise<RegressionClient> {
    return new RegressionClient({
      url: server,
      token: (await readFile(join(this.#dataDir, 'admin.token'), 'utf8')).trim(),
    });
  }
}

async function untilQuiet(client: RegressionClient): Promise<void> {
  let last = -1;
  for (let quiet = 0; quiet < 6;) {
    await delay(1000);
    const { stats } = await client.logs({ limit: 1 });
    quiet = stats.last_id === last ? quiet + 1 : 0;
    last = stats.last_id;
  }
}

interface Tally {
  readonly stored: number;
  readonly lost: number;
  readonly doubled: number;
  readonly damaged: number;
}

async function tally(client: RegressionClient, { name, written }: Program): Promise<Tally> {
  const seen = new Uint8Array(written);
  let damaged = 0;
  let doubled = 0;
  for await (const { message, source } of client.rows({ order: 'arrival', limit: 10_000 })) {
    if (!source.includes(`/${name}.log`)) continue;
    const number = Number(/ n=(\d+) /.exec(message)?.[1] ?? -1);
    if (number < 0 || number >= written || message !== lineOf(name, number)) damaged++;
    else if (seen[number] === 1) doubled++;
    else seen[number] = 1;
  }
  const stored = seen.reduce((sum, value) => sum + value, 0);
  return { stored, lost: written - stored, doubled, damaged };
}

const directory = await mkdtemp(join(tmpdir(), 'regression-soak-'));
const logs = join(directory, 'logs');
await mkdir(logs);
const dataDir = join(directory, 'data');
const config = join(directory, 'regression.yaml');
await writeFile(
  config,
  `data_dir: ${dataDir}
inputs:
  - { type: file, include: ["${logs}/*.log", "${logs}/kept.log.*"], format: plain, scan_interval: 200ms, rotate_wait: 5s }
server: { listen: '127.0.0.1:0' }
`,
);
const programs = [
  new Program(logs, 'kept', ({ path }) => shift(path, false)),
  new Program(logs, 'moved', ({ path }) => shift(path, false)),
  new Program(logs, 'packed', ({ path }) => shift(path, true)),
  new Program(logs, 'copied', copyTruncate),
];
process.stdout.write(`soak of ${minutes} minutes in ${directory}, seed ${seed}\n`);

const daemon = new Daemon(config, dataDir);
await daemon.start();
for (const program of programs) await program.writeSome();
await delay(3000); // a file that comes and goes before it was ever seen is nobody's loss
const endAtMs = Date.now() + minutes * 60_000;
let isWriting = true;
const writing = Promise.all(
  programs.map(async (program) => {
    let rotatedAtMs = Date.now();
    while (isWriting) {
      await program.writeSome();
      await delay(random.integer(1, 60));
      // The names of rotated files are as many as `keptRotations`: a daemon that is down longer has lost what went behind them.
      if (Date.now() - rotatedAtMs > 4000 && random.chance(0.05)) {
        await program.rotate();
        rotatedAtMs = Date.now();
      }
    }
  }),
);
while (Date.now() < endAtMs) {
  await delay(random.integer(1000, 8000));
  await daemon.end('SIGKILL');
  if (random.chance(0.3)) await delay(random.integer(0, 6000));
  const starting = daemon.start();
  if (random.chance(0.25)) await Promise.race([delay(random.integer(0, 1500)), starting]);
  else await starting;
}
isWriting = false;
await writing;
await daemon.end('SIGKILL');
const server = await daemon.start();
if (server === null) throw new Error('the daemon does not start any more');
const client = await daemon.client(server);
await untilQuiet(client);
const { gaps } = await client.inputs();
let isGood = true;
const total = { written: 0, stored: 0, lost: 0, doubled: 0 };
for (const program of programs) {
  const { stored, lost, doubled, damaged } = await tally(client, program);
  const stated = gaps.filter(({ path }) => path.includes(`/${program.name}.log`)).length;
  process.stdout.write(
    `${program.name}: written ${program.written}, stored ${stored}, lost ${lost}, doubled ${doubled}, cut or glued ${damaged}, gaps ${stated}, rotations ${program.rotations}\n`,
  );
  total.written += program.written;
  total.stored += stored;
  total.lost += lost;
  total.doubled += doubled;
  // What a truncation took is lost to everyone, and may cut one line at each edge; it must be stated.
  if (doubled > 0 || ((lost > 0 || damaged > 0) && stated === 0)) isGood = false;
}
await daemon.end('SIGTERM');
if (values.keep !== true) await rm(directory, { recursive: true });
process.stdout.write(
  `${daemon.kills} kills, ${programs.reduce((sum, { rotations }) => sum + rotations, 0)} rotations\n`,
);
process.stdout.write(
  `lines written ${total.written}, stored ${total.stored}, lost ${total.lost}, doubled ${total.doubled}, gaps ${gaps.length}\n`,
);
process.exitCode = isGood ? 0 : 1;
