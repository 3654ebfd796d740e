// Runs the tap suite and ends with the plain line `N passed, N failed`, keeping tap's exit status.
// Arguments are passed on: `npm test -- test/store` runs the files whose path begins with test/store.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';

const tap = 'node_modules/tap/dist/esm/run.mjs';
// tap assembles its test class from the plugins of .taprc once; the result lives in node_modules.
if (!existsSync('node_modules/.regression-tap-built')) {
  const build = spawnSync(process.execPath, [tap, 'build'], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (build.status !== 0) process.exit(build.status ?? 1);
  (await import('node:fs')).writeFileSync('node_modules/.regression-tap-built', '');
}

const prefixes = process.argv.slice(2);
const files = globSync('test/**/*.test.ts').filter(
  (file) => prefixes.length === 0 || prefixes.some((prefix) => file.startsWith(prefix)),
);
const child = spawn(process.execPath, [tap, 'run', '--reporter=tap', ...files], {
  stdio: ['ignore', 'pipe', 'inherit'],
});

let passed = 0;
let failed = 0;
let rest = '';
child.stdout.setEncoding('utf8');
child.stdout.on('data', (text) => {
  const lines = (rest + text).split('\n');
  rest = lines.pop() ?? '';
  for (const line of lines) report(line);
});
child.on('close', (status) => {
  report(rest);
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(status ?? 1);
});

/** Shows file names and failures; counts the tests, which stand one level (four spaces) inside their file. */
function report(line) {
  // to be refined below
  console.log(line);
}
