/** What users get: the built command line, a process per question, a few at a time. */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** A row as `regression parse` prints it. */
export interface Row {
  readonly timestamp: string;
  readonly severity: string;
  readonly application: string;
  readonly version?: string;
  readonly environment?: string;
  readonly source: string;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly rows: readonly Row[];
  readonly exitCode: number | null;
  readonly stderr: string;
  /** Peak resident memory in MiB. */
  readonly peakMiB: number;
}

const command = new URL('../../bin/regression.js', import.meta.url).pathname;
const slots = { free: availableParallelism(), waiting: [] as (() => void)[] };
/** Prints the peak at the end, where nothing else is printed. */
const reportPeak =
  'data:text/javascript,process.on("exit",()=>process.stderr.write("\\npeak "+process.resourceUsage().maxRSS))';

/** The rows of `input`, each chunk of it written as it comes, by `regression parse` with `flags`. */
export async function parseByCommand(
  input: Buffer | Iterable<string | Buffer>,
  flags: readonly string[] = [],
): Promise<Answer> {
  if (slots.free === 0) await new Promise<void>((resolve) => slots.waiting.push(resolve));
  else slots.free--;
  try {
    return await run(input, flags);
  } finally {
    const next = slots.waiting.shift();
    if (next === undefined) slots.free++;
    else next();
  }
}

async function run(input: Buffer | Iterable<string | Buffer>, flags: readonly string[]): Promise<Answer> {
  const child = spawn(process.execPath, ['--import', reportPeak, command, 'parse', ...flags], { stdio: 'pipe' });
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr] = [textOf(child.stdout), textOf(child.stderr)];
  child.stdin.on('error', () => undefined); // it may have died: its exit code says so
  for (const chunk of Buffer.isBuffer(input) ? [input] : input) {
    if (!child.stdin.write(chunk)) await new Promise((resolve) => child.stdin.once('drain', resolve));
  }
  child.stdin.end();
  const exitCode = await exited;
  const [, said = '', peak = '0'] = /^([\s\S]*)\npeak (\d+)$/.exec(await stderr) ?? [];
  const lines = (await stdout).split('\n').filter((line) => line !== '');
  return { rows: lines.map((line) => JSON.parse(line) as Row), exitCode, stderr: said, peakMiB: Number(peak) / 1024 };
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
