/** `regression ...args` in this process: what it prints, and how it ends. */
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { runCli } from '../src/commands/cli.ts';
import { RegressionError } from '../src/runtime/errors.ts';

export interface InProcessOutcome {
  readonly stdout: string;
  readonly stderr: string;
  /** Null when it succeeded. */
  readonly error: RegressionError | null;
}

export interface InProcessOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** What is no RegressionError is thrown: such an error is a bug. */
export async function runInProcess(
  args: readonly string[],
  { cwd = '/', env = {} }: InProcessOptions = {},
): Promise<InProcessOutcome> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end();
  const told = Promise.all([text(stdout), text(stderr)]);
  let error: RegressionError | null = null;
  try {
    const { signal } = new AbortController();
    await runCli(args, '0.0.0', { env, cwd, stdin, stdout, stderr, signal, onHangup: () => undefined });
  } catch (caught) {
    if (!(caught instanceof RegressionError)) throw caught;
    error = caught;
  }
  stdout.end();
  stderr.end();
  const [out, err] = await told;
  return { stdout: out, stderr: err, error };
}
