/** `regression status`: health in one screen. */
import type { InputsAnswer, RegressionClient, SinksAnswer, StoreAnswer, TaskAnswer } from '../client/client.ts';
import { systemClock } from '../runtime/clock.ts';
import { RegressionError } from '../runtime/errors.ts';
import { duration } from '../runtime/units.ts';
import { damageHint } from '../store/damage.ts';
import type { Command } from './command.ts';

const shownProblems = 5;

interface Flags {
  readonly watch?: boolean;
  readonly interval?: string;
}

interface Standing {
  readonly answer: InputsAnswer;
  readonly store: StoreAnswer;
  readonly sinks: SinksAnswer['sinks'];
  readonly tasks: readonly TaskAnswer[];
  readonly atMs: number;
}

/** A second, since the look before; by the names of inputs, `rows` for what was stored. */
type Rates = ReadonlyMap<string, number>;

/** What to do about what is dropped, by its reason. */
const dropHints: Readonly<Record<string, string>> = {
  kernel_buffer_full: '`regression doctor` says how to have a larger receive buffer.',
  queue_full: 'The store is slower than the senders: inputs[].queue_bytes, or fewer senders.',
};

const clearScreen = '\u001b[H\u001b[J';

export const status: Command<Flags> = {
  usage: 'status',
  summary: 'Inputs, store, sinks and tasks, what is wrong and what is lost, in one screen',
  flags: {
    watch: { type: 'boolean', alias: 'w', describe: 'Look again and again, with rates' },
    interval: { type: 'string', default: '2s', describe: 'With --watch: time between two looks', requiresArg: true },
  },
  examples: [
    ['regression status', 'of the running daemon, or of the data directory it left'],
    ['regression status --watch', 'live, with lines a second of each input and rows a second'],
    ['regression status --json', 'the same for machines; with --watch a line each look'],
  ],
  async run(flags, surroundings) {
    const { openEndpoint } = await import('./endpoint.ts');
    const { stdout, signal } = surroundings;
    const intervalMs = duration({ min: 100, max: 3_600_000 }).safeParse(flags.interval ?? '2s');
    if (!intervalMs.success) {
      throw new RegressionError('USAGE', `--interval: ${flags.interval} is no time from 100ms to 1h`, {
        hint: 'E.g. 2s.',
      });
    }
    const endpoint = await openEndpoint({ command: 'status' }, flags, surroundings);
    try {
      let before: Standing | null = null;
      do {
        const now = await standing(endpoint.client, signal);
        const rates = before === null ? null : ratesOf(before, now);
        const screen = flags.json ? `${json(now, rates)}\n` : text(now, rates);
        stdout.write(flags.watch === true && stdout.isTTY === true ? `${clearScreen}${screen}` : screen);
        before = now;
        if (flags.watch === true) await systemClock.delay(intervalMs.data, signal);
      } while (flags.watch === true && !signal.aborted);
    } catch (error) {
      if (!signal.aborted) throw error; // Ctrl-C while a question was under way
    } finally {
      await endpoint.close();
    }
  },
};

async function standing(client: RegressionClient, signal: AbortSignal): Promise<Standing> {
  const [answer, store, { sinks }, tasks] = await Promise.all([
    client.inputs({}, signal),
    client.store(signal),
    client.sinks(signal),
    client.tasks(signal),
  ]);
  return { answer, store, sinks, tasks, atMs: systemClock.monotonicMs() };
}

function ratesOf(before: Standing, now: Standing): Rates {
  const seconds = Math.max((now.atMs - before.atMs) / 1000, 0.001);
  const linesBefore = new Map(before.answer.inputs.map(({ name, lines_read: lines }) => [name, lines]));
  const ofInputs = now.answer.inputs.map(({ name, lines_read: lines }): [string, number] => {
    return [name, Math.max(lines - (linesBefore.get(name) ?? 0), 0) / seconds];
  });
  return new Map([...ofInputs, ['rows', (now.store.last_id - before.store.last_id) / seconds]]);
}

function json({ answer, store, sinks, tasks }: Standing, rates: Rates | null): string {
  const perSecond = rates === null ? {} : { per_second: Object.fromEntries(rates) };
  return JSON.stringify({ ...summary(answer), last_id: store.last_id, store, sinks, tasks, ...perSecond });
}

function summary({ is_running, inputs, files, left_out, generations, gaps, store_damage }: InputsAnswer) {
  const count = (state: string): number => files.filter((file) => file.state === state).length;
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    is_running,
    inputs,
    files: { followed: count('followed'), rotated: count('rotated'), deleted: count('deleted') },
    formats: Object.fromEntries(
      [...Map.groupBy(files, ({ format }) => format)].map(([format, read]) => [format, read.length]),
    ),
    unread_bytes: sum(files.map(({ unread_bytes }) => unread_bytes)),
    waiting_bytes: sum(files.map(({ waiting_bytes }) => waiting_bytes)),
    left_out,
    generations: generations.length,
    lines: sum(generations.map(({ lines }) => lines)),
    rows: sum(generations.map(({ rows }) => rows)),
    gaps,
    store_damage,
    problems: files
      .filter(({ last_error }) => last_error !== null)
      .map(({ path, last_error }) => ({ path, last_error })),
  };
}

function text({ answer, store, sinks, tasks }: Standing, rates: Rates | null): string {
  const {
    is_running,
    inputs,
    files,
    formats,
    unread_bytes,
    waiting_bytes,
    left_out,
    generations,
    lines,
    rows,
    gaps,
    store_damage,
    problems,
  } = summary(answer);
  const number = (value: number): string => value.toLocaleString('en-US');
  const row = (name: string, value: string): string => `${name.padEnd(12)}${value}\n`;
  const rate = (name: string, what: string): string =>
    rates === null ? '' : `, ${number(Math.round(rates.get(name) ?? 0))} ${what}/s`;
  let out = row('daemon', is_running ? 'running' : 'not running; this is what it left');
  for (const { name, ok, reason, warning, hint } of store.parts) {
    if (ok && warning === undefined) continue;
    out += row(ok ? 'warning' : 'NOT READY', `${name}: ${reason ?? warning}`);
    if (hint !== undefined) out += row('', hint);
  }
  out += row('rows', `last id ${number(store.last_id)}${rate('rows', 'rows')}`);
  out += row('store', storeText(store));
  for (const { name, describes, lines_read, dropped, unread_bytes: behind, watcher, scan_seconds } of inputs) {
    const how =
      watcher === null
        ? ''
        : watcher.kind === 'watching'
          ? `; woken by events, a look at all takes ${((scan_seconds ?? 0) * 1000).toFixed(0)} ms`
          : `; found by scanning alone: ${watcher.reason}`;
    const lag = behind === null ? '' : `, ${number(behind)} bytes behind`;
    out += row('input', `${name}: ${describes}${how}`);
    out += row('', `${number(lines_read)} lines read${rate(name, 'lines')}${lag}`);
    for (const [reason, count] of Object.entries(dropped)) {
      if (reason === 'empty_line') continue; // nothing was in it
      out += row('', `${number(count)} dropped: ${reason.replaceAll('_', ' ')}. ${dropHints[reason] ?? ''}`.trimEnd());
    }
  }
  if (is_running) {
    out += row(
      'files',
      `${number(files.followed)} followed, ${number(files.rotated)} rotated, ${number(files.deleted)} deleted and held`,
    );
    const read = Object.entries(formats).map(([format, count]) => `${number(count)} ${format}`);
    if (read.length > 0) out += row('read as', read.join(', '));
    out += row(
      'unread',
      `${number(unread_bytes)} bytes, and ${number(waiting_bytes)} of lines that wait for their end`,
    );
  }
  if (left_out.length > 0) out += row('left out', `${number(left_out.length)} files that inputs name, among them`);
  for (const { path, reason } of left_out.slice(0, shownProblems)) out += row('', `${path}: ${reason}`);
  for (const sink of sinks) out += sinkText(sink);
  out += row('generations', `${number(generations)} known, ${number(lines)} lines in ${number(rows)} rows`);
  out += row(
    'gaps',
    gaps.length === 0 ? 'none: nothing is known to be lost' : `${number(gaps.length)}, the last of them`,
  );
  for (const gap of gaps.slice(-shownProblems)) out += row('', gapText(gap));
  for (const { text } of store_damage.slice(-shownProblems)) out += row('warning', text);
  if (store_damage.length > 0) out += row('', damageHint);
  for (const { path, last_error } of problems.slice(0, shownProblems)) out += row('problem', `${path}: ${last_error}`);
  if (problems.length > 0) out += row('', '`regression doctor FILE` says what to do');
  if (problems.length > shownProblems) out += row('', `and ${number(problems.length - shownProblems)} more files`);
  return out + tasksText(tasks);
}

function storeText({
  hot_bytes: hot,
  wal_bytes: wal,
  segments,
  segment_bytes: bytes,
  unsealed_segments: waiting,
}: StoreAnswer) {
  const size = (value: number): string => `${(value / 1024 / 1024).toFixed(1)} MiB`;
  const sealing = waiting === 0 ? '' : `, ${waiting} still to be sealed`;
  return `${size(hot)} being written (WAL ${size(wal)}), ${segments} segments of ${size(bytes)}${sealing}`;
}

function tasksText(tasks: readonly TaskAnswer[]): string {
  return tasks
    .map(({ name, state, progress, doing, last, next_run_at: next }) => {
      const parts = [
        state === 'running'
          ? `${Math.round((progress ?? 0) * 100)} % done (${doing})`
          : state === 'waiting'
            ? doing
            : null,
        last === null ? 'never run' : `${last.ok ? 'done' : 'FAILED'} ${last.finished_at}: ${last.message}`,
        next === null ? null : `next ${next}`,
      ];
      return `${name.padEnd(12)}${parts.filter((part) => part !== null).join('; ')}\n`;
    })
    .join('');
}

function sinkText(sink: SinksAnswer['sinks'][number]): string {
  const number = (value: number): string => value.toLocaleString('en-US');
  const parts = [
    sink.lag_bytes === null ? '' : `about ${number(sink.lag_bytes)} bytes`,
    sink.lag_seconds === null || sink.lag_seconds === 0
      ? ''
      : `the oldest of ${number(Math.round(sink.lag_seconds))} s ago`,
  ].filter((part) => part !== '');
  const lag =
    sink.lag_rows === 0
      ? 'all delivered'
      : `${number(sink.lag_rows)} rows behind${parts.length === 0 ? '' : ` (${parts.join(', ')})`}`;
  const circuit =
    sink.circuit === null || sink.circuit === 'closed' ? '' : `, circuit ${sink.circuit.replace('_', ' ')}`;
  const state = sink.state === null ? '' : `, ${sink.state}${circuit}`;
  const since = sink.last_success_at === null ? '' : `, last success ${sink.last_success_at}`;
  const named = sink.describes === null ? sink.name : `${sink.name}: ${sink.describes}`;
  let out = `${'sink'.padEnd(12)}${named}: ${lag}${state}${since}\n`;
  const counted = [
    sink.dead_letters === 0
      ? ''
      : `${number(sink.dead_letters)} dead letters (regression deadletters list ${sink.name})`,
    sink.dropped_rows === 0 ? '' : `${number(sink.dropped_rows)} rows went unsent`,
  ].filter((part) => part !== '');
  if (counted.length > 0) out += `${''.padEnd(12)}${counted.join('; ')}\n`;
  if (sink.last_error !== null && sink.state !== 'idle') {
    const hint = sink.last_error.hint === null ? '' : ` ${sink.last_error.hint}`;
    out += `${''.padEnd(12)}${sink.last_error.at} ${sink.last_error.message}.${hint}\n`;
  }
  return out;
}

export function gapText({ path, start_offset, end_offset, reason, found_at }: InputsAnswer['gaps'][number]): string {
  const range =
    end_offset === null
      ? `from byte ${start_offset}, how much nobody can know`
      : `bytes ${start_offset} to ${end_offset}`;
  return `${found_at} ${path}: ${range} (${reason.replaceAll('_', ' ')})`;
}
