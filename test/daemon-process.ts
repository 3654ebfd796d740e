/** The built program as a child process, as its user runs it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { RegressionClient } from '../src/client/client.ts';
import type { DaemonSummary } from '../src/daemon.ts';

export const program = fileURLToPath(new URL('../bin/regression.js', import.meta.url));
if (!existsSync(fileURLToPath(new URL('../dist/main.js', import.meta.url)))) {
  throw new Error('dist/ is missing: npm run build');
}

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Command and arguments that the program is started by. */
  readonly through?: readonly string[];
  /** Another installation than this checkout. */
  readonly installed?: string;
}

/**
 * Whatever `env` is given to a child, tap has every Node load what it follows processes with: time and memory that are not the
 * program's, and handlers of signals.
 */
const asUsersHaveIt = ['env', '-u', 'NODE_OPTIONS', process.execPath] as const;

/** Without variables of ours that the tests themselves were started with. */
function environment(more: RunOptions['env']): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('REGRESSION_'));
  return { ...Object.fromEntries(own), ...more };
}

/** Runs `regression ...args` to its end. */
export async function regression(args: readonly string[], { cwd, env, stdin }: RunOptions = {}): Promise<Outcome> {
  const [command, ...words] = [...asUsersHaveIt, program, ...args];
  const child = spawn(command, words, { cwd, env: environment(env) });
  child.stdin.end(stdin ?? '');
  return outcomeOf(child);
}

export interface DaemonProcess {
  readonly pid: number;
  readonly ended: Promise<Outcome>;
  /** Resolves when the daemon says that it has started; rejects when it ends before. */
  readonly started: Promise<DaemonSummary>;
  kill(signal: NodeJS.Signals): Promise<Outcome>;
}

/** Starts `regression run --json ...args`; it is killed with the test that started it. */
export function startDaemon(
  t: Test,
  args: readonly string[],
  { cwd, env, through = [], installed = program }: RunOptions = {},
): DaemonProcess {
  const [command, ...words] = [...through, ...asUsersHaveIt, installed, 'run', '--json', ...args] as [
    string,
    ...string[],
  ];
  const child = spawn(command, words, {
    cwd,
    env: environment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = outcomeOf(child);
  const started = new Promise<DaemonSummary>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (part: string) => {
      text += part;
      const newline = text.indexOf('\n');
      if (newline >= 0) resolve(JSON.parse(text.slice(0, newline)) as DaemonSummary);
    });
    void ended.then(({ code, signal, stderr }) =>
      reject(new Error(`the daemon ended (${code ?? signal}) before it had started: ${stderr}`)),
    );
  });
  started.catch(() => undefined); // a test that kills it early does not ask
  const kill = async (signal: NodeJS.Signals): Promise<Outcome> => {
    child.kill(signal);
    return ended;
  };
  t.teardown(() => kill('SIGKILL'));
  return { pid: child.pid ?? 0, ended, started, kill };
}

/** A client with the admin token of a daemon that has started. */
export async function clientOf({ server, adminTokenPath }: DaemonSummary): Promise<RegressionClient> {
  return new RegressionClient({ url: server, token: (await readFile(adminTokenPath, 'utf8')).trim() });
}

/** A configuration file in `directory` that follows `include` and answers on a free port. Returns its path. */
export async function writeConfig(directory: string, include: readonly string[], more = ''): Promise<string> {
  const { writeFile } = await import('node:fs/promises');
  const path = join(directory, 'regression.yaml');
  await writeFile(
    path,
    `data_dir: ${join(directory, 'data')}
inputs:
  - { type: file, include: ${JSON.stringify(include)}, format: plain, scan_interval: 100ms }
server: { listen: '127.0.0.1:0' }
${more}`,
  );
  return path;
}

async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}
