/** The endpoint as its askers see it: a real server on a free port, a real store behind it. */
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import type { HealthPart } from '../../src/query/context.ts';
import { RegressionError } from '../../src/runtime/errors.ts';
import type { LogRow } from '../../src/search/request.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { aRecord, someRecords } from '../records.ts';
import { tempDir } from '../temp-dir.ts';
import { authorization, serve, storeOf, token } from './serve.ts';

const messages = (rows: readonly LogRow[]): string[] => rows.map(({ message }) => message);

void test('a row has the documented keys, in their order', async (t) => {
  const record = aRecord({ message: 'hello', metadata: [['userId', 'u-1']] });
  const { get } = await serve(t, { store: await storeOf([record]) });
  const { status, json } = await get('/api/v1/logs');

  t.equal(status, 200);
  t.equal(
    JSON.stringify(json.rows),
    '[{"id":1,"timestamp":"2026-11-24T03:00:00.000000Z","severity":"INFO","application":"shop","version":"2.3.1",' +
      '"environment":"production","source":"/var/log/shop/app.log","message":"hello","metadata":{"userId":"u-1"}}]',
  );
  t.match(json, { next: null, truncated: false, stats: { rows: 1, last_id: 1 } });
});

void test('every filter narrows the answer', async (t) => {
  const application = (name: string, version: string, environment = 'production') => ({ name, version, environment });
  const { client } = await serve(t, {
    store: await storeOf([
      aRecord({ message: 'a disk is full', severity: 'ERROR', timestamp: '2026-11-24T01:00:00.000000Z' }),
      aRecord({ message: 'b user came', metadata: [['userId', 'u-1']], timestamp: '2026-11-24T02:00:00.000000Z' }),
      aRecord({
        message: 'c Disk is fine',
        application: application('api', '1'),
        timestamp: '2026-11-24T03:00:00.000000Z',
      }),
      aRecord({
        message: 'd 100% done',
        application: application('api', '2', 'test'),
        source: '/other.log',
        severity: 'WARN',
      }),
    ]),
  });
  const ask = async (query: Parameters<typeof client.logs>[0]): Promise<string> =>
    messages((await client.logs({ order: 'arrival', ...query })).rows)
      .map((message) => message[0])
      .join('');

  t.equal(await ask({}), 'abcd');
  t.equal(await ask({ severity: 'WARN' }), 'ad');
  t.equal(await ask({ severity: 'error' }), 'a');
  t.equal(await ask({ application: 'api' }), 'cd');
  t.equal(await ask({ application: 'api', version: '2' }), 'd');
  t.equal(await ask({ environment: 'production' }), 'abc');
  t.equal(await ask({ source: '/other.log' }), 'd');
  t.equal(await ask({ metadata: [['userId', 'u-1']] }), 'b');
  t.equal(await ask({ metadata: [['userId', 'u-2']] }), '');
  t.equal(await ask({ q: 'DISK' }), 'ac');
  t.equal(await ask({ q: 'disk full' }), 'a');
  t.equal(await ask({ q: '"disk is" fine' }), 'c');
  t.equal(await ask({ q: '0%' }), 'd', 'wildcards of LIKE are text');
  t.equal(await ask({ q: 'severity:>=warn -app:shop' }), 'd', 'the search language');
  t.equal(await ask({ q: 'userId:u-1 OR /d[oi]ne/' }), 'bd');
  t.equal(await ask({ start: '2026-11-24T02:00:00Z', end: '2026-11-24T03:00:00Z' }), 'b', 'start is in, end is out');
  t.equal(await ask({ start: '-90m' }), 'cd', 'from the clock backwards');
  t.equal(await ask({ after_id: 2 }), 'cd');
});

void test('pages follow each other without a gap or a repeat, while rows come in', async (t) => {
  const store = await storeOf(someRecords(250));
  const { client } = await serve(t, { store });
  for (const order of ['asc', 'desc', 'arrival'] as const) {
    const seen: string[] = [];
    for await (const { message } of client.rows({ order, limit: 20, end: '2026-11-24T04:00:00Z', after_id: 0 })) {
      seen.push(message);
      if (seen.length === 100 && order !== 'arrival') {
        await store.append({
          records: [aRecord({ message: 'late', timestamp: '2026-11-25T00:00:00.000000Z' })],
          positions: [],
          gaps: [],
        });
      }
    }
    const expected = Array.from({ length: 250 }, (_, index) => `row ${index}`);
    t.strictSame(seen, order === 'desc' ? expected.toReversed() : expected, order);
  }
});

void test('a page links to the next one (RFC 8288) and says that it was cut', async (t) => {
  const { get } = await serve(t, { store: await storeOf(someRecords(3)) });
  const { json, headers } = await get('/api/v1/logs?limit=2&severity=INFO');
  const link = /^<(.*)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1] ?? '';
  const second = await get(link);

  t.equal(json.truncated, true);
  t.strictSame(messages(second.json.rows), ['row 0']);
  t.strictSame([second.json.next, second.json.truncated, second.headers.get('link')], [null, false, null]);
});

void test('NDJSON by parameter or by Accept ends with a line that says it is whole', async (t) => {
  const { get } = await serve(t, { store: await storeOf(someRecords(2)) });
  for (const answer of [
    await get('/api/v1/logs?format=ndjson'),
    await get('/api/v1/logs', { ...authorization, accept: 'application/x-ndjson' }),
  ]) {
    const lines = answer.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    t.match(answer.headers.get('content-type'), 'application/x-ndjson');
    t.strictSame(lines.at(-1), { _end: true, rows: 2, last_id: 2, next: null });
    t.equal(lines.length, 3);
  }
});

void test('CSV quotes what must be quoted (RFC 4180), text is a line a row, and fields choose and order', async (t) => {
  const record = aRecord({
    message: 'say "hi",\nthen go',
    metadata: [
      ['userId', 'u-1'],
      ['source', 'meta'],
    ],
  });
  const { get } = await serve(t, { store: await storeOf([record]) });
  const csv = await get('/api/v1/logs?format=csv');
  const some = await get('/api/v1/logs?fields=userId,message,meta.source,nothing', {
    ...authorization,
    accept: 'text/csv',
  });
  const json = await get('/api/v1/logs?fields=message,nothing,userId');
  const ndjson = await get('/api/v1/logs?fields=severity&format=ndjson');
  const text = await get('/api/v1/logs', { ...authorization, accept: 'text/plain' });

  t.match(csv.headers.get('content-type'), /^text\/csv/);
  t.equal(
    csv.text,
    'id,timestamp,severity,application,version,environment,source,message,metadata\r\n' +
      '1,2026-11-24T03:00:00.000000Z,INFO,shop,2.3.1,production,/var/log/shop/app.log,"say ""hi"",\nthen go",' +
      '"{""userId"":""u-1"",""source"":""meta""}"\r\n',
  );
  t.equal(some.text, 'userId,message,meta.source,nothing\r\nu-1,"say ""hi"",\nthen go",meta,\r\n');
  t.equal(JSON.stringify(json.json.rows), '[{"message":"say \\"hi\\",\\nthen go","nothing":null,"userId":"u-1"}]');
  t.match(ndjson.text, /^\{"severity":"INFO"\}\n\{"_end":true/);
  t.match(text.headers.get('content-type'), /^text\/plain/);
  t.equal(text.text, '2026-11-24 03:00:00.000Z INFO  shop@2.3.1 say "hi",\n    then go userId=u-1 source=meta\n');
  t.match((await get('/api/v1/logs?fields=a,a')).json, { code: 'QUERY_INVALID', parameter: 'fields' });
});

void test('hits counts rows per step, in the shape of VictoriaLogs', async (t) => {
  const { client, get } = await serve(t, { store: await storeOf(someRecords(150)) });
  t.strictSame(await client.hits({ step: '1m' }), {
    hits: [
      {
        fields: {},
        timestamps: ['2026-11-24T03:00:00.000000Z', '2026-11-24T03:01:00.000000Z', '2026-11-24T03:02:00.000000Z'],
        values: [60, 60, 30],
        total: 150,
      },
    ],
  });
  t.match((await client.hits({ step: '45s', q: 'row 1' })).hits[0], { total: 69 });
  t.match((await get('/api/v1/hits?step=1s&start=2020-01-01')).json, { code: 'QUERY_INVALID', parameter: 'step' });
  t.match((await get('/api/v1/hits?step=soon')).json, { code: 'QUERY_INVALID', parameter: 'step' });
});

const wrong: readonly (readonly [query: string, parameter: string | undefined, hint: RegExp | undefined])[] = [
  ['limt=5', undefined, /Did you mean limit\?/],
  ['limit=0', 'limit', /at most 10000/],
  ['limit=many', 'limit', /at most 10000/],
  ['limit=10001', 'limit', /NDJSON/],
  ['limit=1000001&format=ndjson', 'limit', /1000000/],
  ['limit=5&limit=6', 'limit', /once/],
  ['severity=LOUD', 'severity', undefined],
  ['start=yesterday', 'start', /RFC 3339/],
  ['start=now&end=-1h', 'end', /Swap/],
  ['q=%22open', 'q', /Close the phrase/],
  ['q=severity:loud', 'q', /severity:>=warn/],
  ['format=xml', 'format', undefined],
  ['order=up', 'order', /newest first/],
  ['cursor=abc', 'cursor', /unchanged/],
  ['after_id=-1', 'after_id', undefined],
];
for (const [query, parameter, hint] of wrong) {
  void test(`?${query} is answered with what is wrong and where`, async (t) => {
    const { get } = await serve(t);
    const { status, headers, json } = await get(`/api/v1/logs?${query}`);

    t.equal(status, 400);
    t.match(headers.get('content-type'), 'application/problem+json');
    t.match(json, {
      status: 400,
      code: 'QUERY_INVALID',
      title: 'Bad request',
      ...(parameter === undefined ? {} : { parameter }),
    });
    if (hint !== undefined) t.match(json.hint, hint);
  });
}

void test('what is refused is told as it was sent, with what was expected', async (t) => {
  const { get, send } = await serve(t);
  const detailOf = async (path: string): Promise<unknown> => (await get(path)).json.detail;

  t.equal(await detailOf('/api/v1/logs?limit=many'), 'limit: expected a whole number from 1 to 1000000, got "many"');
  t.equal(await detailOf('/api/v1/digest?tokens=7'), 'tokens: expected a whole number from 300 to 100000, got "7"');
  t.equal(await detailOf('/api/v1/patterns?sort=up'), 'sort: expected one of count, rare, new, burst, got "up"');
  const user = await send('POST', '/api/v1/users', { username: 'vera', password: 'short', role: 'viewer' });
  t.equal(user.json.detail, 'password: expected at least 8 and at most 1024 characters, got a value that is not shown');
  const rows = await send('POST', '/api/v1/sql', { sql: 'SELECT 1', max_rowz: 1 });
  t.match(rows.json, { detail: 'max_rowz: there is no such parameter', hint: 'Did you mean max_rows?' });
  const consumer = await send('PUT', '/api/v1/consumers/nightly', { max_deliver: null });
  t.equal(consumer.json.detail, 'max_deliver: expected a whole number from 1 to 1000, got null');
});

void test('a cursor belongs to its question', async (t) => {
  const { get } = await serve(t, { store: await storeOf(someRecords(5)) });
  const { next } = (await get('/api/v1/logs?limit=2')).json;

  t.match((await get(`/api/v1/logs?limit=2&severity=WARN&cursor=${next}`)).json, {
    code: 'QUERY_INVALID',
    parameter: 'cursor',
  });
  t.equal((await get(`/api/v1/logs?limit=3&cursor=${next}`)).status, 200, 'the page size may change');
});

void test('without a token or with a wrong one there is no answer', async (t) => {
  const { get } = await serve(t);
  for (const path of ['/api/v1/logs', '/api/v1/hits', '/nothing']) {
    for (const headers of [{}, { authorization: 'Bearer rgr_wrong' }, { authorization: `Basic ${token}` }]) {
      const answer = await get(path, headers as Record<string, string>);
      t.equal(answer.status, 401, path);
      t.match(answer.headers.get('www-authenticate'), /^Bearer/);
      t.match(answer.json, { code: 'UNAUTHORIZED', hint: /admin\.token/ });
    }
  }
});

void test('health, metrics and the API description are open', async (t) => {
  const { get } = await serve(t, { store: await storeOf(someRecords(1)) });
  await get('/api/v1/logs');

  t.strictSame((await get('/health/live', {})).json, { status: 'ok' });
  t.strictSame((await get('/health/ready', {})).json, { status: 'ok', parts: [{ name: 'store', ok: true }] });
  t.match((await get('/metrics', {})).text, /regression_http_requests_total\{route="\/api\/v1\/logs",status="200"\} 1/);
  const { json } = await get('/openapi.json', {});
  t.equal(json.openapi, '3.1.0');
  for (const path of ['/health/ready', '/api/v1/logs', '/api/v1/logs/{id}/context', '/api/v1/facets', '/api/v1/tail']) {
    t.ok(Object.hasOwn(json.paths, path), path);
  }
});

void test('one row by its id, and its neighbours by source, application or any', async (t) => {
  const records = someRecords(6).map((record, index) => ({
    ...record,
    source: index % 2 === 0 ? '/even.log' : '/odd.log',
    application: { name: index < 3 ? 'old' : 'new', version: null, environment: null },
  }));
  const { get } = await serve(t, { store: await storeOf(records) });
  const around = async (query: string): Promise<readonly string[]> => {
    const { json } = await get(`/api/v1/logs/4/context${query}`);
    return [...messages(json.before), `[${json.row.message}]`, ...messages(json.after)];
  };

  t.match((await get('/api/v1/logs/2')).json, { id: 2, message: 'row 1', metadata: {} });
  t.match((await get('/api/v1/logs/99')).json, { status: 404, code: 'NOT_FOUND' });
  t.equal((await get('/api/v1/logs/none')).status, 400);
  t.strictSame(await around(''), ['row 1', '[row 3]', 'row 5']);
  t.strictSame(await around('?scope=application'), ['[row 3]', 'row 4', 'row 5']);
  t.strictSame(await around('?scope=all&before=2&after=1'), ['row 1', 'row 2', '[row 3]', 'row 4']);
  t.match((await get('/api/v1/logs/4/context?befor=2')).json, { code: 'QUERY_INVALID' });
});

void test('facets, field names and field values count what is there', async (t) => {
  const records = someRecords(6).map((record, index) => ({
    ...record,
    severity: index < 4 ? ('INFO' as const) : ('ERROR' as const),
    metadata: [
      ['id', `${index}`],
      ...(index < 3 ? [['region', index === 0 ? 'us' : 'eu'] as const] : []),
      ['severity', 'of metadata'],
    ] as [string, string][],
  }));
  const { get } = await serve(t, { store: await storeOf(records) });
  const values = async (path: string): Promise<unknown> =>
    (await get(path)).json.values.map(({ value, hits }: { value: string; hits: number }) => `${value} ${hits}`);
  const { json } = await get('/api/v1/facets?limit=1');

  t.strictSame(
    json.facets.map(({ field_name: name, values: [top] }: any) => `${name} ${top.field_value} ${top.hits}`),
    [
      'severity INFO 4',
      'source /var/log/shop/app.log 6',
      'application shop 6',
      'version 2.3.1 6',
      'environment production 6',
      'meta.region eu 2',
      'meta.severity of metadata 6',
    ],
  );
  t.strictSame([json.rows, json.truncated], [6, false]);
  t.strictSame(await values('/api/v1/field_names'), ['id 6', 'severity 6', 'region 3']);
  t.strictSame(await values('/api/v1/field_values?field=region'), ['eu 2', 'us 1']);
  t.strictSame(await values('/api/v1/field_values?field=severity&q=region:*'), ['INFO 3']);
  t.strictSame(await values('/api/v1/field_values?field=meta.severity'), ['of metadata 6']);
  t.strictSame(await values('/api/v1/field_values?field=application&severity=error'), ['shop 2']);
  t.match((await get('/api/v1/field_values?field=severity&max_rows=2')).json, {
    rows: 2,
    truncated: true,
    values: [{ value: 'ERROR', hits: 2 }],
  });
});

void test('not ready names the part and why', async (t) => {
  const parts: HealthPart[] = [{ name: 'store', ok: false, reason: 'the disk is full' }];
  const { get } = await serve(t, { health: () => parts });
  const { status, json } = await get('/health/ready');

  t.equal(status, 503);
  t.strictSame(json, { status: 'not_ready', parts });
});

void test('a path that is none is a problem as everything else is', async (t) => {
  const { get } = await serve(t);
  for (const path of ['/api/v1/results/%ff', `/api/v1/results/${'a'.repeat(600)}`]) {
    const { headers, json } = await get(path);
    t.match(headers.get('content-type'), 'application/problem+json');
    t.match(json, { code: 'BAD_URL', detail: /^a path is percent-encoded/ });
  }
});

void test('unknown routes and methods are told apart', async (t) => {
  const { get, url } = await serve(t);
  t.match((await get('/api/v1/log')).json, { status: 404, code: 'NOT_FOUND', hint: /openapi/ });
  const posted = await fetch(`${url}/api/v1/logs`, { method: 'DELETE', headers: authorization });
  t.equal(posted.status, 405);
  t.equal(posted.headers.get('allow'), 'GET, HEAD');
  t.match(await posted.json(), {
    code: 'METHOD_NOT_ALLOWED',
    hint: /^Here goes GET\. All routes: GET \/openapi\.json/,
  });
});

void test('a page of another site cannot ask through its reader (Host and Origin)', async (t) => {
  const { url, get } = await serve(t);
  const asHost = async (host: string): Promise<number | undefined> => {
    const asked = httpRequest(`${url}/api/v1/logs`, { headers: { ...authorization, host } });
    asked.end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode;
  };
  t.equal(await asHost('evil.example'), 421);
  t.equal(await asHost('localhost:8514'), 200);
  t.equal((await get('/api/v1/logs', { ...authorization, origin: 'https://evil.example' })).status, 403);
  t.equal((await get('/api/v1/logs', { ...authorization, origin: url })).status, 200);
});

void test('a query that takes too long is a problem of its own, and bugs show nothing of themselves', async (t) => {
  const store = new SqliteStore(':memory:');
  let error: Error = new RegressionError('QUERY_TIMEOUT', 'the query took longer than 5 s', {
    hint: 'Narrow the time range.',
  });
  store.search = () => Promise.reject(error);
  const { get } = await serve(t, { store });
  t.match((await get('/api/v1/logs')).json, { status: 504, code: 'QUERY_TIMEOUT', hint: /Narrow/ });
  error = new TypeError('secret internals');
  const { status, text } = await get('/api/v1/logs');

  t.equal(status, 500);
  t.notMatch(text, /secret|at .*\.ts/);
});

void test('an address that others can reach is refused unless it is meant', async (t) => {
  await t.rejects(serve(t, { listen: '0.0.0.0:0' }), { code: 'CONFIG_INVALID', hint: /allow_remote/ });
  await t.resolves(serve(t, { listen: '0.0.0.0:0', allowRemote: true }));
});

void test('TLS files that are none, or do not belong together, are refused with a hint', async (t) => {
  const file = join(await tempDir(t), 'a.pem');
  await writeFile(file, 'no certificate');
  const refused = { code: 'CONFIG_INVALID', message: /^server\.tls: .*a\.pem/, hint: /both PEM/ };
  await t.rejects(serve(t, { tls: { cert: file, key: file } }), refused);
});

void test('an address in use is refused with a hint', async (t) => {
  const { url } = await serve(t);
  await t.rejects(serve(t, { listen: new URL(url).host }), { code: 'SERVER_UNAVAILABLE', hint: /server\.listen/ });
});

void test('a file that is no socket stays where the endpoint was to listen', async (t) => {
  const path = join(await tempDir(t), 'notes.txt');
  await writeFile(path, 'mine');

  await t.test('a server that is started and stopped', async (inner) => {
    await inner.rejects(serve(inner, { listen: `unix:${path}` }), { code: 'SERVER_UNAVAILABLE' });
  });
  t.equal(await readFile(path, 'utf8'), 'mine');
});

void test('a Unix socket is for its owner alone, and one left by a killed process is no obstacle', async (t) => {
  const path = join(await tempDir(t), 'query.sock');
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', script]), 'exit');
  const { client } = await serve(t, { listen: `unix:${path}`, store: await storeOf(someRecords(1)) });

  t.equal((await stat(path)).mode & 0o777, 0o600);
  t.strictSame(messages((await client.logs()).rows), ['row 0']);
  await t.rejects(serve(t, { listen: `unix:${path}` }), { code: 'SERVER_UNAVAILABLE' }, 'a live one is in use');
});
