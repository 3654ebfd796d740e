/**
 * `npm run soak -- --minutes 10`: programs that log and keep a ledger, log files that rotate in every way, and a daemon that is
 * killed at random moments. Ends with one line, `lines written, stored, lost, doubled, gaps`; exit code 1 when a line is doubled, lost
 * although it was still in a file, or lost in no stated gap (judgement.ts). `--seed N` plays the same random choices again; `--keep`
 * leaves the files.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { RegressionClient } from '../../src/client/client.ts';
import { Random } from '../random.ts';
import { isGood, judge } from './judgement.ts';
import { Program, type Rotate } from './program.ts';
import { copiedAndTruncated, renamed, renamedAndPacked } from './rotations.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' }, keep: { type: 'boolean' } },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
const random = new Random(seed);
const run = randomUUID();
const program = new URL('../../bin/regression.js', import.meta.url).pathname;

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
const programOf = (name: string, rotate: Rotate): Program => new Program(logs, name, run, random, rotate);
const programs = [
  programOf('kept', renamed),
  programOf('moved', renamed),
  programOf('packed', renamedAndPacked),
  programOf('copied', copiedAndTruncated(random)),
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
      // Seldom enough that a rotated file is there for longer than the daemon is ever down.
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
const answer = await client.inputs();
let isEveryProgramGood = true;
const total = { written: 0, stored: 0, lost: 0, doubled: 0 };
for (const program of programs) {
  const judgement = await judge(program, client.rows({ order: 'arrival', limit: 10_000 }), answer);
  const { stored, lost, doubled, damaged, silent, avoidable, gaps, needless, complaints } = judgement;
  const written = program.lines.length;
  process.stdout.write(
    `${program.name}: written ${written}, stored ${stored}, lost ${lost} (in no gap ${silent}, avoidable ${avoidable}), doubled ${doubled}, cut or glued ${damaged}, gaps ${gaps} (${needless.length} in vain), rotations ${program.rotations}\n`,
  );
  for (const gap of needless.slice(0, 5)) process.stdout.write(`  gap without a loss: ${gap}\n`);
  for (const complaint of complaints) process.stdout.write(`  ${complaint}\n`);
  total.written += written;
  total.stored += stored;
  total.lost += lost;
  total.doubled += doubled;
  isEveryProgramGood &&= isGood(judgement);
}
await daemon.end('SIGTERM');
if (values.keep !== true) await rm(directory, { recursive: true });
process.stdout.write(
  `${daemon.kills} kills, ${programs.reduce((sum, { rotations }) => sum + rotations, 0)} rotations\n`,
);
process.stdout.write(
  `lines written ${total.written}, stored ${total.stored}, lost ${total.lost}, doubled ${total.doubled}, gaps ${answer.gaps.length}\n`,
);
process.exitCode = isEveryProgramGood ? 0 : 1;
