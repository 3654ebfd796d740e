/** `regression mcp`: the tools of `/mcp` over standard input and output, for programs that start their servers themselves. */
import { createInterface } from 'node:readline';
import type { Command } from './command.ts';
import { openEndpoint } from './endpoint.ts';

export const mcp: Command<object> = {
  usage: 'mcp',
  summary: 'Tools for models on standard input and output (Model Context Protocol)',
  examples: [['claude mcp add logs -- regression mcp --data-dir /var/lib/regression', 'with a client that starts it']],
  async run(flags, surroundings) {
    const endpoint = await openEndpoint({ command: 'mcp' }, flags, surroundings);
    const lines = createInterface({ input: surroundings.stdin, signal: surroundings.signal });
    try {
      for await (const line of lines) {
        if (line.trim() === '') continue;
        const answer = await endpoint.client.mcp(line, surroundings.signal);
        if (answer !== null) surroundings.stdout.write(`${answer}\n`);
      }
    } finally {
      lines.close();
      await endpoint.close();
    }
  },
};
