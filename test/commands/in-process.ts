/** Runs a command in this process: as the command line does, without the second that a process takes to start. */
import { Readable, Writable } from 'node:stream';
import { runCli } from '../../src/commands/cli.ts';
import { RegressionError } from '../../src/runtime/errors.ts';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A failure is the exit code, message and hint that the process would have. */
export async function regressionHere(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const written = { stdout: '', stderr: '' };
  const into = (name: keyof typeof written) =>
    new Writable({
      write(chunk, _encoding, done) {
        written[name] += String(chunk);
        done();
      },
    });
  const surroundings = { env, cwd, stdin: Readable.from([]), stdout: into('stdout'), stderr: into('stderr') };
  try {
    await runCli(args, '0.0.0', { ...surroundings, signal: new AbortController().signal, onHangup: () => undefined });
    return { code: 0, ...written };
  } catch (error) {
    if (!(error instanceof RegressionError)) throw error;
    return {
      code: error.exitCode,
      stdout: written.stdout,
      stderr: `${written.stderr}${error.message}\n${error.hint ?? ''}\n`,
    };
  }
}
