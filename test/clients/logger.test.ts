/** util-linux's logger: what every script logs with. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { needs, run, start } from './programs.ts';
import { startReceiver } from './receiver.ts';

const to = (port: number, ...more: string[]): string[] => ['-n', '127.0.0.1', '-P', String(port), ...more];
const said = ['-t', 'checkout', '-p', 'local0.err', '--id=4711'];

void test('logger over UDP, RFC 3164 and RFC 5424 with structured data', needs('logger'), async (t) => {
  const { ports, rows } = await startReceiver(t, [{ listen: 'udp://127.0.0.1:0' }]);
  const [port = 0] = ports;
  await run('logger', to(port, '-d', '--rfc3164', ...said, 'the old way'));
  await rows(1);
  await run(
    'logger',
    to(
      port,
      '-d',
      '--rfc5424',
      '--msgid',
      'PAY',
      '--sd-id',
      'order@32473',
      '--sd-param',
      'id="17"',
      ...said,
      'the new way',
    ),
  );
  const [old, structured] = await rows(2);

  t.match(old, {
    severity: 'ERROR',
    application: 'checkout',
    message: 'the old way',
    metadata: { facility: 'local0', procid: '4711', peer: '127.0.0.1' },
  });
  t.match(structured, {
    severity: 'ERROR',
    application: 'checkout',
    message: 'the new way',
    source: 'udp://127.0.0.1:0',
    metadata: { facility: 'local0', procid: '4711', msgid: 'PAY', 'order@32473.id': '17', peer: '127.0.0.1' },
  });
  t.ok(old?.metadata['host'] && structured?.metadata['host'], 'the host is kept');
  const ageMs = Date.now() - Date.parse(structured?.timestamp ?? '');
  t.ok(ageMs >= 0 && ageMs < 60_000, `its time is its own: ${structured?.timestamp}`);
});

void test('logger over TCP, counted and by lines', needs('logger'), async (t) => {
  const { ports, rows } = await startReceiver(t, [{ listen: 'tcp://127.0.0.1:0' }]);
  const [port = 0] = ports;
  await run('logger', to(port, '-T', '--rfc5424', ...said, 'by lines'));
  await rows(1);
  await run('logger', to(port, '-T', '--octet-count', '--rfc5424', ...said, 'counted'));
  await rows(2);
  await run('logger', to(port, '-T', '--rfc3164', ...said, 'old by lines'));

  t.match(await rows(3), [
    { message: 'by lines' },
    { message: 'counted' },
    { message: 'old by lines', application: 'checkout', severity: 'ERROR' },
  ]);
});

for (const kind of ['unix', 'unixgram']) {
  void test(`logger to a socket of ${kind}://, as to /dev/log`, needs('logger'), async (t) => {
    const { directory } = await startReceiver(t);
    const path = join(directory, 'log.sock');
    const { rows } = await startReceiver(t, [{ listen: `${kind}://${path}` }]);
    await run('logger', ['-u', path, ...said, 'to the socket']);

    t.match(await rows(1), [
      { message: 'to the socket', application: 'checkout', severity: 'ERROR', metadata: { procid: '4711' } },
    ]);
  });
}

void test(
  'logger to a Unix datagram socket that socat passes on, as the documentation says',
  needs('socat'),
  async (t) => {
    const { directory, ports, rows } = await startReceiver(t, [{ listen: 'udp://127.0.0.1:0' }]);
    const path = join(directory, 'log');
    start(t, 'socat', [`UNIX-RECV:${path},mode=666`, `UDP-SENDTO:127.0.0.1:${ports[0]}`]);
    while (!existsSync(path)) await new Promise(setImmediate);
    await run('logger', ['-u', path, ...said, 'first']);
    await run('logger', ['-u', path, ...said, 'second']);

    t.match(await rows(2), [
      { message: 'first', application: 'checkout', severity: 'ERROR', metadata: { procid: '4711' } },
      { message: 'second' },
    ]);
  },
);
