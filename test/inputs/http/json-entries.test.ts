import fc from 'fast-check';
import { test } from 'tap';
import { readJsonEntries } from '../../../src/inputs/http/json-entries.ts';
import { UnreadableBody } from '../../../src/inputs/http/posted.ts';

const options = { timezone: 'UTC', nowMs: () => Date.parse('2026-11-24T03:00:00Z') };
const read = (body: string) => readJsonEntries(body, options);
const messages = (body: string): string[] => read(body).entries.map(({ entry }) => entry.message);
const reasons = (body: string): string[] => read(body).rejected.map(({ index, reason }) => `${index}: ${reason}`);

void test('a row as we give it comes back as it was', async (t) => {
  const row = {
    timestamp: '2026-11-24T03:00:01.123456Z',
    severity: 'ERROR',
    application: 'shop',
    version: '2.3.1',
    environment: 'production',
    source: '/var/log/shop/app.log',
    message: 'no stock',
    metadata: { userId: 'u-1', 'req.headers.host': 'x', source: 'inner', timestamp: 'not ours' },
  };
  const [posted] = read(JSON.stringify(row)).entries;

  t.strictSame(posted, {
    index: 0,
    entry: {
      timestamp: row.timestamp,
      severity: 'ERROR',
      applicationName: 'shop',
      applicationVersion: '2.3.1',
      environment: 'production',
      message: 'no stock',
      metadata: Object.entries(row.metadata),
    },
    source: row.source,
  });
});

void test('what a logger writes is read as a file of its lines would be', async (t) => {
  const [posted] = read('{"level":50,"time":1764000000000,"name":"pay","pid":7,"msg":"declined"}').entries;

  t.match(posted?.entry, { severity: 'ERROR', applicationName: 'pay', message: 'declined', metadata: [['pid', '7']] });
});

void test('lines, an array and one object over several lines are told apart', async (t) => {
  t.strictSame(messages('{"msg":"a"}\n\n{"msg":"b"}\r\n'), ['a', 'b']);
  t.strictSame(messages(' [ {"msg":"a"} , {"msg":"b"} ] \n'), ['a', 'b']);
  t.strictSame(messages('{\n  "msg": "a",\n  "n": 1\n}'), ['a']);
  t.strictSame(messages('\ufeff{"msg":"a"}'), ['a']);
  t.strictSame(messages('[]'), []);
  t.strictSame(messages('  \n'), []);
});

void test('what cannot be read is named by its place, its neighbours are kept', async (t) => {
  const body =
    '{"msg":"a"}\nnot json\n[1]\n{}\n{"msg":"b","timestamp":"soon"}\n{"msg":"c","severity":"loud"}\n{"msg":"d"}';
  t.strictSame(messages(body), ['a', 'd']);
  t.match(reasons(body), [
    /^1: .*JSON/,
    /^2: .*not an object/,
    /^3: .*without a message/,
    /^4: timestamp: "soon"/,
    /^5: severity: "loud"/,
  ]);

  const array = '[{"msg":"a"},{"msg":},"text",{"msg":"]}\\\\\\",["},{"msg":"d"}]';
  t.strictSame(messages(array), ['a', ']}\\",[', 'd']);
  t.match(reasons(array), [/^1: /, /^2: .*not an object/]);
});

void test('an array without an end, or with text behind it, is refused whole', async (t) => {
  for (const body of ['[{"msg":"a"}', '[{"msg":"a"}] {"msg":"b"}', '["', '[['])
    t.throws(() => read(body), UnreadableBody, body);
});

void test('numbers keep the digits that a double has not (F31)', async (t) => {
  const [posted] = read('[{"msg":"a","orderId":12345678901234567890}]').entries;

  t.strictSame(posted?.entry.metadata, [['orderId', '12345678901234567890']]);
});

void test('JSON bombs are rejected or stored, and harm nothing (F31)', async (t) => {
  const deep = `{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`;
  const wide = `{${Array.from({ length: 50_000 }, (_, index) => `"k${index}":1`).join(',')}}`;
  const odd = '{"msg":"m","__proto__":{"polluted":true},"constructor":1,"n":1e400,"n":2}';
  const { entries, rejected } = read([deep, wide, odd].join('\n'));

  t.equal(entries.length + rejected.length, 3);
  t.equal(({} as { polluted?: boolean }).polluted, undefined);
  t.ok(entries.every(({ entry }) => entry.metadata.length < 1024));
});

void test('property: lines and arrays of the same objects say the same', async (t) => {
  const object = fc.record({ msg: fc.string({ minLength: 1 }), n: fc.jsonValue() });
  fc.assert(
    fc.property(fc.array(object, { minLength: 1, maxLength: 6 }), (objects) => {
      const texts = objects.map((one) => JSON.stringify(one));
      return JSON.stringify(read(texts.join('\n'))) === JSON.stringify(read(`[${texts.join(',')}]`));
    }),
  );
  t.pass();
});

void test('property: any text is answered or refused, never more', async (t) => {
  const text = fc
    .array(fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', '1', 'a', '\n', ' '))
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, (body) => {
      try {
        const { entries, rejected } = read(body);
        return entries.length + rejected.length <= body.length + 1;
      } catch (error) {
        return error instanceof UnreadableBody;
      }
    }),
    { numRuns: 2000 },
  );
  t.pass();
});
