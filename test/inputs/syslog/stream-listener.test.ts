/** Syslog over TCP, TLS and Unix stream sockets, as its senders see it. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { type Socket, connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { test, type Test } from 'tap';
import { syslogOptions } from '../../../src/inputs/syslog/options.ts';
import { SyslogInput } from '../../../src/inputs/syslog/syslog-input.ts';
import { makeCertificates } from '../../certificates.ts';
import { tempDir } from '../../temp-dir.ts';
import { RecordingContext } from '../recording-context.ts';

async function listen(t: Test, context: RecordingContext, options: Record<string, unknown> = {}): Promise<SyslogInput> {
  const input = new SyslogInput(syslogOptions.parse({ listen: 'tcp://127.0.0.1:0', ...options }), context);
  t.teardown(() => input.stop());
  await input.start();
  return input;
}

async function dial(t: Test, port: number, host = '127.0.0.1'): Promise<Socket> {
  const socket = connect(port, host);
  socket.on('error', () => undefined);
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

void test('each connection has the framing it begins with; the peer is metadata', async (t) => {
  const context = new RecordingContext();
  const input = await listen(t, context);
  (await dial(t, input.port)).end('7 <13>one12 <13>two\nmore');
  await context.untilLines(2);
  (await dial(t, input.port)).end('<13>three\n<13>four');
  await context.untilLines(4);

  t.strictSame(context.texts, ['<13>one', '<13>two\nmore', '<13>three', '<13>four']);
  t.ok(context.lines.every(({ metadata }) => metadata?.[0]?.join('=') === 'peer=127.0.0.1'));
  t.match(context.opened[0], { source: 'tcp://127.0.0.1:0', format: 'syslog' });
});

void test('IPv6 senders, and IPv4 senders of a dual-stack address under their own name', async (t) => {
  const context = new RecordingContext();
  const input = await listen(t, context, { listen: 'tcp://[::]:0' });
  (await dial(t, input.port, '::1')).end('<13>six\n');
  await context.untilLines(1);
  (await dial(t, input.port)).end('<13>four\n');
  await context.untilLines(2);

  t.match(context.lines, [{ metadata: [['peer', '::1']] }, { metadata: [['peer', '127.0.0.1']] }]);
});

void test('a sender is made to wait while the store stalls, and nothing is lost (F64)', async (t) => {
  const context = new RecordingContext();
  const release = context.hold();
  const input = await listen(t, context);
  const sender = await dial(t, input.port);
  const message = `<13>${'x'.repeat(1000)}\n`;
  let sent = 0;
  while (sender.write(message.repeat(100)) || sender.writableLength < 1_000_000) {
    sent += 100;
    await new Promise(setImmediate);
  }
  sent += 100;
  const readWhileHeld = await context.count('input_bytes_total');
  t.ok(readWhileHeld < 1_000_000, `read ${readWhileHeld} of ${sent * message.length} bytes`);
  release();
  sender.end();
  await context.untilLines(sent);

  t.equal(context.lines.length, sent);
});

void test('an idle connection is closed, a counter tells how many are open (F63)', async (t) => {
  const context = new RecordingContext();
  const input = await listen(t, context, { idle_timeout: '1s' });
  const sender = await dial(t, input.port);
  sender.write('<13>half a mess');
  await context.until('input_bytes_total', (value) => value > 0);
  sender.resume();
  context.clock.advance(1000);
  await once(sender, 'close');
  await context.untilLines(1);

  t.strictSame(context.texts, ['<13>half a mess'], 'what it had sent is kept');
  t.equal(await context.count('syslog_connections'), 0);
});

void test('a connection that waits for the store is not idle, however long it waits; idle time begins when its bytes are taken (F63, F64)', async (t) => {
  const context = new RecordingContext();
  const release = context.hold();
  const input = await listen(t, context, { idle_timeout: '1s' });
  const waiting = await dial(t, input.port);
  const silent = await dial(t, input.port);
  await context.until('syslog_connections', (value) => value === 2);
  waiting.write('<13>one\n');
  await context.until('input_lines_total', (value) => value === 1);
  silent.resume();

  context.clock.advance(1000);
  await once(silent, 'close');
  context.clock.advance(3_600_000);
  waiting.write('<13>two\n');
  release();
  await context.untilLines(2);
  t.strictSame(context.texts, ['<13>one', '<13>two']);
  t.equal(await context.count('syslog_connections'), 1);

  waiting.resume();
  await context.until('input_bytes_total', (value) => value === 16);
  await new Promise(setImmediate);
  context.clock.advance(1000);
  await once(waiting, 'close');
  t.pass('it is closed once it is idle');
});

void test('connections beyond max_connections are closed, counted and said; the others go on (F63)', async (t) => {
  const context = new RecordingContext();
  const input = await listen(t, context, { max_connections: 2 });
  const first = await dial(t, input.port);
  const second = await dial(t, input.port);
  await context.until('syslog_connections', (value) => value >= 2);
  const third = await dial(t, input.port);
  third.resume();
  await once(third, 'close');
  first.write('<13>a\n');
  second.write('<13>b\n');
  await context.untilLines(2);

  t.equal(await context.count('syslog_connections_closed_total'), 1);
  t.match(context.warnings, [/max_connections/]);
});

void test('the unfinished messages of all connections are bounded together (F63)', async (t) => {
  const context = new RecordingContext();
  const input = await listen(t, context, { queue_bytes: '256KiB', max_message_bytes: '64KiB' });
  const part = `<13>${'x'.repeat(60_000)}`;
  const senders: Socket[] = [];
  while ((await context.count('syslog_connections_closed_total')) === 0 && senders.length < 20) {
    const sender = await dial(t, input.port);
    senders.push(sender);
    const before = await context.count('input_bytes_total');
    sender.write(part);
    await context.until('input_bytes_total', (value) => value >= before + part.length);
    await new Promise(setImmediate);
  }
  await context.untilLines(1);

  t.ok(senders.length >= 4 && senders.length <= 6, `closed one of ${senders.length}`);
  t.equal(context.texts[0], part, 'its text is kept');
});

void test('a sender that counts wrongly is closed; its text is kept and marked (F62)', async (t) => {
  const context = new RecordingContext();
  const input = await listen(t, context);
  const sender = await dial(t, input.port);
  sender.resume();
  sender.write('6 <13>abcdef 9 <0>forged');
  await once(sender, 'close');
  await context.untilLines(2);

  t.strictSame(context.texts, ['<13>ab', 'cdef 9 <0>forged']);
  t.strictSame(context.lines[1]?.metadata?.at(-1), ['framing', 'broken']);
});

void test('a reset connection leaves what it had sent (F63)', async (t) => {
  const context = new RecordingContext();
  const input = await listen(t, context);
  const sender = await dial(t, input.port);
  sender.write('<13>a\n<13>b\n');
  await context.untilLines(2);
  sender.resetAndDestroy();
  await context.until('syslog_connections', (value) => value === 0);

  t.strictSame(context.texts, ['<13>a', '<13>b']);
});

void test('a connection whose sender says nothing is probed: a host without power is found out (F63)', async (t) => {
  const context = new RecordingContext();
  const input = await listen(t, context);
  await dial(t, input.port);
  await context.until('syslog_connections', (open) => open === 1);
  const port = input.port.toString(16).toUpperCase().padStart(4, '0');
  const ours = new RegExp(`^ *\\d+: 0100007F:${port} 0100007F:\\w+ 01 \\S+ (\\d\\d):`, 'm');

  t.equal(ours.exec(readFileSync('/proc/net/tcp', 'latin1'))?.[1], '02', 'the timer of keep-alive runs (proc(5))');
});

const notRoot = process.getuid?.() !== 0 && 'needs root';
void test(
  'a half-open connection is closed when it was idle too long; what came is kept (F63)',
  { skip: notRoot },
  async (t) => {
    const context = new RecordingContext();
    const input = await listen(t, context, { idle_timeout: '1s' });
    const sender = spawn('python3', ['-c', vanishing, String(input.port)]);
    t.strictSame(await once(sender, 'close'), [0, null]);
    await context.untilLines(1);
    await context.until('syslog_connections', (open) => open === 0);

    t.strictSame(context.texts, ['<13>half a mess']);
  },
);

/** Sends half a message and goes as a host that loses power does: a socket closed in TCP_REPAIR mode (19) sends neither FIN nor RST. */
const vanishing = `import socket, sys
sender = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
sender.sendall(b'<13>half a mess')
sender.setsockopt(socket.IPPROTO_TCP, 19, 1)
sender.close()`;

/** What a process must be allowed to open for 10,000 connections; root may allow it. */
const neededFiles = 12_000;
const maxOpenFiles = (): number =>
  Number(/^Max open files +\d+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
if (maxOpenFiles() < neededFiles)
  spawnSync('prlimit', [`--pid=${process.pid}`, `--nofile=${neededFiles}:${neededFiles}`]);
const tooFewFiles = maxOpenFiles() < neededFiles && `only ${maxOpenFiles()} files may be open here`;
void test(
  '10,000 idle connections cost little memory, do not disturb a busy one, and are closed by a stop (F63)',
  { skip: tooFewFiles },
  async (t) => {
    const context = new RecordingContext();
    const input = await listen(t, context);
    const before = process.memoryUsage().rss;
    const idle = 10_000;
    const child = spawn('python3', ['-c', idleConnections, String(input.port), String(idle)]);
    t.teardown(() => child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    await context.until('syslog_connections', (open) => open === idle);
    const kibibytesEach = Math.round((process.memoryUsage().rss - before) / idle / 1024);
    t.ok(kibibytesEach < 48, `${kibibytesEach} KiB each`);
    const sender = await dial(t, input.port);
    sender.end('<13>busy\n'.repeat(1000));
    await context.untilLines(1000);
    await input.stop();

    t.equal(await context.count('syslog_connections'), 0);
  },
);

/** Opens so many connections, says so, and sends nothing. */
const idleConnections = `import socket, sys
port, count = int(sys.argv[1]), int(sys.argv[2])
connections = [socket.create_connection(('127.0.0.1', port)) for index in range(count)]
print('open', flush=True)
sys.stdin.read()`;

void test('a Unix stream socket takes NUL and newline, is open to all, and a stale one is succeeded', async (t) => {
  const path = join(await tempDir(t), 'log');
  const context = new RecordingContext();
  const input = await listen(t, context, { listen: `unix://${path}` });
  t.equal((await stat(path)).mode & 0o777, 0o666);
  const sender = connect(path);
  sender.end('<13>one\0<13>two\n');
  await context.untilLines(2);
  await t.rejects(listen(t, new RecordingContext(), { listen: `unix://${path}` }), { code: 'INPUT_UNAVAILABLE' });
  await input.stop();

  t.strictSame(context.texts, ['<13>one', '<13>two']);
  t.strictSame(context.lines[0]?.metadata, []);
  await listen(t, context, { listen: `unix://${path}` });
});

void test('TLS: messages of a client that checks us; with its own certificate its name is metadata (RFC 5425)', async (t) => {
  const files = await makeCertificates(t);
  const context = new RecordingContext();
  const tls = { cert: files.cert, key: files.key, ca: files.ca, client_certificate: 'required' };
  const input = await listen(t, context, { listen: 'tls://127.0.0.1:0', tls });
  const ca = await readFile(files.ca);
  const named = connectTls({
    port: input.port,
    host: '127.0.0.1',
    ca,
    cert: await readFile(files.clientCert),
    key: await readFile(files.clientKey),
  });
  named.end('8 <13>safe');
  await context.untilLines(1);
  const unnamed = connectTls({ port: input.port, host: '127.0.0.1', ca });
  unnamed.on('error', () => undefined);
  unnamed.end('<13>refused\n');
  await new Promise((resolve) => unnamed.once('close', resolve));
  (await dial(t, input.port)).end('<13>plain text to a TLS port\n');
  await context.until('input_errors_total', (value) => value >= 2);

  t.strictSame(context.texts, ['<13>safe']);
  t.strictSame(context.lines[0]?.metadata?.slice(0, 2), [
    ['peer', '127.0.0.1'],
    ['peer_certificate', 'app-7'],
  ]);
});

void test('TLS without files, or with files that do not belong together, is refused with a hint', async (t) => {
  const files = await makeCertificates(t);
  const refuse = async (tls: unknown): Promise<void> => {
    const listening = listen(t, new RecordingContext(), { listen: 'tls://127.0.0.1:0', tls });
    await t.rejects(listening, { code: 'CONFIG_INVALID', hint: /tls/ });
  };

  await refuse(undefined);
  await refuse({ cert: files.cert, key: '/nowhere' });
  await refuse({ cert: files.cert, key: files.clientKey });
  await refuse({ cert: files.cert, key: files.key, client_certificate: 'required' });
});
