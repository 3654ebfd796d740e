/** `regression digest`: a span of logs within a budget of tokens. */
import type { Command } from './command.ts';
import { openEndpoint } from './endpoint.ts';
import { type SpanFlags, spanFlags, spanOf } from './span-flags.ts';
import { wholeNumber } from './whole-number.ts';

interface Flags extends SpanFlags {
  readonly tokens: number;
}

export const digest: Command<Flags> = {
  usage: 'digest',
  summary: 'A span of logs, written down within a budget of tokens',
  flags: {
    ...spanFlags,
    tokens: wholeNumber('tokens', { default: 4000, describe: 'Budget: three bytes are a token' }),
  },
  examples: [
    ['regression digest --start -24h', 'the last day, for a model or for breakfast'],
    ['regression digest --application checkout --tokens 1000 --json', 'its parts as data'],
  ],
  async run({ tokens, ...flags }, surroundings) {
    const endpoint = await openEndpoint({ command: 'digest' }, flags, surroundings);
    try {
      const answer = await endpoint.client.digest({ ...spanOf(flags), tokens }, surroundings.signal);
      surroundings.stdout.write(flags.json ? `${JSON.stringify(answer)}\n` : answer.text);
    } finally {
      await endpoint.close();
    }
  },
};
