/** Programs of other people that tests run in the foreground; a test whose program is not installed is skipped with its name. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';

/** Debian's rsyslog and syslog-ng cannot be installed together: .ci/run unpacks rsyslog here. */
export const rsyslogRoot = '/opt/rsyslog';
/** And programs whose packages would start a service. */
const toolsRoot = '/opt/tools';

const folders = [
  ...(process.env['PATH'] ?? '').split(delimiter),
  '/usr/sbin',
  '/sbin',
  join(rsyslogRoot, 'usr/sbin'),
  join(toolsRoot, 'usr/bin'),
];

/** The program's path; null when it is not installed. */
export function find(name: string): string | null {
  const paths = folders.map((folder) => join(folder, name));
  return paths.find((path) => isExecutable(path)) ?? null;
}

/** Options of a test that needs the program: skipped without it, saying so. */
export function needs(name: string): { skip: string | false } {
  return { skip: find(name) === null ? `${name} is not installed` : false };
}

/** Runs the program to its end. @throws when it fails, with what it wrote. */
export async function run(name: string, args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(find(name) ?? name, args, { timeout: 30_000 });
  return stdout + stderr;
}

/** Runs the program until the test ends. */
export function start(t: Test, name: string, args: readonly string[]): ChildProcess {
  const child = spawn(find(name) ?? name, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const output of [child.stdout, child.stderr])
    output?.setEncoding('utf8').on('data', (text: string) => (said += text));
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return t.comment(`${name} had ended: ${said}`);
    const ended = once(child, 'close');
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(late);
    return undefined;
  });
  return child;
}

/** Where rsyslog's modules are: beside the program that was found. */
export function rsyslogModules(): string {
  const architectures = ['x86_64-linux-gnu', 'aarch64-linux-gnu'];
  const roots = find('rsyslogd')?.startsWith(rsyslogRoot) === true ? [rsyslogRoot] : ['/'];
  const folders = roots.flatMap((root) => architectures.map((name) => join(root, 'usr/lib', name, 'rsyslog')));
  return folders.find((folder) => existsSync(folder)) ?? '';
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
