import { type Socket, createSocket } from 'node:dgram';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type Test } from 'tap';
import { syslogOptions } from '../../../src/inputs/syslog/options.ts';
import { SyslogInput } from '../../../src/inputs/syslog/syslog-input.ts';
import { seededRandom } from '../../random.ts';
import { tempDir } from '../../temp-dir.ts';
import { RecordingContext } from '../recording-context.ts';
import { spawnUnixSender } from './unix-sender.ts';

async function listen(t: Test, context: RecordingContext, options: Record<string, unknown> = {}): Promise<SyslogInput> {
  const input = new SyslogInput(syslogOptions.parse({ listen: 'udp://127.0.0.1:0', ...options }), context);
  t.teardown(() => input.stop());
  await input.start();
  return input;
}

/** Sends each datagram and waits until the kernel has it: on loopback it is then in the receiver's buffer. */
async function send(
  socket: Socket,
  port: number,
  address: string,
  datagrams: readonly (string | Buffer)[],
): Promise<void> {
  for (const datagram of datagrams) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.send(datagram, port, address, (error) => (error === null ? resolve() : reject(error)));
    await promise;
  }
}

async function sender(t: Test, type: 'udp4' | 'udp6' = 'udp4'): Promise<Socket> {
  const socket = createSocket(type);
  socket.bind(0);
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  return socket;
}

async function untilTotal(context: RecordingContext, bytes: number): Promise<void> {
  await context.until('input_bytes_total', (total) => total >= bytes);
}

void test('a datagram is one entry, with its sender, without the newline or NUL some senders add', async (t) => {
  const context = new RecordingContext();
  const input = await listen(t, context);
  const datagrams = ['<13>a', '<13>b\n', '<13>c\0', '<13>two\nlines\r\n'];
  await send(await sender(t), input.port, '127.0.0.1', datagrams);
  await untilTotal(context, datagrams.join('').length);
  await input.stop();

  t.strictSame(context.texts, ['<13>a', '<13>b', '<13>c', '<13>two\nlines']);
  t.ok(context.lines.every(({ metadata }) => metadata?.[0]?.join('=') === 'peer=127.0.0.1'));
  t.match(context.opened, [{ source: 'udp://127.0.0.1:0', format: 'syslog' }]);
});

void test('IPv6 is an address like any other', async (t) => {
  const context = new RecordingContext();
  const input = await listen(t, context, { listen: 'udp://[::1]:0' });
  await send(await sender(t, 'udp6'), input.port, '::1', ['<13>six']);
  await untilTotal(context, 7);
  await input.stop();

  t.match(context.lines, [{ text: '<13>six', metadata: [['peer', '::1']] }]);
});

void test('the longest and the emptiest datagram, and bytes that are no text (F61)', async (t) => {
  const context = new RecordingContext();
  const input = await listen(t, context);
  const bytes = Buffer.from([0x3c, 0x31, 0x3e, 0xff, 0xfe]);
  await send(await sender(t), input.port, '127.0.0.1', ['', 'x'.repeat(65_507), bytes]);
  await untilTotal(context, 65_507 + bytes.length);
  await input.stop();

  t.strictSame(
    context.texts.map(({ length }) => length),
    [65_507, 5],
  );
  t.strictSame(context.lines[1]?.metadata?.[1], ['raw_base64', bytes.toString('base64')]);
  t.equal(await context.count('input_dropped_total'), 1, 'the empty one is counted');
});

void test('a datagram longer than is kept is cut, marked and counted; the next is whole (F61)', async (t) => {
  const context = new RecordingContext();
  const input = await listen(t, context, { max_message_bytes: '480' });
  await send(await sender(t), input.port, '127.0.0.1', ['x'.repeat(480), `${'y'.repeat(480)}\n`, 'z'.repeat(481), 'a']);
  await untilTotal(context, 480 + 481 + 481 + 1);
  await input.stop();

  t.strictSame(
    context.lines.map(({ text, metadata }) => [text[0], text.length, metadata?.[1]]),
    [
      ['x', 480, undefined],
      ['y', 480, undefined],
      ['z', 480, ['truncated', 'true']],
      ['a', 1, undefined],
    ],
  );
  t.equal(await context.count('input_truncated_lines_total'), 1);
});

void test('a Unix datagram beyond 64 KiB is cut, marked and counted; one just below is whole (F61)', async (t) => {
  const path = join(await tempDir(t), 'log');
  const context = new RecordingContext();
  const input = await listen(t, context, { listen: `unixgram://${path}` });
  const program = `import socket, sys
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sender.connect(sys.argv[1])
for letter, length in ((b'a', 65535), (b'b', 65536), (b'c', 150000), (b'd', 1)): sender.send(letter * length)`;
  t.strictSame(await once(spawn('python3', ['-c', program, path]), 'close'), [0, null]);
  await untilTotal(context, 3 * 65_535 + 1);
  await input.stop();

  t.strictSame(
    context.lines.map(({ text, metadata }) => [text[0], text.length, metadata?.[0]]),
    [
      ['a', 65_535, undefined],
      ['b', 65_535, ['truncated', 'true']],
      ['c', 65_535, ['truncated', 'true']],
      ['d', 1, undefined],
    ],
  );
  t.equal(await context.count('input_truncated_lines_total'), 2);
});

void test('a message may claim any host: who sent it is known by its address (F61)', async (t) => {
  const context = new RecordingContext();
  const input = await listen(t, context);
  for (const address of ['127.0.0.7', '127.0.0.1', '127.0.0.7']) {
    const socket = createSocket('udp4').bind(0, address);
    await once(socket, 'listening');
    await send(socket, input.port, '127.0.0.1', ['<13>Oct 11 22:14:15 db1 su: peer=10.0.0.1']);
    socket.close();
  }
  await untilTotal(context, 3 * 41);
  await input.stop();

  t.strictSame(
    context.lines.map(({ metadata }) => metadata),
    [[['peer', '127.0.0.7']], [['peer', '127.0.0.1']], [['peer', '127.0.0.7']]],
  );
});

void test('what the pipeline does not take is dropped beyond the bound, and every drop counted (F64)', async (t) => {
  const context = new RecordingContext();
  const release = context.hold();
  const input = await listen(t, context, { queue_bytes: '256KiB' });
  const datagrams = Array.from({ length: 800 }, (_, index) => `<13>${String(index).padEnd(996)}`);
  await send(await sender(t), input.port, '127.0.0.1', datagrams);
  await context.until('input_dropped_total', (dropped) => dropped > 0);
  release();
  await input.stop();

  t.equal(
    context.lines.length + (await context.count('input_dropped_total')),
    datagrams.length,
    'sent = stored + dropped',
  );
  t.match(context.warnings, [/its queue is full/]);
});

void test('a Unix datagram socket makes its senders wait instead of dropping, and only its owner removes it (F64)', async (t) => {
  const path = join(await tempDir(t), 'log');
  const context = new RecordingContext();
  const release = context.hold();
  const input = await listen(t, context, { listen: `unixgram://${path}`, queue_bytes: '256KiB', socket_mode: '0600' });
  const count = 2000;
  const child = spawnUnixSender(path, count);
  const ended = once(child, 'close');
  t.equal((await stat(path)).mode & 0o777, 0o600);
  await t.rejects(listen(t, new RecordingContext(), { listen: `unixgram://${path}` }), { code: 'INPUT_UNAVAILABLE' });
  await once(child.stdout, 'data'); // the sender waits: queue and kernel are full
  release();
  t.strictSame(await ended, [0, null]);
  await untilTotal(context, count * 1000);
  await input.stop();

  t.equal(context.lines.length, count);
  t.equal(await context.count('input_dropped_total'), 0);
  t.ok(context.lines.every(({ metadata }) => metadata === undefined || metadata.length === 0));
  await t.rejects(stat(path), { code: 'ENOENT' });
});

void test('a Unix datagram socket that a killed process left is replaced', async (t) => {
  const path = join(await tempDir(t), 'log');
  const left = spawn('python3', ['-c', 'import socket,sys; socket.socket(1,2).bind(sys.argv[1])', path]);
  await once(left, 'close');
  const input = await listen(t, new RecordingContext(), { listen: `unixgram://${path}` });

  t.equal(input.describe(), `syslog on unixgram://${path}`);
});

void test('an address in use is refused with a hint', async (t) => {
  const context = new RecordingContext();
  const first = await listen(t, context);

  await t.rejects(listen(t, context, { listen: `udp://127.0.0.1:${first.port}` }), {
    code: 'INPUT_UNAVAILABLE',
    hint: /stop it, or change inputs/,
  });
});

void test('of a burst of 50,000 datagrams, half of them while the receiver stands still, every one is stored or counted (F60)', async (t) => {
  const context = new RecordingContext();
  const input = await listen(t, context, { receive_buffer_bytes: '104KiB' }); // what the kernel gives by default
  const child = spawn('python3', ['-c', burst, String(input.port), '50000'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  t.strictSame(await once(child, 'close'), [0, null]);
  await input.stop();

  const dropped = await context.count('input_dropped_total');
  t.ok(dropped > 0, `the kernel dropped ${dropped}`);
  t.equal(context.lines.length + dropped, 50_000, 'received + dropped = sent, to the datagram');
  t.equal(new Set(context.texts).size, context.lines.length, 'none twice');
  t.match(context.warnings, [/the kernel drops datagrams/]);
});

/** Sends datagrams as fast as it can; before the second half it stops its parent, the receiver, for half a second. */
const burst = `import os, signal, socket, sys, time
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.connect(('127.0.0.1', int(sys.argv[1])))
count = int(sys.argv[2])
for index in range(count // 2): sender.send(b'<13>burst %d' % index)
os.kill(os.getppid(), signal.SIGSTOP)
try:
  for index in range(count // 2, count): sender.send(b'<13>burst %d' % index)
  time.sleep(0.5)
finally: os.kill(os.getppid(), signal.SIGCONT)`;

for (const kind of ['unix', 'unixgram']) {
  void test(`a file that is no socket stays where a ${kind} socket was to be made`, async (t) => {
    const path = join(await tempDir(t), 'notes.txt');
    await writeFile(path, 'mine');
    const failed = listen(t, new RecordingContext(), { listen: `${kind}://${path}` });

    await t.rejects(failed, { code: 'INPUT_UNAVAILABLE', message: /EADDRINUSE/ });
    t.equal(await readFile(path, 'utf8'), 'mine');
  });
}

void test('a main thread that is busy for half a second loses nothing (F69)', async (t) => {
  const context = new RecordingContext();
  const input = await listen(t, context);
  const child = spawn(process.execPath, ['-e', paced(input.port, 5000)]);
  await once(child.stdout, 'data');
  const untilMs = performance.now() + 500;
  while (performance.now() < untilMs) Math.random(); // the event loop stands still
  await once(child, 'close');
  await input.stop();

  t.equal(context.lines.length + (await context.count('input_dropped_total')), 5000);
  t.equal(await context.count('input_dropped_total'), 0);
});

/** A program that sends `count` datagrams, ten a millisecond, and says when it begins. */
function paced(port: number, count: number): string {
  return `const socket = require('node:dgram').createSocket('udp4');
    let sent = 0;
    console.log('begins');
    const timer = setInterval(() => {
      for (let index = 0; index < 10; index++) socket.send('<13>paced ' + sent++, ${port}, '127.0.0.1');
      if (sent >= ${count}) { clearInterval(timer); setTimeout(() => socket.close(), 100); }
    }, 1);`;
}

void test('datagrams of random bytes are each one entry, and nothing breaks (F61)', async (t) => {
  const context = new RecordingContext();
  const input = await listen(t, context);
  const socket = await sender(t);
  const random = seededRandom(t);
  const datagrams = Array.from({ length: 500 }, () => {
    const bytes = Buffer.from(Array.from({ length: random.integer(1, 300) }, () => random.integer(0, 255)));
    return Buffer.concat([Buffer.from(random.chance(0.5) ? '<13>1 ' : '<'), bytes, Buffer.from('.')]);
  });
  let bytes = 0;
  for (const datagram of datagrams) {
    await send(socket, input.port, '127.0.0.1', [datagram]);
    bytes += datagram.length;
  }
  await untilTotal(context, bytes);
  await input.stop();
  const kept = context.lines.map(({ text, metadata }) => {
    const raw = metadata?.find(([type]) => type === 'raw_base64')?.[1];
    return raw === undefined ? Buffer.from(text) : Buffer.from(raw, 'base64');
  });

  t.strictSame(kept, datagrams, 'byte for byte');
});

void test('listening addresses that are none are refused by the options', async (t) => {
  const refused = ['127.0.0.1:514', 'http://127.0.0.1:514', 'udp://host', 'udp://:514', 'tcp://[::1]', 'tcp://h:70000'];
  for (const listen of [...refused, 'unix://relative', `unix:///${'x'.repeat(107)}`]) {
    t.notOk(syslogOptions.safeParse({ listen }).success, listen);
  }
});
