/**
 * Rows taken over HTTP, answered when they are on disk: NDJSON and OTLP in JSON and protobuf, in requests of 1,000 entries, four at a
 * time, beside a server that parses NDJSON and stores nothing. `node bench/http-ingest.ts [--seconds 5] [--rounds 3]`; needs `npm run build`.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { interleaved, machineText, spreadOf, spreadText, tableText, usageOf } from './measure.ts';
import { contenders } from './receivers.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '5' }, rounds: { type: 'string', default: '3' } },
});
const entries = 1000;
const atOnce = 4;
const startNanos = 1_764_000_000_000_000_000n;

const attributes = { userId: 'u-1042', path: '/api/cart/items', status: '200', region: 'eu-west-1' };
const texts = Array.from({ length: entries }, (_, index) => `request ${index} took ${index % 97} ms`);

function ndjson(): string {
  return texts
    .map((message, index) => {
      const time = new Date(1_764_000_000_000 + index).toISOString();
      return JSON.stringify({ timestamp: time, severity: 'INFO', application: 'shop', message, metadata: attributes });
    })
    .join('\n');
}

function otlpJson(): string {
  const pairs = Object.entries(attributes).map(([key, value]) => ({ key, value: { stringValue: value } }));
  const logRecords = texts.map((text, index) => ({
    timeUnixNano: String(startNanos + BigInt(index)),
    severityNumber: 9,
    body: { stringValue: text },
    attributes: pairs,
  }));
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] };
  return JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ scope: { name: 'bench' }, logRecords }] }] });
}

function otlpProtobuf(): Uint8Array {
  const writer = new BinaryWriter();
  const message = (field: number, write: () => void): void => {
    writer.tag(field, WireType.LengthDelimited).fork();
    write();
    writer.join();
  };
  const text = (field: number, value: string): void => void writer.tag(field, WireType.LengthDelimited).string(value);
  const pair = (field: number, key: string, value: string): void =>
    message(field, () => {
      text(1, key);
      message(2, () => text(1, value));
    });
  message(1, () => {
    message(1, () => pair(1, 'service.name', 'shop'));
    message(2, () => {
      message(1, () => text(1, 'bench'));
      for (const [index, body] of texts.entries()) {
        message(2, () => {
          writer.tag(1, WireType.Bit64).fixed64(startNanos + BigInt(index));
          writer.tag(2, WireType.Varint).int32(9);
          message(5, () => text(1, body));
          for (const [key, value] of Object.entries(attributes)) pair(6, key, value);
        });
      }
    });
  });
  return writer.finish();
}

const bodies = {
  NDJSON: { path: '/api/v1/logs', type: 'application/x-ndjson', body: ndjson() },
  'OTLP JSON': { path: '/v1/logs', type: 'application/json', body: otlpJson() },
  'OTLP protobuf': { path: '/v1/logs', type: 'application/x-protobuf', body: otlpProtobuf() },
} as const;

type Sent = (typeof bodies)[keyof typeof bodies];

interface Server {
  readonly url: string;
  readonly token: string;
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

async function bareServer(): Promise<Server> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'references/bare-http-server.js')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const stop = async (): Promise<void> => {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  return { url: line.toString().trim(), token: '', pid: child.pid ?? 0, stop };
}

interface Outcome {
  readonly perSecond: number;
  /** Of the server, from its first request to its last answer. */
  readonly cpuMicrosEach: number;
}

/** Entries each answered for. */
async function measure(start: () => Promise<Server>, { path, type, body }: Sent): Promise<Outcome> {
  const { url, token, pid, stop } = await start();
  try {
    const headers = { authorization: `Bearer ${token}`, 'content-type': type };
    let accepted = 0;
    const cpuBefore = usageOf(pid)?.cpuSeconds ?? 0;
    const startedAtMs = performance.now();
    const untilMs = startedAtMs + Number(values.seconds) * 1000;
    const send = async (): Promise<void> => {
      while (performance.now() < untilMs) {
        const response = await fetch(`${url}${path}`, { method: 'POST', headers, body: body as string });
        await response.arrayBuffer();
        if (response.status === 200) accepted += entries;
        else if (response.status !== 429) throw new Error(`answered ${response.status}`);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, send));
    const cpuSeconds = (usageOf(pid)?.cpuSeconds ?? 0) - cpuBefore;
    const perSecond = (accepted / (performance.now() - startedAtMs)) * 1000;
    return { perSecond, cpuMicrosEach: (cpuSeconds / accepted) * 1e6 };
  } finally {
    await stop();
  }
}

const ours = (): Promise<Server> => contenders.regression('udp', 212_992);
const bare = 'bare server, NDJSON';
const runs: Record<string, () => Promise<Outcome>> = { [bare]: () => measure(bareServer, bodies.NDJSON) };
for (const [name, sent] of Object.entries(bodies)) runs[name] = () => measure(ours, sent);
const outcomes = await interleaved(Number(values.rounds), runs);
const spread = (name: string, of: (outcome: Outcome) => number) => spreadOf((outcomes[name] ?? []).map(of));
const rateOfBare = spread(bare, ({ perSecond }) => perSecond).median;
console.log(`HTTP ingest, ${entries} entries a request, ${atOnce} at once, ${values.seconds} s; ${machineText()}`);
console.log(
  tableText(
    ['what', 'entries/s', 'of the bare server', 'CPU us an entry'],
    Object.keys(runs).map((name) => {
      const rate = spread(name, ({ perSecond }) => perSecond);
      const cpu = spread(name, ({ cpuMicrosEach }) => cpuMicrosEach);
      return [name, spreadText(rate), (rate.median / rateOfBare).toFixed(2), spreadText(cpu, 1)];
    }),
  ),
);
