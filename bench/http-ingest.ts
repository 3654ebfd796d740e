/**
 * Rows taken over HTTP, answered when they are on disk: NDJSON and OTLP in JSON and protobuf, in requests of 1,000 entries, four at a
 * time. `node bench/http-ingest.ts [--seconds 5] [--rounds 3]`; needs `npm run build`.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { parseArgs } from 'node:util';
import { interleaved, machineText, spreadOf, spreadText, tableText } from './measure.ts';
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

/** Entries a second, each answered for. */
async function measure({ path, type, body }: (typeof bodies)[keyof typeof bodies]): Promise<number> {
  const { url, token, stop } = await contenders.regression('udp', 212_992);
  try {
    const headers = { authorization: `Bearer ${token}`, 'content-type': type };
    let accepted = 0;
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
    return (accepted / (performance.now() - startedAtMs)) * 1000;
  } finally {
    await stop();
  }
}

const runs = Object.fromEntries(Object.entries(bodies).map(([name, sent]) => [name, () => measure(sent)]));
const outcomes = await interleaved(Number(values.rounds), runs);
console.log(`HTTP ingest, ${entries} entries a request, ${atOnce} at once, ${values.seconds} s; ${machineText()}`);
console.log(
  tableText(
    ['what', 'entries/s'],
    Object.keys(runs).map((name) => [name, spreadText(spreadOf(outcomes[name] ?? []))]),
  ),
);
