/** Elasticsearch, Loki and OTLP against their published APIs: no server of the first two can be had here. */
import { test, type Test } from 'tap';
import { readOtlpJson } from '../../src/inputs/http/otlp-json.ts';
import { readOtlpProtobuf, writeOtlpResponse } from '../../src/inputs/http/otlp-protobuf.ts';
import type { SinkType } from '../../src/sinks/registry.ts';
import { configured, forwarding } from '../pipeline/forward/forwarding.ts';
import { aRecord, someRecords } from '../records.ts';
import { type Received, ScriptedUpstream, answer } from './scripted-upstream.ts';

const json = { 'content-type': 'application/json' };

async function forwardTo(t: Test, type: SinkType, options: Record<string, unknown>, records = someRecords(10)) {
  return forwarding(t, [configured(type, options)], { records });
}

const rich = aRecord({
  timestamp: '2026-11-24T03:00:00.123456Z',
  severity: 'ERROR',
  message: 'boom\n  at x',
  metadata: [
    ['user', 'u-1'],
    ['http.status', '500'],
  ],
});

void test('Elasticsearch: each row is created under an id of its own', async (t) => {
  const upstream = (await ScriptedUpstream.listen(t)).always(answer(200, '{"errors":false}', json));
  const { until, store } = await forwardTo(
    t,
    'elasticsearch',
    { url: `${upstream.url}/base/?a=b`, index: 'logs-{date}' },
    [rich],
  );
  await until(({ position }) => position === 1);
  const origin = await store.state.origin();

  const [request] = upstream.received;
  t.match(request, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' } });
  t.match(request?.path, /^\/base\/_bulk\?a=b&filter_path=errors/);
  const [operation, document, end] = request?.text.split('\n') ?? [];
  t.same(JSON.parse(operation ?? ''), { create: { _index: 'logs-2026-11-24', _id: `${origin}-1` } });
  t.same(JSON.parse(document ?? ''), {
    '@timestamp': '2026-11-24T03:00:00.123456Z',
    message: 'boom\n  at x',
    log: { level: 'ERROR' },
    service: { name: 'shop', version: '2.3.1', environment: 'production' },
    source: '/var/log/shop/app.log',
    labels: { user: 'u-1', 'http.status': '500' },
    event: { id: `${origin}-1` },
  });
  t.equal(end, '');
});

void test('F55: of a bulk with errors only what may succeed is sent again; what is there already counts as delivered', async (t) => {
  const item = (status: number, reason = '') => ({
    create: status < 300 ? { status } : { status, error: { type: 'some_exception', reason } },
  });
  const first = { errors: true, items: [item(201), item(409), item(400, 'mapping'), item(429), item(503), item(201)] };
  const second = { errors: true, items: [item(201), item(429)] };
  const upstream = (await ScriptedUpstream.listen(t)).always(answer(200, '{"errors":false}', json));
  upstream.script(answer(200, JSON.stringify(first), json), answer(200, JSON.stringify(second), json));
  const { until, store } = await forwardTo(t, 'elasticsearch', { url: upstream.url }, someRecords(6));
  const status = await until(({ position }) => position === 6);

  const sent = upstream.received.map(({ text }) =>
    [...text.matchAll(/"_id":"[0-9a-f]+-(\d+)"/g)].map(([, id]) => Number(id)),
  );
  t.same(sent, [[1, 2, 3, 4, 5, 6], [4, 5], [5]]);
  t.match(status, { deliveredRows: 5, deadLetters: 1 });
  t.match(await store.state.deadLetters(null, 5), [{ logId: 3, reason: '400 some_exception: mapping' }]);
});

void test('Elasticsearch: an answer that is not of _bulk, and refused credentials of an item, hold the rows', async (t) => {
  const denied = {
    errors: true,
    items: someRecords(10).map(() => ({ create: { status: 403, error: { type: 'security_exception' } } })),
  };
  for (const body of ['<html>', JSON.stringify(denied)]) {
    const upstream = (await ScriptedUpstream.listen(t)).always(answer(200, body, json));
    const { until } = await forwardTo(t, 'elasticsearch', { url: upstream.url });
    t.match(await until(({ state }) => state === 'held'), { position: 0, deadLetters: 0 });
  }
});

void test('Loki: streams by application, environment and level; the rest is structured metadata', async (t) => {
  const upstream = (await ScriptedUpstream.listen(t)).always(answer(204));
  const records = [
    rich,
    aRecord({ message: 'fine' }),
    aRecord({ message: 'fine too', timestamp: '1969-12-31T23:59:59.999999Z' }),
  ];
  const options = { url: `${upstream.url}/`, tenant: 'team-a', labels: { cluster: 'eu' } };
  const { until, store } = await forwardTo(t, 'loki', options, records);
  await until(({ position }) => position === 3);
  const origin = await store.state.origin();

  const [request] = upstream.received;
  t.match(request, {
    path: '/loki/api/v1/push',
    headers: { 'x-scope-orgid': 'team-a', 'content-type': 'application/json' },
  });
  const more = (id: number) => ({ source: '/var/log/shop/app.log', record_id: `${origin}-${id}`, version: '2.3.1' });
  t.same(JSON.parse(request?.text ?? ''), {
    streams: [
      {
        stream: { cluster: 'eu', service_name: 'shop', level: 'error', environment: 'production' },
        values: [['1795489200123456001', 'boom\n  at x', { user: 'u-1', 'http.status': '500', ...more(1) }]],
      },
      {
        stream: { cluster: 'eu', service_name: 'shop', level: 'info', environment: 'production' },
        values: [
          ['1795489200000000002', 'fine', more(2)],
          ['-997', 'fine too', more(3)],
        ],
      },
    ],
  });
});

void test('OTLP: protobuf and JSON say the same, and what the official definitions read is what was stored', async (t) => {
  for (const encoding of ['protobuf', 'json'] as const) {
    const upstream = (await ScriptedUpstream.listen(t)).always(answer(200, encoding === 'json' ? '{}' : ''));
    const plain = aRecord({ application: { name: 'other', version: null, environment: null }, severity: 'TRACE' });
    const { until, store } = await forwardTo(t, 'otlp', { url: `${upstream.url}/v1/logs`, encoding }, [rich, plain]);
    await until(({ position }) => position === 2);
    const origin = await store.state.origin();

    const [request] = upstream.received;
    t.equal(request?.headers['content-type'], encoding === 'json' ? 'application/json' : 'application/x-protobuf');
    const posted =
      encoding === 'json' ? readOtlpJson(request?.text ?? '') : readOtlpProtobuf(request?.body ?? Buffer.alloc(0));
    t.match(posted.entries, [
      {
        source: 'regression',
        entry: {
          timestamp: '2026-11-24T03:00:00.123456Z',
          severity: 'ERROR',
          applicationName: 'shop',
          applicationVersion: '2.3.1',
          environment: 'production',
          message: 'boom\n  at x',
        },
      },
      { entry: { severity: 'TRACE', applicationName: 'other', applicationVersion: undefined } },
    ]);
    t.same(
      new Map(posted.entries[0]?.entry.metadata),
      new Map([
        ['log.record.uid', `${origin}-1`],
        ['log.source', '/var/log/shop/app.log'],
        ['user', 'u-1'],
        ['http.status', '500'],
      ]),
    );
  }
});

void test('F55: OTLP says how many records were refused, not which: they are counted, and none is sent again', async (t) => {
  for (const encoding of ['protobuf', 'json'] as const) {
    const partial = { partialSuccess: { rejectedLogRecords: '3', errorMessage: 'too old' } };
    const upstream = (await ScriptedUpstream.listen(t)).always((received, response) => {
      const isJson = encoding === 'json';
      response.writeHead(200, { 'content-type': isJson ? 'application/json' : 'application/x-protobuf' });
      response.end(isJson ? JSON.stringify(partial) : writeOtlpResponse(3, 'too old'));
      t.ok(received.body.length > 0);
    });
    const { until, metrics } = await forwardTo(t, 'otlp', { url: upstream.url, encoding });
    const status = await until(({ position }) => position === 10);

    t.equal(upstream.received.length, 1);
    t.match(status, { deliveredRows: 7, lastError: { message: /3 records .* too old/ } });
    t.match(await metrics.registry.metrics(), 'regression_sink_refused_total{sink="otlp"} 3');

    const all = await forwardTo(t, 'otlp', { url: upstream.url, encoding }, someRecords(3));
    t.match(await all.until(({ position }) => position === 3), { deliveredRows: 0, deadLetters: 3 });
  }
});

void test('ClickHouse: one insert of JSON rows; old releases say in words what their 500 means', async (t) => {
  const upstream = await ScriptedUpstream.listen(t);
  const options = { url: upstream.url, database: 'logs', settings: { insert_quorum: '2' } };
  const { until, store } = await forwardTo(t, 'clickhouse', options, [rich]);
  await until(({ position }) => position === 1);
  const origin = await store.state.origin();
  const [request] = upstream.received as [Received];
  const query = new URL(request.path, upstream.url).searchParams;
  t.same(Object.fromEntries(query), {
    insert_quorum: '2',
    database: 'logs',
    query: 'INSERT INTO logs FORMAT JSONEachRow',
  });
  t.match(JSON.parse(request.text), {
    id: 1,
    origin,
    'metadata.type': ['user', 'http.status'],
    'metadata.value': ['u-1', '500'],
  });

  const cases = [
    ["Code: 60, e.displayText() = DB::Exception: Table logs.logs doesn't exist.", 'held'],
    ['Code: 242, e.displayText() = DB::Exception: Table is in readonly mode', 'waiting'],
  ] as const;
  for (const [text, state] of cases) {
    for (const status of [500, 200]) {
      const failing = (await ScriptedUpstream.listen(t)).always(answer(status, text));
      const { until: untilFailing } = await forwardTo(t, 'clickhouse', { url: failing.url });
      t.match(await untilFailing(({ lastError }) => lastError !== null), { state, position: 0, deadLetters: 0 });
    }
  }

  const poisoned = await ScriptedUpstream.listen(t);
  const cannotParse = 'Code: 26, e.displayText() = DB::Exception: Cannot parse';
  poisoned.always((received, response, asked) =>
    (received.text.includes('"id":4,') ? answer(500, cannotParse) : answer(200))(received, response, asked),
  );
  const { until: untilPoisoned } = await forwardTo(t, 'clickhouse', { url: poisoned.url });
  t.match(await untilPoisoned(({ position }) => position === 10), { deliveredRows: 9, deadLetters: 1 });
});
