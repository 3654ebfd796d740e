// Compiles src/ to dist/. Skipped where the compiler is not installed (a production install has dist/ already).
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';

const compiler = 'node_modules/typescript/bin/tsc';
if (!existsSync(compiler)) {
  if (existsSync('dist/main.js')) process.exit(0);
  console.error(
    'scripts/build.js: the TypeScript compiler is not installed; run `npm ci` with development dependencies',
  );
  process.exit(1);
}
rmSync('dist', { recursive: true, force: true });
// The program, then the types of what the package exports (regression/client).
for (const project of ['tsconfig.build.json', 'tsconfig.types.json']) {
  const { status } = spawnSync(process.execPath, [compiler, '-p', project], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
