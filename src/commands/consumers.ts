/** `regression consumers`: named readers with a place of their own. */
import type { Consumer, RegressionClient } from '../client/client.ts';
import { RegressionError } from '../runtime/errors.ts';
import type { Command, CommonFlags, Surroundings } from './command.ts';
import { openEndpoint } from './endpoint.ts';
import { tableText } from './table.ts';
import { wholeNumber } from './whole-number.ts';

const actions = ['list', 'create', 'pull', 'ack', 'seek', 'delete'] as const;

interface Flags {
  readonly action: (typeof actions)[number];
  readonly name?: string;
  readonly query?: string;
  readonly from?: string;
  readonly ackWait?: string;
  readonly maxDeliver?: number;
  readonly view: 'rows' | 'digest';
  readonly maxRows?: number;
  readonly tokens?: number;
  readonly batch?: string;
}

export const consumers: Command<Flags> = {
  usage: 'consumers <action> [name]',
  summary: 'Consumers: list, create, pull, ack, seek, delete',
  positionals: {
    action: { choices: actions, demandOption: true, describe: 'What to do' },
    name: { type: 'string', describe: 'The consumer' },
  },
  flags: {
    query: { type: 'string', alias: 'q', describe: 'create: which rows, in the search language', requiresArg: true },
    from: { type: 'string', describe: 'create, seek: beginning, end, id:N or a time (-24h)', requiresArg: true },
    ackWait: { type: 'string', describe: 'create: how long a batch is leased (60s)', requiresArg: true },
    maxDeliver: wholeNumber('max-deliver', { describe: 'create: deliveries before a batch is parked (5)' }),
    view: {
      choices: ['rows', 'digest'],
      default: 'rows',
      describe: 'pull: the rows, or what they say',
      requiresArg: true,
    },
    maxRows: wholeNumber('max-rows', { describe: 'pull: rows of the batch (500; of a digest 100000)' }),
    tokens: wholeNumber('tokens', { describe: 'pull: budget of a language model (of a digest 4000)' }),
    batch: { type: 'string', describe: 'ack: the batch that is done with', requiresArg: true },
  },
  examples: [
    [`regression consumers create nightly --query 'severity:>=error' --from -24h`, 'for an AI batch job'],
    ['regression consumers list', 'where each stands and how far behind it is'],
    ['regression consumers pull nightly --view digest', 'what its next batch says; the id to ack is on standard error'],
    ['regression consumers seek nightly --from beginning', 'all over again'],
  ],
  async run({ action, name = '', query, from, ackWait, maxDeliver, batch, ...flags }, surroundings) {
    const { stdout } = surroundings;
    if (action !== 'list' && name === '') missing('the name of the consumer', action);
    if (action === 'seek' && from === undefined) missing('--from', action);
    if (action === 'ack' && batch === undefined) missing('--batch', action);
    const settings = {
      ...(query === undefined ? {} : { q: query }),
      ...(from === undefined ? {} : { from }),
      ...(ackWait === undefined ? {} : { ack_wait: ackWait }),
      ...(maxDeliver === undefined ? {} : { max_deliver: maxDeliver }),
    };
    if (action === 'create') await checkSettings(name, settings);
    const endpoint = await openEndpoint({ command: 'consumers', mayCreate: action === 'create' }, flags, surroundings);
    const { client } = endpoint;
    try {
      if (action === 'pull') return await pull(client, name, flags, surroundings);
      const found = await {
        list: () => client.consumers(),
        create: async () => [await client.createConsumer(name, settings)],
        ack: async () => [await client.ack(name, batch ?? '')],
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

/** Creating may make the data directory: what can be refused is refused before. @throws RegressionError `QUERY_INVALID`. */
async function checkSettings(
  name: string,
  settings: { readonly q?: string; readonly from?: string; readonly ack_wait?: string },
): Promise<void> {
  const { consumerName, consumerSettings } = await import('../query/consumer-schemas.ts');
  const { ackWaitOf, placeOf } = await import('../query/consumer-desk.ts');
  const { checkRequest } = await import('../query/refusal.ts');
  const { parseQuery } = await import('../search/parse-query.ts');
  checkRequest(consumerName, { name });
  checkRequest(consumerSettings, settings);
  if (settings.ack_wait !== undefined) ackWaitOf(settings.ack_wait);
  if (settings.from !== undefined) placeOf(settings.from, Date.now());
  parseQuery(settings.q ?? '', Date.now(), () => ({ kind: 'and', parts: [] }));
}

/** The batch on standard output; what there is to know of it on standard error. */
async function pull(
  client: RegressionClient,
  name: string,
  { view, maxRows, tokens, json }: Pick<Flags, 'view' | 'maxRows' | 'tokens'> & CommonFlags,
  { stdout, stderr, signal }: Surroundings,
): Promise<void> {
  const limits = {
    view,
    ...(maxRows === undefined ? {} : { max_rows: maxRows }),
    ...(tokens === undefined ? {} : { max_tokens: tokens }),
  };
  const pulled = await client.pull(name, limits, signal);
  if (json) stdout.write(`${JSON.stringify(pulled)}\n`);
  else if (pulled.digest !== null) stdout.write(pulled.digest.text);
  else for (const row of pulled.rows) stdout.write(`${JSON.stringify(row)}\n`);
  const { batch, row_count: rows, lag, gap } = pulled;
  if (gap !== null) stderr.write(`regression: rows ${gap.first_id} to ${gap.last_id} had gone to retention\n`);
  if (batch === null) stderr.write('regression: there are no more rows\n');
  else {
    stderr.write(
      `regression: ${rows} rows, ${lag} behind them; when done: regression consumers ack ${name} --batch ${batch}\n`,
    );
  }
}

function cellsOf(consumer: Consumer): unknown[] {
  const { name, owner, position, lag, batch, acked_rows: acked, parked_batches: parked, lost_ids: lost } = consumer;
  return [name, owner, position, lag, batch === null ? 0 : batch.rows, acked, parked, lost];
}

function missing(what: string, action: string): never {
  throw new RegressionError('USAGE', `${what} is missing`, { hint: `See regression consumers --help for ${action}.` });
}
