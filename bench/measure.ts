/**
 * Measures programs side by side: wall time, CPU seconds and peak resident memory of child processes, in interleaved rounds.
 *
 * Figures of one machine at one time mean little by themselves, so what a benchmark states is a ratio of medians from one run.
 * Linux only: CPU time and memory are read from /proc.
 */
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

export interface Measurement {
  readonly wallSeconds: number;
  /** User and system time of the process and all its threads. */
  readonly cpuSeconds: number;
  /** Peak resident memory. */
  readonly peakBytes: number;
  readonly stdout: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Given on standard input. */
  readonly stdin?: string;
}

/** Linux counts CPU time in clock ticks of 10 ms on every architecture Node runs on (proc(5), sysconf(_SC_CLK_TCK)). */
const ticksPerSecond = 100;
const sampleIntervalMs = 10;

/** Runs a command to its end. @throws Error with its standard error when it fails. */
export function measureCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Measurement> {
  return measured(command, args, options, null);
}

/**
 * Runs a command that does not end by itself until `isDone`, which is asked ten times a second; then it is asked to end.
 * @throws Error when it ends before.
 */
export function measureUntil(
  command: string,
  args: readonly string[],
  isDone: () => Promise<boolean>,
): Promise<Measurement> {
  return measured(command, args, {}, isDone);
}

async function measured(
  command: string,
  args: readonly string[],
  { cwd, env, stdin }: CommandOptions,
  isDone: (() => Promise<boolean>) | null,
): Promise<Measurement> {
  const startedAtMs = performance.now();
  const child = spawn(command, [...args], { cwd, env: { ...process.env, ...env } });
  child.stdin.on('error', () => undefined); // a daemon closes it
  child.stdin.end(stdin ?? '');
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  let isRunning = true;
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  }).finally(() => (isRunning = false));
  let cpuSeconds = 0;
  let peakBytes = 0;
  const sample = (): void => {
    const usage = child.pid === undefined ? null : usageOf(child.pid);
    if (usage !== null) [cpuSeconds, peakBytes] = [usage.cpuSeconds, usage.peakBytes];
  };
  let wallSeconds = 0;
  const sampling = (async () => {
    let isAskedToEnd = false;
    for (let samples = 0; isRunning; samples++) {
      if (!isAskedToEnd) sample();
      if (isDone !== null && !isAskedToEnd && samples % 10 === 9 && (await isDone())) {
        wallSeconds = (performance.now() - startedAtMs) / 1000;
        sample();
        isAskedToEnd = true;
        child.kill('SIGTERM');
      }
      await delay(sampleIntervalMs);
    }
    return isAskedToEnd;
  })();
  const status = await ended;
  if (isDone === null) wallSeconds = (performance.now() - startedAtMs) / 1000;
  const isAskedToEnd = await sampling;
  if (!isAskedToEnd && (status !== 0 || isDone !== null)) {
    throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr}`);
  }
  return { wallSeconds, cpuSeconds, peakBytes, stdout };
}

export interface Usage {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly peakBytes: number;
}

/** CPU time and memory of a process and its descendants so far; null once it has ended. For what runs on: a daemon, a peer. */
export function usageOf(pid: number): Usage | null {
  try {
    // The command's name, in parentheses, may hold spaces: the fields begin behind it. utime and stime are fields 14 and 15.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const kibibytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    if (kibibytes('VmHWM') === 0) return null; // ended, and not yet waited for
    const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
    const usages = children.map(usageOf).filter((usage) => usage !== null);
    const sum = (of: (usage: Usage) => number): number => usages.reduce((total, usage) => total + of(usage), 0);
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond + sum((usage) => usage.cpuSeconds),
      residentBytes: kibibytes('VmRSS') * 1024 + sum((usage) => usage.residentBytes),
      peakBytes: kibibytes('VmHWM') * 1024 + sum((usage) => usage.peakBytes),
    };
  } catch {
    return null;
  }
}

/**
 * Runs each contender once a round, in turn, so that what disturbs the machine disturbs all of them.
 * @returns for each contender the answers of its rounds.
 */
export async function interleaved<Name extends string, Answer>(
  rounds: number,
  contenders: Readonly<Record<Name, () => Promise<Answer>>>,
): Promise<Record<Name, Answer[]>> {
  const entries = Object.entries(contenders) as [Name, () => Promise<Answer>][];
  const answers = Object.fromEntries(entries.map(([name]) => [name, [] as Answer[]])) as Record<Name, Answer[]>;
  for (let round = 1; round <= rounds; round++) {
    for (const [name, run] of entries) {
      process.stderr.write(`\r\u001b[Kround ${round} of ${rounds}: ${name}`);
      answers[name].push(await run());
    }
  }
  process.stderr.write('\r\u001b[K');
  return answers;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: percentile(sorted, 0.5), min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/** @param sorted in rising order. @param share 0 to 1. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** `52,300 (49,800-53,100)`. */
export function spreadText({ median, min, max }: Spread, digits = 0): string {
  const text = (value: number): string =>
    value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${text(median)} (${text(min)}-${text(max)})`;
}

/** A table in Markdown, ready for bench/README.md. */
export function tableText(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  return `${line(header)}${line(header.map(() => '---'))}${rows.map(line).join('')}`;
}

/** What the figures were taken on; the load before the run tells whether the machine was quiet. */
export function machineText(): string {
  const [cpu] = cpus();
  const gibibytes = Math.round(totalmem() / 1024 ** 3);
  const load = (loadavg()[0] ?? 0).toFixed(1);
  return `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores (${cpu?.model.trim()}), ${gibibytes} GiB, Node ${process.versions.node}, load ${load} before the run`;
}
