import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { test } from 'tap';
import { readOtlpJson } from '../../../src/inputs/http/otlp-json.ts';
import { readOtlpProtobuf } from '../../../src/inputs/http/otlp-protobuf.ts';
import { UnreadableBody } from '../../../src/inputs/http/posted.ts';

/** The request of the specification's examples (opentelemetry-proto, examples/logs.json), with every kind of value. */
const request = {
  resourceLogs: [
    {
      resource: {
        attributes: [
          { key: 'service.name', value: { stringValue: 'my.service' } },
          { key: 'service.version', value: { stringValue: '1.4.2' } },
          { key: 'deployment.environment.name', value: { stringValue: 'staging' } },
          { key: 'host.name', value: { stringValue: 'h1' } },
        ],
      },
      scopeLogs: [
        {
          scope: { name: 'my.library', version: '1.0.0', attributes: [{ key: 'k', value: { stringValue: 'scope' } }] },
          logRecords: [
            {
              timeUnixNano: '1544712660300000123',
              observedTimeUnixNano: '1544712660300000000',
              severityNumber: 10,
              severityText: 'Information',
              traceId: '5B8EFFF798038103D269B633813FC60C',
              spanId: 'EEE19B7EC3C1B174',
              body: { stringValue: 'Example log record' },
              attributes: [
                { key: 'k', value: { stringValue: 'record' } },
                { key: 'flag', value: { boolValue: true } },
                { key: 'big', value: { intValue: '9007199254740993' } },
                { key: 'ratio', value: { doubleValue: 637.704 } },
                { key: 'list', value: { arrayValue: { values: [{ stringValue: 'many' }, { intValue: '1' }] } } },
                {
                  key: 'map',
                  value: { kvlistValue: { values: [{ key: 'inner', value: { stringValue: 'value' } }] } },
                },
              ],
            },
          ],
        },
      ],
    },
  ],
};

void test('a record becomes a row: service, scope, severity, ids, attributes', async (t) => {
  const { entries, rejected } = readOtlpJson(JSON.stringify(request));

  t.strictSame(rejected, []);
  t.strictSame(entries, [
    {
      index: 0,
      entry: {
        timestamp: '2018-12-13T14:51:00.300000Z',
        severity: 'INFO',
        applicationName: 'my.service',
        applicationVersion: '1.4.2',
        environment: 'staging',
        message: 'Example log record',
        metadata: [
          ['k', 'record'],
          ['flag', 'true'],
          ['big', '9007199254740993'],
          ['ratio', '637.704'],
          ['list', '["many","1"]'],
          ['map.inner', 'value'],
          ['severity_text', 'INFO2'],
          ['trace_id', '5b8efff798038103d269b633813fc60c'],
          ['span_id', 'eee19b7ec3c1b174'],
          ['scope.version', '1.0.0'],
          ['host.name', 'h1'],
        ],
      },
      source: 'my.library',
    },
  ]);
});

void test('without a time of its own a record has the one it was observed at, and says so', async (t) => {
  const record = { observedTimeUnixNano: '1544712660300000000', body: { stringValue: 'a' } };
  const bodyOf = (logRecord: object): string =>
    JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [logRecord] }] }] });
  const [observed] = readOtlpJson(bodyOf(record)).entries;
  const [timeless] = readOtlpJson(bodyOf({ timeUnixNano: 0 })).entries;

  t.equal(observed?.entry.timestamp, '2018-12-13T14:51:00.300000Z');
  t.strictSame(observed?.entry.metadata, [['timestamp_origin', 'observed']]);
  t.equal(timeless?.entry.timestamp, undefined);
});

void test('records that cannot be read are named, the others kept; what is no request is refused', async (t) => {
  const logRecords = [{ body: { stringValue: 'a' } }, 7, { timeUnixNano: 'yesterday', body: { stringValue: 'b' } }, {}];
  const { entries, rejected } = readOtlpJson(JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }));

  t.equal(entries.length, 2);
  t.match(rejected, [
    { index: 1, reason: 'not an object' },
    { index: 2, reason: /yesterday/ },
  ]);
  for (const body of ['', '[]', 'null', '{"resourceLogs":{}}', '{'])
    t.throws(() => readOtlpJson(body), UnreadableBody, body);
  t.strictSame(readOtlpJson('{}'), { entries: [], rejected: [] });
});

/** Writes what `request` says in protobuf, by the field numbers of opentelemetry-proto, independently of the reader. */
function encoded(): Buffer {
  const text = (field: number, value: string) => (writer: BinaryWriter) =>
    writer.tag(field, WireType.LengthDelimited).string(value);
  const message =
    (field: number, ...parts: ((writer: BinaryWriter) => unknown)[]) =>
    (writer: BinaryWriter) => {
      writer.tag(field, WireType.LengthDelimited).fork();
      for (const part of parts) part(writer);
      writer.join();
    };
  const hex = (field: number, value: string) => (writer: BinaryWriter) =>
    writer.tag(field, WireType.LengthDelimited).bytes(Buffer.from(value, 'hex'));
  const time = (field: number, value: string) => (writer: BinaryWriter) =>
    writer.tag(field, WireType.Bit64).fixed64(value);
  const attribute = (field: number, key: string, value: (writer: BinaryWriter) => unknown) =>
    message(field, text(1, key), message(2, value));
  const writer = new BinaryWriter();
  message(
    1,
    message(
      2,
      message(1, text(1, 'my.library'), text(2, '1.0.0'), attribute(3, 'k', text(1, 'scope'))),
      message(
        2,
        time(1, '1544712660300000123'),
        (w) => w.tag(2, WireType.Varint).int32(10),
        text(3, 'Information'),
        message(5, text(1, 'Example log record')),
        attribute(6, 'k', text(1, 'record')),
        attribute(6, 'flag', (w) => w.tag(2, WireType.Varint).bool(true)),
        attribute(6, 'big', (w) => w.tag(3, WireType.Varint).int64('9007199254740993')),
        attribute(6, 'ratio', (w) => w.tag(4, WireType.Bit64).double(637.704)),
        attribute(
          6,
          'list',
          message(
            5,
            message(1, text(1, 'many')),
            message(1, (w) => w.tag(3, WireType.Varint).int64(1)),
          ),
        ),
        attribute(6, 'map', message(6, attribute(1, 'inner', text(1, 'value')))),
        (w) => w.tag(8, WireType.Bit32).fixed32(1),
        hex(9, '5B8EFFF798038103D269B633813FC60C'),
        hex(10, 'EEE19B7EC3C1B174'),
        time(11, '1544712660300000000'),
        text(99, 'a field of a later version'),
      ),
    ),
    message(
      1,
      attribute(1, 'service.name', text(1, 'my.service')),
      attribute(1, 'service.version', text(1, '1.4.2')),
      attribute(1, 'deployment.environment.name', text(1, 'staging')),
      attribute(1, 'host.name', text(1, 'h1')),
    ),
  )(writer);
  return Buffer.from(writer.finish());
}

void test('protobuf says the same as JSON, wherever the resource stands', async (t) => {
  t.strictSame(readOtlpProtobuf(encoded()), readOtlpJson(JSON.stringify(request)));
  t.strictSame(readOtlpProtobuf(Buffer.alloc(0)), { entries: [], rejected: [] });
});

void test('property: cut or spoiled protobuf is read or refused, never more (F61)', async (t) => {
  const whole = encoded();
  fc.assert(
    fc.property(fc.nat(whole.length), fc.nat(whole.length - 1), fc.nat(255), (cut, place, byte) => {
      const spoiled = Buffer.from(whole.subarray(0, cut));
      if (place < spoiled.length) spoiled[place] = byte;
      try {
        return readOtlpProtobuf(spoiled).entries.length <= 1;
      } catch (error) {
        return error instanceof UnreadableBody;
      }
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

/** The bytes of a list in a list in a list, as an AnyValue. */
function nestedValue(depth: number): Buffer {
  let value = Buffer.alloc(0);
  for (let level = 0; level < depth; level++) {
    const list = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(value).finish();
    value = Buffer.from(new BinaryWriter().tag(5, WireType.LengthDelimited).bytes(list).finish());
  }
  return value;
}

void test('protobuf: a value nested without end costs its record, or those of its scope or resource, and no other (F31)', async (t) => {
  const field = (number: number, ...parts: Uint8Array[]): Uint8Array =>
    new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(Buffer.concat(parts)).finish();
  const attribute = (number: number, depth: number) =>
    field(number, field(1, Buffer.from('k')), field(2, nestedValue(depth)));
  const record = (depth: number) => field(2, attribute(6, depth));
  const scope = (depth: number, ...records: Uint8Array[]) => field(2, field(1, attribute(3, depth)), ...records);
  const resource = (depth: number, ...scopes: Uint8Array[]) => field(1, field(1, attribute(1, depth)), ...scopes);
  const body = [
    resource(1, scope(1, record(1), record(500), record(1)), scope(500, record(1))),
    resource(500, scope(1, record(1))),
    resource(1, scope(1, record(1))),
  ];
  const { entries, rejected } = readOtlpProtobuf(Buffer.concat(body));

  t.strictSame(
    entries.map(({ index }) => index),
    [0, 2, 5],
  );
  t.match(rejected, [
    { index: 1, reason: /^a value is nested deeper/ },
    { index: 3, reason: /^scope: a value is nested deeper/ },
    { index: 4, reason: /^resource: a value is nested deeper/ },
  ]);
});

void test('JSON: what should be text and is not stays JSON; a scope or a resource that cannot be read costs its records alone (F31)', async (t) => {
  let deep: object = { stringValue: 'x' };
  for (let depth = 0; depth < 500; depth++) deep = { arrayValue: { values: [deep] } };
  const logRecords = [{ body: { stringValue: { toString: 1 } } }];
  const attributes = [{ key: 'k', value: deep }];
  const { entries, rejected } = readOtlpJson(
    JSON.stringify({
      resourceLogs: [
        {
          scopeLogs: [
            { scope: { name: { toString: 1, valueOf: 1 } }, logRecords },
            { scope: { attributes }, logRecords },
          ],
        },
        { resource: { attributes }, scopeLogs: [{ logRecords }] },
      ],
    }),
  );

  t.match(entries, [{ index: 0, source: '{"toString":1,"valueOf":1}', entry: { message: '{"toString":1}' } }]);
  t.equal(entries.length, 1);
  t.match(rejected, [
    { index: 1, reason: /^scope: .*nested deeper/ },
    { index: 2, reason: /^resource: .*nested deeper/ },
  ]);
});

void test('values nested without end are refused, not followed (F31)', async (t) => {
  let value: object = { stringValue: 'x' };
  for (let depth = 0; depth < 500; depth++) value = { arrayValue: { values: [value] } };
  const { rejected } = readOtlpJson(
    JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: value }] }] }] }),
  );

  t.match(rejected, [{ index: 0, reason: /nested deeper/ }]);
});
