/** What the OTLP sink sends, read by the official protobuf definitions: the code generated from them in @opentelemetry/otlp-transformer. */
import protobuf from '@opentelemetry/otlp-transformer/build/src/generated/root.js';
import { type Test, test } from 'tap';
import { configured, forwarding } from '../pipeline/forward/forwarding.ts';
import { aRecord, someRecords } from '../records.ts';
import { ScriptedUpstream, answer } from './scripted-upstream.ts';

/** Of a protobufjs class. */
interface MessageType {
  decode(bytes: Uint8Array): object;
  fromObject(value: object): object;
  /** What is wrong with the types of the fields; null when nothing is. */
  verify(message: object): string | null;
  encode(message: object): { finish(): Uint8Array };
  toObject(message: object, options: object): { resourceLogs: unknown };
}

const types = (
  protobuf as unknown as { opentelemetry: { proto: { collector: { logs: { v1: Record<string, MessageType> } } } } }
).opentelemetry.proto.collector.logs.v1;
const requestType = types['ExportLogsServiceRequest'] as MessageType;
const responseType = types['ExportLogsServiceResponse'] as MessageType;
const readable = { longs: String, enums: String, bytes: String };

const text = (value: string) => ({ stringValue: value });
const attribute = (key: string, value: string) => ({ key, value: text(value) });

async function sentBy(t: Test, encoding: 'protobuf' | 'json') {
  const upstream = (await ScriptedUpstream.listen(t)).always(answer(200));
  const records = [
    aRecord({
      timestamp: '2026-11-24T03:00:00.123456Z',
      severity: 'ERROR',
      message: 'größer\n\t\u{1f600}',
      metadata: [
        ['user', 'u-1'],
        ['empty', ''],
      ],
    }),
    aRecord({ application: { name: 'other', version: null, environment: null }, severity: 'TRACE', message: '' }),
    aRecord({ severity: 'FATAL', message: 'before 1970', timestamp: '1969-12-31T23:59:59.000000Z' }),
    // More than 127 bytes: lengths are varints of two bytes.
    aRecord({ message: 'long '.repeat(5000) }),
  ];
  const sink = configured('otlp', { url: `${upstream.url}/v1/logs`, encoding });
  const { until, store } = await forwarding(t, [sink], { records });
  await until(({ position }) => position === records.length);
  return { body: upstream.received[0]?.body ?? Buffer.alloc(0), origin: await store.state.origin() };
}

void test('OTLP: the official definitions read every field of what is sent, in protobuf and in JSON', async (t) => {
  for (const encoding of ['protobuf', 'json'] as const) {
    const { body, origin } = await sentBy(t, encoding);

    const message =
      encoding === 'protobuf'
        ? requestType.decode(body)
        : requestType.fromObject(JSON.parse(body.toString('utf8')) as object);
    t.equal(requestType.verify(message), null);
    const scope = { name: 'regression' };
    const uid = (id: number) => [
      attribute('log.record.uid', `${origin}-${id}`),
      attribute('log.source', '/var/log/shop/app.log'),
    ];
    const time = (nanos: string) => ({ timeUnixNano: nanos, observedTimeUnixNano: nanos });
    t.same(requestType.toObject(message, readable).resourceLogs, [
      {
        resource: {
          attributes: [
            attribute('service.name', 'shop'),
            attribute('service.version', '2.3.1'),
            attribute('deployment.environment.name', 'production'),
          ],
        },
        scopeLogs: [
          {
            scope,
            logRecords: [
              {
                ...time('1795489200123456000'),
                severityNumber: 'SEVERITY_NUMBER_ERROR',
                severityText: 'ERROR',
                body: text('größer\n\t\u{1f600}'),
                attributes: [...uid(1), attribute('user', 'u-1'), attribute('empty', '')],
              },
              {
                severityNumber: 'SEVERITY_NUMBER_FATAL',
                severityText: 'FATAL',
                body: text('before 1970'),
                attributes: uid(3),
              },
              {
                ...time('1795489200000000000'),
                severityNumber: 'SEVERITY_NUMBER_INFO',
                severityText: 'INFO',
                body: text('long '.repeat(5000)),
                attributes: uid(4),
              },
            ],
          },
        ],
      },
      {
        resource: { attributes: [attribute('service.name', 'other')] },
        scopeLogs: [
          {
            scope,
            logRecords: [
              {
                ...time('1795489200000000000'),
                severityNumber: 'SEVERITY_NUMBER_TRACE',
                severityText: 'TRACE',
                body: text(''),
                attributes: uid(2),
              },
            ],
          },
        ],
      },
    ]);
    // Nothing is in the bytes that the definitions do not know: they would be gone from what is encoded anew.
    if (encoding === 'protobuf') t.equal(requestType.encode(message).finish().length, body.length);
  }
});

void test('F55: OTLP: a partial success as the official definitions write it is counted', async (t) => {
  const partial = { partialSuccess: { rejectedLogRecords: 3, errorMessage: 'too old' } };
  const bytes = Buffer.from(responseType.encode(responseType.fromObject(partial)).finish());
  const upstream = await ScriptedUpstream.listen(t);
  upstream.always((_received, response) => {
    response.writeHead(200, { 'content-type': 'application/x-protobuf' });
    response.end(bytes);
  });
  const { until } = await forwarding(t, [configured('otlp', { url: upstream.url })], { records: someRecords(10) });

  t.match(await until(({ position }) => position === 10), {
    deliveredRows: 7,
    lastError: { message: /3 records .* too old/ },
  });
});
