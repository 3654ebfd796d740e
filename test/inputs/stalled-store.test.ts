/**
 * A store that stalls, seen from every input at once: who can wait is made to wait, what cannot is dropped and counted, who can come again
 * is told so; and all of them go on when the store does (F64).
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { type Socket, connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { pino } from 'pino';
import { test, type Test } from 'tap';
import { configSchema } from '../../src/config/schema.ts';
import { createFormat } from '../../src/parsers/registry.ts';
import { Ingest } from '../../src/pipeline/ingest.ts';
import { RunningInputs } from '../../src/running-inputs.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { createMetrics } from '../../src/runtime/metrics.ts';
import type { Store } from '../../src/store/store.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { makeCertificates } from '../certificates.ts';
import { authorization, serve } from '../query/serve.ts';
import { tempDir } from '../temp-dir.ts';
import { spawnUnixSender } from './syslog/unix-sender.ts';

const lineBytes = 8000;
const linesOfFile = 300;
/** What a sender of a stream still has when it is taken for one that waits. */
const waitingBytes = 200_000;
const datagrams = 600;

const textOf = (index: number): string => `text ${String(index).padEnd(lineBytes, '.')}`;
const messageOf = (index: number): string => `<13>Nov 24 03:00:00 host app: ${textOf(index)}\n`;

/** A store whose appends wait for `release`; `asked` resolves with the first of them. */
function stalled(store: Store) {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  const append: Store['append'] = async (batch) => {
    ask();
    await released;
    return store.append(batch);
  };
  return { append, release, asked };
}

async function dialed(t: Test, socket: Socket, event = 'connect'): Promise<Socket> {
  t.teardown(() => socket.destroy());
  await once(socket, event);
  return socket;
}

/** Writes messages until the kernel takes no more of them. @returns how many. */
async function writeUntilItWaits(socket: Socket): Promise<number> {
  let count = 0;
  for (let quietRounds = 0; quietRounds < 5;) {
    for (; socket.writableLength < waitingBytes; count++) socket.write(messageOf(count));
    const before = socket.writableLength;
    await delay(2);
    quietRounds = socket.writableLength === before ? quietRounds + 1 : 0;
  }
  return count;
}

void test('while the store stalls, each input waits, counts or says so; then all of them go on (F64)', async (t) => {
  const directory = await tempDir(t);
  const at = (name: string): string => join(directory, name);
  const { ca, cert, key } = await makeCertificates(t);
  await writeFile(at('app.log'), Array.from({ length: linesOfFile }, (_, index) => `${textOf(index)}\n`).join(''));
  const store = new SqliteStore(':memory:');
  const { append, release, asked } = stalled(store);
  const metrics = createMetrics();
  const logger = pino({ level: 'silent' });
  const onFatal = (error: unknown): void => void t.fail(String(error));
  const limits = { maxQueuedBytes: 100_000, rowsPerBatch: 500 };
  const shared = { clock: systemClock, metrics, logger };
  const transform = <Same>(record: Same): Same => record;
  const ingest = new Ingest({
    store: { append },
    createFormat,
    transform,
    defaults: {},
    ...shared,
    ...limits,
    onFatal,
  });
  const { inputs: configs } = configSchema.parse({
    data_dir: directory,
    inputs: [
      {
        type: 'file',
        name: 'file',
        include: [at('app.log')],
        format: 'plain',
        from: 'beginning',
        multiline: { mode: 'off' },
      },
      { type: 'syslog', name: 'udp', listen: 'udp://127.0.0.1:0', queue_bytes: '256KiB' },
      { type: 'syslog', name: 'tcp', listen: 'tcp://127.0.0.1:0' },
      { type: 'syslog', name: 'tls', listen: 'tls://127.0.0.1:0', tls: { cert, key } },
      { type: 'syslog', name: 'unix', listen: `unix://${at('stream')}` },
      { type: 'syslog', name: 'unixgram', listen: `unixgram://${at('datagram')}`, queue_bytes: '256KiB' },
    ],
  });
  const inputs = new RunningInputs({
    ingest,
    context: { ...shared, knownPositions: async () => [], forgetGenerations: async () => undefined, ownPaths: [] },
  });
  t.teardown(async () => {
    release();
    await inputs.stop();
    await ingest.stop();
  });
  const http = await serve(t, {
    store,
    ...shared,
    append: (records) => ingest.commit(records),
    ingest: { ingest, maxBodyBytes: 1_000_000 },
  });

  const portOf = (name: string): number => {
    const describes = inputs.all.find((running) => running.name === name)?.input.describe() ?? '';
    return Number(/:(\d+)$/.exec(describes)?.[1]);
  };
  const counted = async (name: string, input: string): Promise<number> => {
    const values = (await metrics.registry.getSingleMetric(`regression_${name}`)?.get())?.values ?? [];
    return values.filter(({ labels }) => labels['input'] === input).reduce((sum, { value }) => sum + value, 0);
  };
  const until = async (isReached: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await isReached())) await delay(5);
  };
  const post = (message: string) =>
    http.send('POST', '/api/v1/logs', `${JSON.stringify({ message, source: 'http' })}\n`, {
      ...authorization,
      'content-type': 'application/x-ndjson',
    });

  const first = post('first');
  await asked;
  await inputs.start(configs);

  const streams = {
    tcp: await dialed(t, connect(portOf('tcp'), '127.0.0.1')),
    tls: await dialed(
      t,
      connectTls({ port: portOf('tls'), host: '127.0.0.1', servername: 'localhost', ca: await readFile(ca) }),
      'secureConnect',
    ),
    unix: await dialed(t, connect(at('stream'))),
  };
  const udp = createSocket('udp4');
  t.teardown(() => udp.close());
  const sent = new Map([['file', linesOfFile]]);
  for (const [name, socket] of Object.entries(streams)) sent.set(name, await writeUntilItWaits(socket));
  const unixgram = spawnUnixSender(at('datagram'), datagrams);
  const unixgramEnded = once(unixgram, 'close');
  await once(unixgram.stdout, 'data'); // it waits
  const sendDatagram = (text: string): Promise<void> =>
    new Promise((resolve) => udp.send(text.padEnd(1000), portOf('udp'), '127.0.0.1', () => resolve()));
  for (let index = 0; index < datagrams; index++) await sendDatagram(`<13>Nov 24 03:00:00 host app: ${index}`);
  await until(async () => (await counted('input_dropped_total', 'udp')) > 0 && ingest.isBehind);

  const refused = await post('refused');
  t.equal(refused.status, 429);
  t.match(refused.json, { code: 'STORE_BEHIND' });
  t.equal(refused.headers.get('retry-after'), '1');
  for (const [name, socket] of Object.entries(streams)) {
    t.ok(socket.writableLength > 0, `${name}: its sender waits`);
    t.ok((await counted('input_bytes_total', name)) < (sent.get(name) ?? 0) * lineBytes, `${name}: not all is read`);
  }
  t.ok((await counted('input_bytes_total', 'file')) < linesOfFile * lineBytes, 'not all of the file is read');
  t.equal(unixgram.exitCode, null, 'the sender of datagrams over a Unix socket waits');

  release();
  t.equal((await first).status, 200);
  t.strictSame(await unixgramEnded, [0, null]);
  await until(() => Object.values(streams).every(({ writableLength }) => writableLength === 0) && !ingest.isBehind);
  const rowsOf = async (source: string): Promise<string[]> => {
    const { ndjson } = await store.search({ filter: { source }, order: 'arrival', limit: 5000 });
    if (ndjson === '') return [];
    return ndjson
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { message: string }).message);
  };
  const dropped = (): Promise<number> => counted('input_dropped_total', 'udp');
  await until(async () => (await rowsOf('udp://127.0.0.1:0')).length + (await dropped()) === datagrams);

  await appendFile(at('app.log'), 'fresh\n');
  for (const socket of Object.values(streams)) socket.write('<13>Nov 24 03:00:01 host app: fresh\n');
  await sendDatagram('<13>Nov 24 03:00:01 host app: fresh');
  await until(async () => (await post('fresh')).status === 200);

  for (const { name, input } of inputs.all.filter(({ name: kind }) => kind in streams || kind === 'file')) {
    const source =
      name === 'file' ? at('app.log') : name === 'unix' ? `unix://${at('stream')}` : `${name}://127.0.0.1:0`;
    await until(async () => (await rowsOf(source)).at(-1) === 'fresh');
    const texts = (await rowsOf(source)).map((message) => message.replace(/\.+$/, ''));
    const everything = [...Array.from({ length: sent.get(name) ?? 0 }, (_, index) => `text ${index}`), 'fresh'];
    t.ok(isDeepStrictEqual(texts, everything), `${input.describe()}: each line once, in order`);
  }
  await until(async () => (await rowsOf('udp://127.0.0.1:0')).at(-1)?.trimEnd() === 'fresh');
  const received = await rowsOf('udp://127.0.0.1:0');
  t.equal(received.length + (await dropped()), datagrams + 1, 'UDP: stored + dropped = sent');
  t.equal(new Set(received).size, received.length);
  const overUnixSocket = async (): Promise<number> => (await rowsOf(`unixgram://${at('datagram')}`)).length;
  await until(async () => (await overUnixSocket()) >= datagrams);
  t.equal(await overUnixSocket(), datagrams, 'none is lost over a Unix socket');
  t.strictSame(
    (await rowsOf('http')).filter((message) => message !== 'fresh'),
    ['first'],
    'what was refused is not stored',
  );
});
