/** F52: an upstream has stored the rows, and its answer is lost on the way: each row is there once where it can tell what comes again. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { type Test, test } from 'tap';
import type { SinkType } from '../../src/sinks/registry.ts';
import { needs } from '../clients/programs.ts';
import { configured, forwarding } from '../pipeline/forward/forwarding.ts';
import { someRecords } from '../records.ts';
import { startClickhouse } from '../servers/clickhouse.ts';
import { needsPostgres, startPostgres } from '../servers/postgres.ts';
import { startDaemon } from '../start-daemon.ts';
import { tempDir } from '../temp-dir.ts';

const timeout = 390_000;
const rows = 50;
const lostAnswers = 3;
const messages = someRecords(rows).map(({ message }) => message);

/** Passes everything on, and breaks the connection instead of the first answers that say yes. */
async function lossyProxy(t: Test, to: number, saysYes: RegExp) {
  let lost = 0;
  const server = createServer((client) => {
    const upstream = connect(to, '127.0.0.1');
    const end = (): void => void (client.destroy(), upstream.destroy());
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
    client.on('data', (chunk) => upstream.write(chunk));
    upstream.on('data', (chunk) => {
      if (lost === lostAnswers || !saysYes.test(chunk.toString('latin1'))) return client.write(chunk);
      lost++;
      return end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { port: (server.address() as AddressInfo).port, lost: () => lost };
}

async function forwardThrough(
  t: Test,
  type: SinkType,
  { url: to, saysYes }: { readonly url: string; readonly saysYes: RegExp },
  options: Record<string, unknown>,
  env: Record<string, string> = {},
) {
  const url = new URL(to);
  const proxy = await lossyProxy(t, Number(url.port), saysYes);
  url.port = String(proxy.port);
  const sink = configured(type, { url: url.toString(), batch_rows: 10, ...options });
  const { until } = await forwarding(t, [sink], { records: someRecords(rows), env });
  t.match(await until(({ position }) => position === rows), { deliveredRows: rows, deadLetters: 0 });
  t.equal(proxy.lost(), lostAnswers);
}

const httpYes = /^HTTP\/1\.1 2/;

void test('F52: another Regression has each row once, though answers were lost', async (t) => {
  const daemon = await startDaemon(t, await tempDir(t));
  const auth = { type: 'bearer', token: { env: 'TOKEN' } };
  await forwardThrough(t, 'regression', { url: daemon.url, saysYes: httpYes }, { auth }, { TOKEN: daemon.token });

  const page = await daemon.client.logs({ order: 'arrival', limit: 2 * rows });
  t.same(
    page.rows.map(({ message }) => message),
    messages,
  );
});

void test(
  'F52: PostgreSQL has each row once, though commits were not confirmed',
  { timeout, ...needsPostgres() },
  async (t) => {
    const server = await startPostgres(t);
    // The tag of the last COPY, and that the server is ready: the transaction has been committed.
    await forwardThrough(t, 'postgres', { url: server.url, saysYes: /COPY \d+.Z/ }, { create_tables: true });

    const stored = await server.query<{ message: string }>('SELECT message FROM logs ORDER BY id');
    t.same(
      stored.map(({ message }) => message),
      messages,
    );
  },
);

void test(
  'F52: ClickHouse has each row once, though answers were lost',
  { timeout, ...needs('clickhouse-server') },
  async (t) => {
    const server = await startClickhouse(t);
    await forwardThrough(t, 'clickhouse', { url: server.url, saysYes: httpYes }, { create_tables: true });

    const stored = await server.query('SELECT message FROM logs FINAL ORDER BY id');
    t.same(stored.split('\n'), messages);
  },
);
