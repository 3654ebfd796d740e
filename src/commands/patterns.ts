/** `regression patterns`: what the messages say. */
import type { Command } from './command.ts';
import { openEndpoint } from './endpoint.ts';
import { type SpanFlags, severityFlag, spanFlags, spanOf } from './span-flags.ts';
import { tableText } from './table.ts';
import { wholeNumber } from './whole-number.ts';

interface Flags extends SpanFlags {
  readonly severity?: string;
  readonly sort: string;
  readonly limit: number;
}

/** Eight heights of a block, for a histogram in a cell. */
const bars = '▁▂▃▄▅▆▇█';

export const patterns: Command<Flags> = {
  usage: 'patterns',
  summary: 'What the messages say: their templates, counted',
  flags: {
    ...spanFlags,
    severity: severityFlag,
    sort: {
      choices: ['count', 'rare', 'new', 'burst'],
      default: 'count',
      describe: 'Most frequent, rarest or newest first, or those with an hour that stands out',
      requiresArg: true,
    },
    limit: wholeNumber('limit', { default: 30, describe: 'Patterns at most' }),
  },
  examples: [
    ['regression patterns --severity warn --start -24h', 'what went wrong today'],
    ['regression patterns --sort new --limit 10', 'what was never said before'],
    ['regression patterns --application checkout --json', 'with values and exemplars, for other programs'],
  ],
  async run({ severity, sort, limit, ...flags }, surroundings) {
    const { stdout, stderr, signal } = surroundings;
    const endpoint = await openEndpoint({ command: 'patterns' }, flags, surroundings);
    try {
      const answer = await endpoint.client.patterns({ ...spanOf(flags), severity, sort, limit }, signal);
      if (flags.json) {
        for (const pattern of answer.patterns) stdout.write(`${JSON.stringify(pattern)}\n`);
        return;
      }
      const rows = answer.patterns.map(({ id, count, severity: own, application, histogram, template }) => [
        id,
        count,
        own,
        application,
        barsOf(histogram),
        template,
      ]);
      stdout.write(tableText(['id', 'count', 'severity', 'application', 'over time', 'pattern'], rows));
      if (answer.truncated) stderr.write(`regression: ${answer.total} patterns in all; see --limit\n`);
    } finally {
      await endpoint.close();
    }
  },
};

function barsOf(histogram: readonly number[]): string {
  const most = Math.max(...histogram, 1);
  return histogram.map((count) => (count === 0 ? ' ' : bars.charAt(Math.ceil((count / most) * 8) - 1))).join('');
}
