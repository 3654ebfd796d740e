import { test } from 'tap';
import { readBulk } from '../../../src/inputs/http/bulk.ts';
import { readLokiPush } from '../../../src/inputs/http/loki.ts';
import { UnreadableBody } from '../../../src/inputs/http/posted.ts';

const options = { timezone: 'UTC', nowMs: () => Date.parse('2026-11-24T03:00:00Z') };

void test('Loki: labels name the application and the level, the line is read, its time is the stream’s', async (t) => {
  const body = {
    streams: [
      {
        stream: { app: 'shop', env: 'production', level: 'critical', region: 'eu', filename: '/var/log/shop.log' },
        values: [
          ['1764000000123456789', 'a plain line'],
          ['1764000000000000000', '{"level":"info","msg":"json","userId":"u-1"}', { traceID: 'abc' }],
        ],
      },
    ],
  };
  const { entries, rejected } = readLokiPush(JSON.stringify(body), options);

  t.strictSame(rejected, []);
  t.match(entries[0], {
    entry: {
      timestamp: '2025-11-24T16:00:00.123456Z',
      severity: 'FATAL',
      applicationName: 'shop',
      environment: 'production',
      message: 'a plain line',
    },
    source: '/var/log/shop.log',
  });
  t.match(
    new Map(entries[0]?.entry.metadata),
    new Map([
      ['severity_text', 'critical'],
      ['region', 'eu'],
    ]),
  );
  t.equal(entries[1]?.entry.message, 'json');
  t.match(
    new Map(entries[1]?.entry.metadata),
    new Map([
      ['userId', 'u-1'],
      ['traceID', 'abc'],
    ]),
  );
});

void test('Loki: entries that cannot be read are named, a body that is none is refused', async (t) => {
  const values = [['1764000000000000000', 'a'], [1764000000, 'b'], ['soon', 'c'], ['1764000000000000000', 5], 'd'];
  const { entries, rejected } = readLokiPush(JSON.stringify({ streams: [{ stream: {}, values }] }), options);

  t.equal(entries.length, 1);
  t.strictSame(
    rejected.map(({ index }) => index),
    [1, 2, 3, 4],
  );
  for (const body of ['', 'null', '{}', '{"streams":[{}]}', '{"streams":[null]}'])
    t.throws(() => readLokiPush(body, options), UnreadableBody, body);
});

void test('bulk: index and create are stored, update and delete are answered with why not', async (t) => {
  const lines = [
    '{"index":{"_index":"logs-shop","_id":"7"}}',
    '{"@timestamp":"2026-11-24T03:00:00Z","log":{"level":"warn"},"message":"a","service":{"name":"shop"}}',
    '{"create":{}}',
    '{"message":"b"}',
    '{"update":{"_id":"7"}}',
    '{"doc":{}}',
    '{"delete":{"_id":"7"}}',
    '{"index":{}}',
    'not json',
    '{"index":{}}',
  ];
  const { entries, rejected, items } = readBulk(`${lines.join('\n')}\n`, 'from-path', options);

  t.match(entries, [
    {
      entry: {
        message: 'a',
        severity: 'WARN',
        applicationName: 'shop',
        metadata: [
          ['_index', 'logs-shop'],
          ['_id', '7'],
        ],
      },
    },
    { entry: { message: 'b', metadata: [['_index', 'from-path']] } },
  ]);
  t.strictSame(
    items.map(({ action, index, id }) => `${action} ${index} ${id}`),
    [
      'index logs-shop 7',
      'create from-path null',
      'update from-path 7',
      'delete from-path 7',
      'index from-path null',
      'index from-path null',
    ],
  );
  t.match(rejected, [
    { index: 2, reason: /update/ },
    { index: 3, reason: /delete/ },
    { index: 4 },
    { index: 5, reason: /missing/ },
  ]);
});

void test('bulk: a repeated _id is a conflict for create, a further row for index, and none where the first was not stored', async (t) => {
  const lines = [
    '{"create":{"_id":"1"}}',
    '{"message":"a"}',
    '{"create":{"_id":"1"}}',
    '{"message":"b"}',
    '{"create":{"_index":"other","_id":"1"}}',
    '{"message":"c"}',
    '{"index":{"_id":"1"}}',
    '{"message":"d"}',
    '{"create":{"_id":"2"}}',
    'not json',
    '{"create":{"_id":"2"}}',
    '{"message":"e"}',
  ];
  const { entries, rejected, conflicts, isIdentified } = readBulk(lines.join('\n'), 'logs', options);

  t.strictSame(
    entries.map(({ entry }) => entry.message),
    ['a', 'c', 'd', 'e'],
  );
  t.match(rejected, [{ index: 1, reason: /already exists/ }, { index: 4 }]);
  t.strictSame([...conflicts], [1]);
  t.equal(isIdentified, true);
  t.equal(readBulk('{"create":{}}\n{"message":"a"}\n', '', options).isIdentified, false);
});

void test('bulk: a line that is no action spoils the whole body, as with Elasticsearch', async (t) => {
  for (const body of ['{"message":"a"}\n', 'x\n', '[]\n', '{"index":{}}\n{"message":"a"}\n{"message":"b"}\n']) {
    t.throws(() => readBulk(body, '', options), UnreadableBody, body);
  }
});

void test('Loki: values nested without end cost their entry, or the body where a stream has them, and no more (F31)', async (t) => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000);
  const time = '"1764000000000000000"';
  const push = (stream: string, structured: string): string =>
    `{"streams":[{"stream":{"app":${stream}},"values":[[${time},"good"],[${time},"bad",{"a":${structured}}]]}]}`;
  const { entries, rejected } = readLokiPush(push('"shop"', deep), options);

  t.strictSame(
    entries.map(({ entry }) => entry.message),
    ['good'],
  );
  t.strictSame(rejected, [{ index: 1, reason: 'a value is nested too deep' }]);
  t.match(readLokiPush(`{"streams":[{"values":[[${deep},"line"]]}]}`, options).rejected, [
    { index: 0, reason: /list/ },
  ]);
  t.throws(
    () => readLokiPush(push(deep, '"b"'), options),
    new UnreadableBody('streams[0].stream: a value is nested too deep'),
  );
});
