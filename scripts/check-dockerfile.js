// Walks the Dockerfile without a container engine: every path it copies must be tracked by git, and its build steps must run in
// clean folders and leave a program that starts. `node scripts/check-dockerfile.js`; needs the npm registry.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

const root = mkdtempSync(join(tmpdir(), 'regression-image-'));
const tracked = execFileSync('git', ['ls-files'], { encoding: 'utf8' }).split('\n');
const maxImageMegabytes = 250 - 80; // of which the slim image's Node and libraries take the rest

try {
  const image = buildStages(readFileSync('Dockerfile', 'utf8'));
  const shown = spawnSync(process.execPath, [join(image, 'bin/regression.js'), '--version'], { encoding: 'utf8' });
  if (shown.status !== 0) fail(`the program in the image does not start: ${shown.stderr}`);
  const megabytes = Number(execFileSync('du', ['-sm', image], { encoding: 'utf8' }).split('\t')[0]);
  if (megabytes > maxImageMegabytes) fail(`the image's own files take ${megabytes} MB`);
  console.log(`the Dockerfile's steps run; regression ${shown.stdout.trim()}, ${megabytes} MB beside Node`);
} finally {
  rmSync(root, { recursive: true, force: true });
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
