/** `regression deadletters`: rows that an upstream refuses for good. */
import { RegressionError } from '../runtime/errors.ts';
import type { Command } from './command.ts';
import { openEndpoint } from './endpoint.ts';
import { tableText } from './table.ts';
import { wholeNumber, wholeNumbers } from './whole-number.ts';

const actions = ['list', 'retry', 'drop'] as const;

interface Flags {
  readonly action: (typeof actions)[number];
  readonly sink?: string;
  readonly id?: readonly number[];
  readonly limit?: number;
}

export const deadletters: Command<Flags> = {
  usage: 'deadletters <action> [sink]',
  summary: 'Rows that an upstream refuses: list, send once more, drop',
  positionals: {
    action: { choices: actions, demandOption: true, describe: 'What to do' },
    sink: { type: 'string', describe: 'The sink; `list` shows all without it' },
  },
  flags: {
    id: wholeNumbers('id', 'retry, drop: only these letters'),
    limit: wholeNumber('limit', { describe: 'list: how many, the oldest first (100)' }),
  },
  examples: [
    ['regression deadletters list', 'what was refused, by whom and why'],
    ['regression deadletters retry clickhouse', 'when the upstream has been put right'],
    ['regression deadletters drop clickhouse --id 7', 'it will never be taken; the row stays in the store'],
  ],
  async run({ action, sink, id, limit, ...flags }, surroundings) {
    const { stdout } = surroundings;
    if (action !== 'list' && sink === undefined) {
      throw new RegressionError('USAGE', 'the name of the sink is missing', {
        hint: `regression deadletters ${action} SINK`,
      });
    }
    const endpoint = await openEndpoint({ command: 'deadletters' }, flags, surroundings);
    const { client } = endpoint;
    try {
      if (action === 'list') {
        const found = await client.deadLetters({ sink, limit });
        if (flags.json) for (const letter of found) stdout.write(`${JSON.stringify(letter)}\n`);
        else {
          const cells = found.map((letter) => [
            letter.id,
            letter.sink,
            letter.log_id,
            letter.failed_at,
            letter.attempts,
            letter.reason,
            letter.row.message,
          ]);
          stdout.write(tableText(['id', 'sink', 'row', 'failed at', 'tries', 'reason', 'message'], cells));
        }
        return;
      }
      const { letters } = await client.changeDeadLetters(action, sink ?? '', id);
      const done = action === 'retry' ? 'to be sent once more' : 'dropped';
      stdout.write(
        flags.json
          ? `${JSON.stringify({ letters })}\n`
          : `${letters} dead ${letters === 1 ? 'letter' : 'letters'} ${done}\n`,
      );
    } finally {
      await endpoint.close();
    }
  },
};
