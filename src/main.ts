/**
 * The process edge: arguments, environment, signals, exit codes. The only file that knows the real process.
 */
import { fstatSync, readlinkSync } from 'node:fs';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { runCli } from './commands/cli.ts';
import { version } from './package-info.ts';
import { RegressionError, messageOf, systemCodeOf } from './runtime/errors.ts';
import { leaveSignals, signalNumbers } from './runtime/first-process.ts';
import { isJournalStream } from './runtime/journal.ts';
import { journalPrefix } from './runtime/log-lines.ts';

const isJournal = isJournalStream(process.env, 2);
/** Of pino. */
const errorLevel = 50;
const stop = new AbortController();
/** How long a process that has done its work may take to end by itself. */
const endMs = 500;

await turnOfTheLoop(); // what was sent while this was loaded arrives
for (const [name, number] of Object.entries(signalNumbers)) {
  process.on(name, () => {
    if (stop.signal.aborted) process.exit(128 + number); // asked twice: at once
    stop.abort();
  });
}
leaveSignals();

// `regression parse ... | head`: the reader has gone, which is no error.
process.stdout.on('error', (error) => {
  if (systemCodeOf(error) === 'EPIPE') process.exit(0);
  throw error;
});

// The store's engine prints its minified source with an uncaught error; a line that says what happened is worth more.
process.on('uncaughtException', (error) => fail(error));
process.on('unhandledRejection', (error) => fail(error));

try {
  await runCli(process.argv.slice(2), version, {
    env: process.env,
    cwd: process.cwd(),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: stop.signal,
    isJournal,
    outputPath: pathOfOutput(),
    onHangup: (listener) => void process.on('SIGHUP', listener),
    endSoon,
  });
} catch (error) {
  fail(error);
}

function fail(error: unknown): never {
  const text = process.argv.includes('--json') ? jsonError(error) : readableError(error);
  process.stderr.write(isJournal ? text.replaceAll(/^(?=.)/gm, journalPrefix(errorLevel)) : text);
  process.exit(error instanceof RegressionError ? error.exitCode : 1);
}

/** Does nothing to a process that ends by itself before. A handle that somebody forgot, here or in a library, would keep it for ever. */
function endSoon(onLeftOpen: (resources: readonly string[]) => void): void {
  const end = (): never => {
    onLeftOpen(process.getActiveResourcesInfo());
    process.exit();
  };
  setTimeout(end, endMs).unref();
}

/** Undefined for what is no file: a terminal, a pipe. */
function pathOfOutput(): string | undefined {
  try {
    return fstatSync(1).isFile() ? readlinkSync('/proc/self/fd/1') : undefined;
  } catch {
    return undefined; // closed, or no /proc
  }
}

function readableError(error: unknown): string {
  if (error instanceof RegressionError) {
    return `regression: ${error.message}\n${error.hint === undefined ? '' : `Hint: ${error.hint}\n`}`;
  }
  const isDebugging = process.argv.includes('--log-level=debug') || process.argv.includes('debug');
  const stack = isDebugging && error instanceof Error ? `${error.stack}\n` : '';
  return `regression: ${messageOf(error)}\nThis is a bug of regression ${version}; with --log-level debug it shows where.\n${stack}`;
}

function jsonError(error: unknown): string {
  const known = error instanceof RegressionError ? error : undefined;
  return `${JSON.stringify({ error: { code: known?.code ?? 'INTERNAL', message: messageOf(error), hint: known?.hint } })}\n`;
}
