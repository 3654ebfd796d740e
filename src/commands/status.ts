/** `regression status`: health in one screen. */
import type { RegressionClient } from '../client/client.ts';
import { systemClock } from '../runtime/clock.ts';
import { RegressionError } from '../runtime/errors.ts';
import { duration } from '../runtime/units.ts';
import type { Command, Output } from './command.ts';
import { type Rates, type Standing, statusText, summary } from './status-text.ts';

interface Flags {
  readonly watch?: boolean;
  readonly interval?: string;
}

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
        const screen = flags.json ? `${json(now, rates)}\n` : statusText(now, rates);
        stdout.write(
          flags.watch === true && stdout.isTTY === true ? `${clearScreen}${fitted(screen, stdout)}` : screen,
        );
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

/** No line wraps and nothing scrolls: what is wrong stands at the top. */
function fitted(text: string, { columns = 80, rows = 24 }: Output): string {
  const lines = text.trimEnd().split('\n');
  const shown = lines.length < rows ? lines : lines.slice(0, rows - 2);
  const more = lines.length - shown.length;
  const told = more === 0 ? [] : [`${more} more lines: a taller terminal, or \`regression status\``];
  return [...shown, ...told]
    .map((line) => `${line.length < columns ? line : `${line.slice(0, columns - 2)}…`}\n`)
    .join('');
}
