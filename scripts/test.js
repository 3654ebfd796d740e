// Builds, runs the tap suite and ends with the plain line `N passed, N failed`, keeping tap's exit status.
// Arguments are passed on: `npm test -- test/store` runs the files whose path begins with test/store.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, globSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

const tap = 'node_modules/tap/dist/esm/run.mjs';
const tapMarker = 'node_modules/.regression-tap-built';
// Each test file is a process, and so is each command that it runs: they compile the same code over and over, a second each.
const compileCache = resolve('node_modules/.cache/regression-test');
const maxLineLength = 300;

mustSucceed('scripts/build.js'); // the end-to-end tests run what users run: dist/
// tap assembles its test class from the plugins of .taprc once; the result lives in node_modules.
if (!existsSync(tapMarker)) {
  mustSucceed(tap, 'build');
  writeFileSync(tapMarker, '');
}

const prefixes = process.argv.slice(2);
const files = globSync('test/**/*.test.ts')
  .filter((file) => prefixes.length === 0 || prefixes.some((prefix) => file.startsWith(prefix)))
  .sort();
if (files.length === 0) {
  console.error(`no test file begins with ${prefixes.join(' or ')}`);
  process.exit(2);
}

let passed = 0;
let failed = 0;
let skipped = 0;
/** Lines of the file that is being reported. */
let block = [];

const child = spawn(process.execPath, [tap, 'run', '--reporter=tap', ...files], {
  stdio: ['ignore', 'pipe', 'inherit'],
  env: { NODE_COMPILE_CACHE: compileCache, ...process.env },
});
let rest = '';
child.stdout.setEncoding('utf8');
child.stdout.on('data', (text) => {
  const lines = (rest + text).split('\n');
  rest = lines.pop() ?? '';
  for (const line of lines) report(line);
});
child.on('close', (status) => {
  report(rest);
  const exitCode = status ?? 1;
  if (exitCode !== 0 && failed === 0) failed = 1; // tap itself failed
  if (skipped > 0) console.log(`${skipped} skipped`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(exitCode);
});

/** A file's line stands at the margin, its tests one level (four spaces) inside, their assertions deeper. */
function report(line) {
  block.push(line);
  if (/^ {4}ok \d+ /.test(line)) {
    if (line.includes(' # SKIP')) skipped++;
    else passed++;
  }
  if (/^ {4}not ok \d+ /.test(line)) failed++;
  const [, not, file, comment] = /^(not )?ok \d+ - (\S+\.test\.ts)(.*)$/.exec(line) ?? [];
  if (file === undefined) return;
  const tests = block.filter((inner) => /^ {4}(?:not )?ok \d+ /.test(inner)).length;
  console.log(
    `${not === undefined ? 'ok    ' : 'FAILED'} ${file} (${tests} tests${comment.replace(' # time=', ', ')})`,
  );
  for (const inner of block) {
    if (not !== undefined) console.log(inner.slice(0, maxLineLength));
    else if (/^ {4,8}# (?!Subtest|time=)|# SKIP/.test(inner)) console.log(`       ${inner.trim()}`);
  }
  if (not !== undefined && !block.some((inner) => /^ {4}not ok /.test(inner))) failed++; // it broke outside a test
  block = [];
}

function mustSucceed(...args) {
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) process.exit(status ?? 1);
}
