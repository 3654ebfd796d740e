// Makes regression-VERSION-PLATFORM.tar.gz: the built program with its packages and Node, all that a host of this kind needs to run it. `npm run bundle`;
// needs the npm registry. What is in it is what package.json's `files` name, and the packages of the lock file.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { version, files } = JSON.parse(readFileSync('package.json', 'utf8'));
const name = `regression-${version}`;
const archive = `${name}-${process.platform}-${process.arch}.tar.gz`;
const folder = mkdtempSync(join(tmpdir(), 'regression-bundle-'));

try {
  execFileSync(process.execPath, ['scripts/build.js'], { stdio: 'inherit' });
  mkdirSync(join(folder, name));
  for (const file of [...files, 'package.json', 'package-lock.json', '.npmrc']) {
    cpSync(file, join(folder, name, file), { recursive: true });
  }
  const install = ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--silent'];
  execFileSync('npm', install, { cwd: join(folder, name), stdio: 'inherit' });
  const owner = ['--owner=root:0', '--group=root:0', '--sort=name'];
  execFileSync('tar', ['-czf', archive, '-C', folder, ...owner, name], { stdio: 'inherit' });
  console.log(archive);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
