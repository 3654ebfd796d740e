/** `regression consumers`: named readers with a place of their own. */
import type { Consumer } from '../client/client.ts';
import { RegressionError } from '../runtime/errors.ts';
import type { Command } from './command.ts';
import { openEndpoint } from './endpoint.ts';
import { tableText } from './table.ts';

const actions = ['list', 'create', 'seek', 'delete'] as const;

interface Flags {
  readonly action: (typeof actions)[number];
  readonly name?: string;
  readonly query?: string;
  readonly from?: string;
  readonly ackWait?: string;
  readonly maxDeliver?: number;
}

export const consumers: Command<Flags> = {
  usage: 'consumers <action> [name]',
  summary: 'Consumers: list, create, seek, delete',
  positionals: {
    action: { choices: actions, demandOption: true, describe: 'What to do' },
    name: { type: 'string', describe: 'The consumer' },
  },
  flags: {
    query: { type: 'string', alias: 'q', describe: 'create: which rows, in the search language', requiresArg: true },
    from: { type: 'string', describe: 'create, seek: beginning, end, id:N or a time (-24h)', requiresArg: true },
    ackWait: { type: 'string', describe: 'create: how long a batch is leased (60s)', requiresArg: true },
    maxDeliver: { type: 'number', describe: 'create: deliveries before a batch is parked (5)', requiresArg: true },
  },
  examples: [
    [`regression consumers create nightly --query 'severity:>=error' --from -24h`, 'for an AI batch job'],
    ['regression consumers list', 'where each stands and how far behind it is'],
    ['regression consumers seek nightly --from beginning', 'all over again'],
  ],
  async run({ action, name = '', query, from, ackWait, maxDeliver, ...flags }, surroundings) {
    const { stdout } = surroundings;
    if (action !== 'list' && name === '') missing('the name of the consumer', action);
    if (action === 'seek' && from === undefined) missing('--from', action);
    const endpoint = await openEndpoint({ command: 'consumers', mayCreate: action === 'create' }, flags, surroundings);
    const { client } = endpoint;
    try {
      const found = await {
        list: () => client.consumers(),
        create: async () => [
          await client.createConsumer(name, {
            ...(query === undefined ? {} : { q: query }),
            ...(from === undefined ? {} : { from }),
            ...(ackWait === undefined ? {} : { ack_wait: ackWait }),
            ...(maxDeliver === undefined ? {} : { max_deliver: maxDeliver }),
          }),
        ],
        seek: async () => [await client.seek(name, from ?? '')],
        delete: async () => [await client.removeConsumer(name)],
      }[action]();
      if (flags.json) for (const consumer of found) stdout.write(`${JSON.stringify(consumer)}\n`);
      else
        stdout.write(
          tableText(['consumer', 'owner', 'position', 'lag', 'out', 'acked', 'parked', 'lost'], found.map(cellsOf)),
        );
    } finally {
      await endpoint.close();
    }
  },
};

function cellsOf(consumer: Consumer): unknown[] {
  const { name, owner, position, lag, batch, acked_rows: acked, parked_batches: parked, lost_ids: lost } = consumer;
  return [name, owner, position, lag, batch === null ? 0 : batch.rows, acked, parked, lost];
}

function missing(what: string, action: string): never {
  throw new RegressionError('USAGE', `${what} is missing`, { hint: `See regression consumers --help for ${action}.` });
}
