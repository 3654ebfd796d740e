/** `regression status`: health in one screen. */
import type { InputsAnswer, SinksAnswer, TaskAnswer } from '../client/client.ts';
import { damageHint } from '../store/damage.ts';
import type { Command } from './command.ts';

const shownProblems = 5;

export const status: Command<object> = {
  usage: 'status',
  summary: 'What is followed, how far, what is wrong and what is lost, in one screen',
  examples: [
    ['regression status', 'of the running daemon, or of the data directory it left'],
    ['regression status --json', 'the same for machines'],
  ],
  async run(flags, surroundings) {
    const { openEndpoint } = await import('./endpoint.ts');
    const endpoint = await openEndpoint({ command: 'status' }, flags, surroundings);
    try {
      const answer = await endpoint.client.inputs({}, surroundings.signal);
      const { sinks } = await endpoint.client.sinks(surroundings.signal);
      const page = await endpoint.client.logs({ limit: 1, order: 'arrival' }, surroundings.signal);
      const lastId = page.stats.last_id;
      const tasks = await endpoint.client.tasks(surroundings.signal);
      surroundings.stdout.write(
        flags.json
          ? `${JSON.stringify({ ...summary(answer), last_id: lastId, sinks, tasks })}\n`
          : `${text(answer, lastId, sinks)}${tasksText(tasks)}`,
      );
    } finally {
      await endpoint.close();
    }
  },
};

function summary({ is_running, inputs, files, generations, gaps, store_damage }: InputsAnswer) {
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

function text(answer: InputsAnswer, lastId: number, sinks: SinksAnswer['sinks']): string {
  const {
    is_running,
    inputs,
    files,
    formats,
    unread_bytes,
    waiting_bytes,
    generations,
    lines,
    rows,
    gaps,
    store_damage,
    problems,
  } = summary(answer);
  const number = (value: number): string => value.toLocaleString('en-US');
  const row = (name: string, value: string): string => `${name.padEnd(12)}${value}\n`;
  let out = row('daemon', is_running ? 'running' : 'not running; this is what it left');
  out += row('rows', `last id ${number(lastId)}`);
  for (const { describes, watcher, scan_seconds } of inputs) {
    const how =
      watcher === null
        ? ''
        : watcher.kind === 'watching'
          ? `; woken by events, a look at all takes ${((scan_seconds ?? 0) * 1000).toFixed(0)} ms`
          : `; found by scanning alone: ${watcher.reason}`;
    out += row('input', `${describes}${how}`);
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
  if (problems.length > shownProblems) out += row('', `and ${number(problems.length - shownProblems)} more files`);
  return out;
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
  const lag =
    sink.lag_rows === 0
      ? 'all delivered'
      : `${number(sink.lag_rows)} rows behind${sink.lag_bytes === null ? '' : ` (about ${number(sink.lag_bytes)} bytes)`}`;
  const state = sink.state === null ? '' : `, ${sink.state}${sink.circuit === 'closed' ? '' : ', circuit open'}`;
  const since = sink.last_success_at === null ? '' : `, last success ${sink.last_success_at}`;
  let out = `${'sink'.padEnd(12)}${sink.describes ?? sink.name}: ${lag}${state}${since}\n`;
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
