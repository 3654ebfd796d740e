// Walks the Dockerfile without a container engine: every path it copies must be tracked by git, its build steps must run in
// clean folders, and what the image copies must start, answer its own health check, stop at SIGTERM and be small. `node scripts/check-dockerfile.js`; needs the npm registry.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const root = mkdtempSync(join(tmpdir(), 'regression-image-'));
const tracked = execFileSync('git', ['ls-files'], { encoding: 'utf8' }).split('\n');
const maxCopiedMegabytes = 250;

try {
  const image = buildStages(readFileSync('Dockerfile', 'utf8'));
  const env = { PATH: `${dirname(process.execPath)}:/usr/bin:/bin` };
  const shown = spawnSync(join(image, 'bin/regression'), ['--version'], { encoding: 'utf8', env });
  if (shown.status !== 0) fail(`the program in the image does not start: ${shown.stderr}`);
  await runDaemon(image, env);
  const megabytes = Number(execFileSync('du', ['-sm', image], { encoding: 'utf8' }).split('\t')[0]);
  if (megabytes > maxCopiedMegabytes) fail(`the image copies ${megabytes} MB`);
  console.log(`the Dockerfile's steps run; regression ${shown.stdout.trim()}, ${megabytes} MB copied beside Node`);
} finally {
  rmSync(root, { recursive: true, force: true });
}

/** From its start over its health check to SIGTERM. */
async function runDaemon(image, env) {
  const port = 20_000 + (process.pid % 20_000);
  writeFileSync(
    join(root, 'regression.yaml'),
    `data_dir: ${join(root, 'data')}\ninputs: []\nserver: { listen: '127.0.0.1:${port}' }\n`,
  );
  const daemon = spawn(join(image, 'bin/regression'), ['run'], {
    env: { ...env, REGRESSION_CONFIG: join(root, 'regression.yaml') },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(daemon, 'close');
  const check = [join(image, 'bin/healthcheck'), '/health/ready', '127.0.0.1', String(port)];
  while (spawnSync('bash', check, { stdio: 'ignore' }).status !== 0) {
    if (daemon.exitCode !== null) fail(`the daemon in the image ended with ${daemon.exitCode}`);
    await delay(100);
  }
  daemon.kill('SIGTERM');
  const [code] = await ended;
  if (code !== 0) fail(`the daemon in the image answered SIGTERM with ${code}`);
}

/** @returns the folder that stands for the last stage's working directory. */
function buildStages(text) {
  const stages = new Map();
  let folder = root;
  let workdir = '/';
  for (const line of text.replaceAll('\\\n', ' ').split('\n')) {
    const [, instruction, rest] = /^([A-Z]+)\s+(.*)$/.exec(line.trim()) ?? [];
    if (instruction === 'FROM') {
      const [, name = 'final'] = / AS (\w+)$/.exec(rest) ?? [];
      folder = join(root, name);
      stages.set(name, folder);
      workdir = '/';
    } else if (instruction === 'WORKDIR') {
      workdir = rest;
      mkdirSync(join(folder, workdir), { recursive: true });
    } else if (instruction === 'COPY') {
      copy(rest.split(/\s+/), join(folder, workdir), stages);
    } else if (instruction === 'RUN' && !rest.includes(' /')) {
      // A step that names absolute paths would change this machine.
      const { status } = spawnSync('sh', ['-ec', rest], {
        cwd: join(folder, workdir),
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      if (status !== 0) fail(`RUN ${rest} ended with ${status}`);
    }
  }
  return join(folder, workdir);
}

function copy(words, target, stages) {
  const from = words[0].startsWith('--from=') ? stages.get(words.shift().slice('--from='.length)) : undefined;
  const destination = words.pop();
  for (const source of words) {
    if (from === undefined && !tracked.some((path) => path === source || path.startsWith(`${source}/`))) {
      fail(`COPY ${source}: not in the repository`);
    }
    const into = destination.endsWith('/') ? join(target, destination, basename(source)) : join(target, destination);
    mkdirSync(dirname(into), { recursive: true });
    cpSync(from === undefined ? source : join(from, source), into, { recursive: true, verbatimSymlinks: true });
  }
}

function fail(message) {
  rmSync(root, { recursive: true, force: true });
  console.error(`check-dockerfile: ${message}`);
  process.exit(1);
}
