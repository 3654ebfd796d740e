/** The endpoint under abuse (F71): floods, hang-ups, hostile paths and bodies, foreign connections. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { Agent, type IncomingMessage, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { test } from 'tap';
import { RegressionClient } from '../../src/client/client.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { openStore } from '../../src/store/remote-store.ts';
import type { SearchPage, SearchRequest } from '../../src/search/request.ts';
import type { QueryLimits, Store } from '../../src/store/store.ts';
import { ManualClock } from '../manual-clock.ts';
import { someRecords } from '../records.ts';
import { tempDir } from '../temp-dir.ts';
import { authorization, serve, storeOf, token } from './serve.ts';

void test('a token that asks too often is told when to come again; others are not held up', async (t) => {
  const clock = new ManualClock();
  const { get, send } = await serve(t, { clock, requestLimits: { requestsPerSecond: 5, maxAtOnce: 100 } });
  await send('POST', '/api/v1/users', { username: 'vera', password: 'long enough', role: 'viewer' });
  const { json: vera } = await send('POST', '/api/v1/tokens', { username: 'vera' });
  const statuses: number[] = [];
  for (let round = 0; round < 10; round++) statuses.push((await get('/api/v1/applications')).status);
  const refused = await get('/api/v1/applications');

  t.strictSame(statuses.filter((status) => status === 200).length, 8, 'twice the rate in a burst, two were used');
  t.match(refused.json, { status: 429, code: 'OVERLOADED' });
  t.equal(refused.headers.get('retry-after'), '1');
  t.equal((await get('/api/v1/applications', { authorization: `Bearer ${vera.token}` })).status, 200);
  t.equal((await get('/health/live', {})).status, 200, 'health is never refused');
  clock.advance(1000);
  t.equal((await get('/api/v1/applications')).status, 200);
});

void test(
  'a thousand requests at once, half of them hanging up, leave the endpoint and the ingest as they were (F71)',
  { timeout: 120_000 },
  async (t) => {
    const store = await openStore({ dataDir: await tempDir(t) });
    t.teardown(() => store.close());
    await store.append({ records: someRecords(500), positions: [], gaps: [] });
    const { url, get } = await serve(t, {
      store,
      clock: systemClock,
      queryTimeoutMs: 60_000,
      requestLimits: { requestsPerSecond: 10_000, maxAtOnce: 16 },
    });
    const before = process.memoryUsage.rss();
    const flood = Array.from({ length: 1000 }, async (_, index) => {
      const signal = index % 2 === 0 ? AbortSignal.timeout(50 + (index % 40)) : undefined;
      const path =
        index % 3 === 0
          ? `/api/v1/logs?q=row%20*%20/w+${index}/&limit=100`
          : `/api/v1/logs?limit=100&after_id=${index}`;
      try {
        const response = await fetch(`${url}${path}`, {
          headers: authorization,
          ...(signal === undefined ? {} : { signal }),
        });
        await response.arrayBuffer();
        return response.status;
      } catch {
        return 0;
      }
    });
    let appended = 0;
    const flooding = Promise.all(flood).finally(() => (appended = -Math.abs(appended)));
    while (appended >= 0) {
      await store.append({ records: someRecords(10), positions: [], gaps: [] });
      appended += 10;
    }
    const statuses = await flooding;

    t.ok(
      statuses.every((status) => [0, 200, 429, 504].includes(status)),
      [...new Set(statuses)].join(' '),
    );
    t.ok(statuses.includes(200) && statuses.includes(429));
    t.ok(appended < 0, 'rows were stored meanwhile');
    t.ok(process.memoryUsage.rss() - before < 500 * 1024 * 1024, 'memory is bounded');
    t.equal((await get('/api/v1/logs?limit=1')).status, 200);
  },
);

void test('who asks for much and reads nothing is cut off, and until then nobody is given more than there is room for', async (t) => {
  const store = await storeOf(someRecords(12, { message: 'x'.repeat(1024 * 1024) }));
  const { url, get } = await serve(t, {
    store,
    clock: systemClock,
    requestLimits: { maxUnsentBytes: 1024 * 1024, stalledAnswerMs: 500 },
  });
  const { hostname, port } = new URL(url);
  const idler = connect(Number(port), hostname);
  t.teardown(() => idler.destroy());
  const closed = once(idler, 'close');
  idler.write(`GET /api/v1/logs HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\n\r\n`);
  await once(idler, 'readable'); // and takes nothing of it

  t.match(await get('/api/v1/logs?limit=1'), { status: 429, json: { code: 'OVERLOADED' } });
  t.equal((await get('/health/live', {})).status, 200);
  while ((await get('/api/v1/logs?limit=1')).status === 429);
  idler.resume();
  await closed;
  t.ok(idler.bytesRead < 12 * 1024 * 1024, 'cut off before the end');
});

void test('of many who are let in at once no more are given long answers than there is room for', async (t) => {
  const store = await storeOf(someRecords(12, { message: 'x'.repeat(1024 * 1024) }));
  const clock = new ManualClock();
  const allAreIn = Promise.withResolvers<void>();
  let answers = 0;
  const { url, get } = await serve(t, {
    clock,
    store: Object.assign<object, object>(Object.create(store) as object, {
      async search(request: SearchRequest, limits: QueryLimits): Promise<SearchPage> {
        answers++;
        await allAreIn.promise;
        return store.search(request, limits);
      },
    }) as Store,
    requestLimits: { maxUnsentBytes: 8 * 1024 * 1024 },
  });
  const { hostname, port } = new URL(url);
  const askers = Array.from({ length: 10 }, () => connect(Number(port), hostname));
  t.teardown(() => askers.forEach((asker) => asker.destroy()));
  const begun = askers.map((asker) => once(asker, 'readable')); // and takes nothing of it
  for (const asker of askers) {
    asker.write(`GET /api/v1/logs?limit=10000 HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\n\r\n`);
  }
  const everythingElse = async (): Promise<void> => {
    for (let round = 0; round < 20; round++) await get('/health/live');
  };
  await everythingElse();
  t.equal(answers, 1);
  allAreIn.resolve();
  await Promise.race(begun);
  await everythingElse();
  const given = answers;
  clock.advance(2000);
  await Promise.all(begun);
  const statuses = askers.map((asker) => /^HTTP\/1\.1 (\d+)/.exec(String(asker.read(12)))?.[1]);

  t.ok(given <= 2, `${given} answers`);
  t.equal(statuses.filter((status) => status === '200').length, given);
  t.equal(statuses.filter((status) => status === '503').length, 10 - given);
  for (const asker of askers) asker.destroy();
  while ((await get('/api/v1/logs?limit=10000')).status !== 200);
});

void test('a request whose asker hangs up is ended, and is no failure in the log', async (t) => {
  const asked = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const store = Object.assign<Store, Pick<Store, 'search'>>(new SqliteStore(':memory:'), {
    async search(_request, { signal }) {
      asked.resolve();
      if (signal?.aborted === false) await once(signal, 'abort');
      ended.resolve();
      throw signal?.reason;
    },
  });
  const lines: string[] = [];
  const said = Promise.withResolvers<void>();
  const write = (line: string): void => {
    lines.push(line);
    said.resolve();
  };
  const { url } = await serve(t, { store, logger: pino({ level: 'debug' }, { write }) });
  const hangUp = new AbortController();
  const asking = fetch(`${url}/api/v1/logs`, { headers: authorization, signal: hangUp.signal });
  await asked.promise;
  hangUp.abort();
  await t.rejects(asking);
  await ended.promise;
  await said.promise;

  t.match(
    lines.map((line) => JSON.parse(line) as object),
    [{ level: 20, msg: 'a request failed' }],
  );
});

const hostile: readonly (readonly [path: string, status: number])[] = [
  ['/api/v1/../../etc/passwd', 404],
  ['/api/v1/..%2f..%2f..%2fetc%2fpasswd', 404],
  ['/api/v1/logs/1%00', 400],
  ['/api/v1/logs/9007199254740993', 400],
  ['/api/v1/logs/-1', 400],
  [`/api/v1/logs?q=${'('.repeat(3000)}`, 400],
  [`/api/v1/logs?q=${'a'.repeat(5000)}`, 400],
  ['/api/v1/logs?limit=1e9', 400],
  ['/api/v1/logs?limit=10001', 400],
  ["/api/v1/logs?application=';%20DROP%20TABLE%20logs;%20--", 200],
  ['/api/v1/logs?q=%25%25%25%25', 200],
  ['/api/v1/logs?meta.__proto__=x&meta.constructor=y', 200],
  ['/api/v1/logs?__proto__=x', 400],
  ['/api/v1/logs?token=rgr_x', 400],
  ['/api/v1/logs?access_token=rgr_x', 400],
  ['/api/v1/consumers/..', 400],
  [`/api/v1/consumers/${'x'.repeat(200)}`, 400],
  ['//evil.example/api/v1/logs', 404],
];
void test('hostile paths and parameters are answered, and do nothing (F71)', async (t) => {
  const { get, url } = await serve(t, { store: await storeOf(someRecords(3)) });
  const { port, hostname } = new URL(url);
  for (const [path, expected] of hostile) {
    // By hand: fetch would tidy the path.
    const socket = connect(Number(port), hostname);
    socket.end(
      `GET ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\nconnection: close\r\n\r\n`,
    );
    let text = '';
    socket.setEncoding('utf8').on('data', (part: string) => (text += part));
    await once(socket, 'close');
    t.equal(Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]), expected, `${path.slice(0, 60)}: ${text.slice(0, 40)}`);
    t.notMatch(text, /root:|node_modules/);
  }
  t.equal((await get('/api/v1/logs')).json.rows.length, 3);
});

void test('a connection that is kept open collects nothing from its requests', async (t) => {
  const { url } = await serve(t, { store: await storeOf(someRecords(1)) });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  for (let round = 0; round < 20; round++) {
    const asked = httpRequest(`${url}/api/v1/logs?limit=${round + 1}`, { agent, headers: authorization });
    asked.end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
  }
  await new Promise((resolve) => setImmediate(resolve));

  t.strictSame(warnings, []);
});

void test('bodies have a bound and a type', async (t) => {
  const { send } = await serve(t);
  t.equal((await send('POST', '/api/v1/sql', JSON.stringify({ sql: 'x'.repeat(2_000_000) }))).status, 413);
  t.equal(
    (
      await send('POST', '/api/v1/sql', 'sql=SELECT', {
        ...authorization,
        'content-type': 'application/x-www-form-urlencoded',
      })
    ).status,
    415,
  );
  t.equal((await send('POST', '/api/v1/sql', '{"__proto__":{"x":1},"sql":"SELECT 1"}')).status, 400);
});

const openssl = '/usr/bin/openssl';
void test(
  'with TLS other hosts may ask; the client can hold on to one certificate',
  { skip: !existsSync(openssl) && 'openssl is not installed' },
  async (t) => {
    const directory = await tempDir(t);
    const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
    await promisify(execFile)(openssl, [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '1',
      '-subj',
      '/CN=regression.test',
      '-keyout',
      key,
      '-out',
      cert,
    ]);
    const { url } = await serve(t, { listen: '0.0.0.0:0', tls: { cert, key }, store: await storeOf(someRecords(2)) });
    const reached = url.replace('0.0.0.0', '127.0.0.1');
    const client = new RegressionClient({ url: reached, token, certificate: await readFile(cert, 'utf8') });
    t.teardown(() => client.close());
    const stranger = new RegressionClient({ url: reached, token });
    t.teardown(() => stranger.close());

    t.match(url, /^https:/);
    t.equal((await client.logs()).rows.length, 2);
    await t.rejects(stranger.logs(), { code: 'DAEMON_UNREACHABLE' }, 'an unknown certificate');
    await t.rejects(serve(t, { tls: { cert: join(directory, 'gone.pem'), key } }), {
      code: 'CONFIG_INVALID',
      message: /server\.tls\.cert/,
    });
  },
);

void test("a Unix socket has the mode it is given, and is the server's while it lives", async (t) => {
  const path = join(await tempDir(t), 'query.sock');
  const { client } = await serve(t, {
    listen: `unix:${path}`,
    socketMode: 0o660,
    store: await storeOf(someRecords(1)),
  });

  t.equal((await stat(path)).mode & 0o777, 0o660);
  t.equal((await client.logs()).rows.length, 1);
});
