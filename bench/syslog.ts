/**
 * Syslog over loopback, RFC 3164, in turn with rsyslog and syslog-ng, which write a plain file; ours parses and commits rows.
 *
 * `node bench/syslog.ts [--transport udp|tcp] [--rate 50000] [--seconds 10] [--buffer 212992] [--rounds 3] [--only regression]
 * [--even]`; rate 0 is flat out. Needs `npm run build`, cc, and the peers from Debian (see .ci/run). Every datagram is accounted for:
 * stored, dropped by the receiver, dropped by the kernel.
 *
 * The buffer is meant as the kernel counts it, its own bookkeeping included: a socket that asks for nothing has 212,992 bytes
 * (net.core.rmem_default), one that asks for n has twice n (socket(7)). All contenders ask for half of `--buffer`.
 *
 * On a busy machine a sender waits for a processor and then sends at once what it owes, more than the default buffer holds. `--even`
 * gives it a real-time priority (needs root), so that what is lost is lost by the receiver.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { interleaved, machineText, spreadOf, spreadText, tableText, usageOf } from './measure.ts';
import { type Transport, contenders } from './receivers.ts';

const { values } = parseArgs({
  options: {
    transport: { type: 'string', default: 'udp' },
    rate: { type: 'string', default: '50000' },
    seconds: { type: 'string', default: '10' },
    buffer: { type: 'string', default: '212992' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    even: { type: 'boolean', default: false },
  },
});
const transport = values.transport as Transport;
const directory = await mkdtemp(join(tmpdir(), 'regression-bench-'));
const messages = join(directory, 'w2a.log');
execFileSync(process.execPath, [join(import.meta.dirname, 'workload.ts'), 'w2a', '100000', messages]);
const sender = join(directory, 'udpsend');
if (transport === 'udp') execFileSync('cc', ['-O2', '-o', sender, join(import.meta.dirname, 'references/udpsend.c')]);

interface Outcome {
  readonly sent: number;
  readonly stored: number;
  /** The receive buffer was full: the receiver was too slow to take them. */
  readonly lostByKernel: number;
  /** Received, and thrown away since the receiver's own queue was full. */
  readonly lostByReceiver: number;
  readonly unaccounted: number;
  readonly perSecond: number;
  readonly cpuSeconds: number;
}

async function measure(name: keyof typeof contenders): Promise<Outcome> {
  const receiver = await contenders[name](transport, Number(values.buffer));
  try {
    const before = usageOf(receiver.pid)?.cpuSeconds ?? 0;
    const startedAtMs = performance.now();
    const sent = transport === 'udp' ? await sendDatagrams(receiver.port) : await sendStream(receiver.port);
    const sendingMs = performance.now() - startedAtMs;
    let lostByKernel = 0;
    let lostByReceiver = 0;
    let stored = 0;
    let settledAtMs = performance.now();
    for (let seen = -1; performance.now() - settledAtMs < 3000; await delay(50)) {
      lostByKernel = await receiver.kernelDrops();
      lostByReceiver = await receiver.dropped();
      stored = await receiver.stored();
      const accounted = stored + lostByKernel + lostByReceiver;
      if (accounted !== seen) settledAtMs = performance.now();
      seen = accounted;
      if (accounted >= sent) break;
    }
    const tookMs = Math.max(settledAtMs - startedAtMs, sendingMs);
    const cpuSeconds = (usageOf(receiver.pid)?.cpuSeconds ?? 0) - before;
    return {
      sent,
      stored,
      lostByKernel,
      lostByReceiver,
      unaccounted: sent - stored - lostByKernel - lostByReceiver,
      perSecond: (stored / tookMs) * 1000,
      cpuSeconds,
    };
  } finally {
    await receiver.stop();
  }
}

async function sendDatagrams(port: number): Promise<number> {
  const [program, ...args] = [...(values.even ? ['chrt', '-f', '50'] : []), sender];
  const child = spawn(program, [...args, messages, String(port), values.seconds, values.rate]);
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  await once(child, 'close');
  return (JSON.parse(said) as { sent: number }).sent;
}

/** As fast as the receiver takes them, by lines. */
async function sendStream(port: number): Promise<number> {
  const text = await readFile(messages);
  const lines = text.toString().split('\n').length - 1;
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  let sent = 0;
  for (const untilMs = performance.now() + Number(values.seconds) * 1000; performance.now() < untilMs; sent += lines) {
    for (let at = 0; at < text.length; at += 65_536) {
      if (!socket.write(text.subarray(at, at + 65_536))) await once(socket, 'drain');
    }
  }
  socket.end();
  await once(socket, 'close');
  return sent;
}

try {
  const names = (Object.keys(contenders) as (keyof typeof contenders)[]).filter(
    (name) => values.only === undefined || name === values.only,
  );
  const runs = Object.fromEntries(names.map((name) => [name, () => measure(name)]));
  const outcomes = await interleaved(Number(values.rounds), runs);
  console.log(
    `syslog, ${transport}, ${values.rate}/s for ${values.seconds} s, buffer ${values.buffer}${values.even ? ', sent evenly' : ''}; ${machineText()}`,
  );
  const rows = names.map((name) => {
    const of = (value: (outcome: Outcome) => number) => spreadOf((outcomes[name] ?? []).map(value));
    return [
      name,
      spreadText(of(({ sent }) => sent)),
      spreadText(of(({ stored }) => stored)),
      spreadText(
        of(({ lostByKernel, sent }) => (lostByKernel / sent) * 100),
        3,
      ),
      spreadText(
        of(({ lostByReceiver, sent }) => (lostByReceiver / sent) * 100),
        3,
      ),
      spreadText(of(({ unaccounted }) => unaccounted)),
      spreadText(of(({ perSecond }) => perSecond)),
      spreadText(of(({ stored, cpuSeconds }) => stored / cpuSeconds)),
    ];
  });
  console.log(
    tableText(
      ['who', 'sent', 'stored', 'lost by the kernel %', 'by its queue %', 'unaccounted', 'stored/s', 'per CPU second'],
      rows,
    ),
  );
} finally {
  await rm(directory, { recursive: true });
}
