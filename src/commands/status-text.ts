/** What `regression status` shows, as text: what is wrong first, then what there is. */
import type { InputsAnswer, SinksAnswer, StoreAnswer, TaskAnswer } from '../client/client.ts';
import { printable } from '../query/row-text.ts';
import { damageHint } from '../store/damage.ts';

const shownProblems = 5;
const spanUnits = [
  ['s', 1],
  ['min', 60],
  ['h', 3600],
  ['days', 86_400],
] as const;
/** Beyond so many, those with nothing to say are one line together. */
const shownInputs = 8;

export interface Standing {
  readonly answer: InputsAnswer;
  readonly store: StoreAnswer;
  readonly sinks: SinksAnswer['sinks'];
  readonly tasks: readonly TaskAnswer[];
  readonly atMs: number;
}

/** A second, since the look before; by the names of inputs, `rows` for what was stored. */
export type Rates = ReadonlyMap<string, number>;

/** What to do about what is dropped, by its reason. */
const dropHints: Readonly<Record<string, string>> = {
  kernel_buffer_full: '`regression doctor` says how to have a larger receive buffer.',
  queue_full: 'The store is slower than the senders: inputs[].queue_bytes, or fewer senders.',
};

export function summary({ is_running, inputs, files, left_out, generations, gaps, store_damage }: InputsAnswer) {
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

/** Names of files and what others answered may hold anything. */
function row(name: string, value: string): string {
  return `${name.padEnd(12)}${printable(value)}\n`;
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

export function statusText({ answer, store, sinks, tasks }: Standing, rates: Rates | null): string {
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
  let out = row('daemon', is_running ? 'running' : 'not running; this is what it left');
  for (const { name, ok, reason, warning, hint } of store.parts) {
    if (ok && warning === undefined) continue;
    out += row(ok ? 'warning' : 'NOT READY', `${name}: ${reason ?? warning}`);
    if (hint !== undefined) out += row('', hint);
  }
  for (const { text } of store_damage.slice(-shownProblems)) out += row('warning', text);
  if (store_damage.length > 0) out += row('', damageHint);
  for (const { path, last_error } of problems.slice(0, shownProblems)) out += row('problem', `${path}: ${last_error}`);
  if (problems.length > 0) out += row('', '`regression doctor FILE` says what to do');
  if (problems.length > shownProblems) out += row('', `and ${number(problems.length - shownProblems)} more files`);
  if (left_out.length > 0) out += row('left out', `${number(left_out.length)} files that inputs name, among them`);
  for (const { path, reason } of left_out.slice(0, shownProblems)) out += row('', `${path}: ${reason}`);
  out += tasksText(tasks.filter(({ last }) => last?.ok === false));
  out += row('rows', `last id ${number(store.last_id)}${rateText(rates, ['rows'], 'rows')}`);
  out += row('store', storeText(store));
  for (const sink of sinks) out += sinkText(sink);
  out += inputsText(inputs, rates);
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
  out += row('generations', `${number(generations)} known, ${number(lines)} lines in ${number(rows)} rows`);
  out += row(
    'gaps',
    gaps.length === 0 ? 'none: nothing is known to be lost' : `${number(gaps.length)}, the last of them`,
  );
  for (const gap of gaps.slice(-shownProblems)) out += row('', gapText(gap));
  return out + tasksText(tasks.filter(({ last }) => last?.ok !== false));
}

type InputStanding = InputsAnswer['inputs'][number];

/** Those that something is to be said of first; where there are many, the quiet ones together. */
function inputsText(inputs: readonly InputStanding[], rates: Rates | null): string {
  const isQuiet = (input: InputStanding): boolean =>
    (input.unread_bytes ?? 0) === 0 && dropsOf(input).length === 0 && input.watcher?.kind !== 'scanning';
  const ordered = [...inputs.filter((input) => !isQuiet(input)), ...inputs.filter(isQuiet)];
  const shown = ordered.slice(0, ordered.length > shownInputs ? shownInputs - 1 : shownInputs);
  const rest = ordered.slice(shown.length);
  const text = shown.map((input) => inputText(input, rates)).join('');
  if (rest.length === 0) return text;
  const names = rest.map(({ name }) => name);
  const lines = rest.reduce((sum, { lines_read: read }) => sum + read, 0);
  const behind = rest.reduce((sum, { unread_bytes: bytes }) => sum + (bytes ?? 0), 0);
  const what = rest.every(isQuiet) ? 'more, with nothing amiss' : 'more';
  const told = `${number(lines)} lines read${rateText(rates, names, 'lines')}, ${number(behind)} bytes behind`;
  return `${text}${row('inputs', `${number(rest.length)} ${what} (--json has each): ${told}`)}`;
}

function inputText(input: InputStanding, rates: Rates | null): string {
  const { name, describes, lines_read: lines, unread_bytes: behind, watcher, scan_seconds: scan } = input;
  const how =
    watcher === null
      ? ''
      : watcher.kind === 'watching'
        ? `; woken by events, a look at all takes ${((scan ?? 0) * 1000).toFixed(0)} ms`
        : `; found by scanning alone: ${watcher.reason}`;
  const lag = behind === null ? '' : `, ${number(behind)} bytes behind`;
  const drops = dropsOf(input).map(([reason, count]) =>
    row('', `${number(count)} dropped: ${reason.replaceAll('_', ' ')}. ${dropHints[reason] ?? ''}`.trimEnd()),
  );
  const read = `${number(lines)} ${lines === 1 ? 'line' : 'lines'} read${rateText(rates, [name], 'lines')}${lag}`;
  return `${row('input', `${name}: ${describes}${how}`)}${row('', read)}${drops.join('')}`;
}

/** But for lines in which nothing was. */
function dropsOf({ dropped }: InputStanding): [reason: string, count: number][] {
  return Object.entries(dropped).filter(([reason]) => reason !== 'empty_line');
}

function rateText(rates: Rates | null, names: readonly string[], what: string): string {
  if (rates === null) return '';
  const sum = names.reduce((total, name) => total + (rates.get(name) ?? 0), 0);
  return `, ${number(Math.round(sum))} ${what}/s`;
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
      return row(name, parts.filter((part) => part !== null).join('; '));
    })
    .join('');
}

/** `45 s`, `12 min`, `30 h`, `6 days`. */
function spanText(seconds: number): string {
  const [unit, length] = spanUnits.findLast(([, least]) => seconds >= 2 * least) ?? ['s', 1];
  return `${number(Math.round(seconds / length))} ${unit}`;
}

function sinkText(sink: SinksAnswer['sinks'][number]): string {
  const parts = [
    sink.lag_bytes === null ? '' : `about ${number(sink.lag_bytes)} bytes`,
    sink.lag_seconds === null || sink.lag_seconds === 0 ? '' : `the oldest of ${spanText(sink.lag_seconds)} ago`,
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
  let out = row('sink', `${named}: ${lag}${state}${since}`);
  const counted = [
    sink.dead_letters === 0
      ? ''
      : `${number(sink.dead_letters)} dead letters (regression deadletters list ${sink.name})`,
    sink.dropped_rows === 0 ? '' : `${number(sink.dropped_rows)} rows went unsent`,
  ].filter((part) => part !== '');
  if (counted.length > 0) out += row('', counted.join('; '));
  if (sink.last_error !== null && sink.state !== 'idle') {
    const hint = sink.last_error.hint === null ? '' : ` ${sink.last_error.hint}`;
    out += row('', `${sink.last_error.at} ${sink.last_error.message}.${hint}`);
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
