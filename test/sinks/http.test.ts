import dns from 'node:dns';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type Test } from 'tap';
import { retryAfterMs } from '../../src/sinks/http-upstream.ts';
import { configured, forwarding } from '../pipeline/forward/forwarding.ts';
import { someRecords } from '../records.ts';
import { tempDir } from '../temp-dir.ts';
import { ScriptedUpstream, type Step, answer, cut, hang, rowsIn } from './scripted-upstream.ts';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

async function forwardTo(t: Test, upstream: ScriptedUpstream, options: Record<string, unknown> = {}, rows = 10) {
  const sink = configured('http', { url: `${upstream.url}/in`, batch_rows: 5, timeout: '20s', ...options });
  return forwarding(t, [sink], { records: someRecords(rows), env: { TOKEN: 's3cret' } });
}

void test('rows are posted as NDJSON with the headers and credentials of the configuration', async (t) => {
  const upstream = await ScriptedUpstream.listen(t);
  const auths = [
    [{ type: 'bearer', token: { env: 'TOKEN' } }, 'authorization', 'Bearer s3cret'],
    [{ type: 'basic', username: 'me', password: { env: 'TOKEN' } }, 'authorization', 'Basic bWU6czNjcmV0'],
    [{ type: 'header', name: 'X-Api-Key', value: { env: 'TOKEN' } }, 'x-api-key', 's3cret'],
  ] as const;
  for (const [auth, header, value] of auths) {
    for (const compression of ['none', 'gzip', 'zstd']) {
      upstream.received.length = 0;
      const { until } = await forwardTo(
        t,
        upstream,
        { auth, compression, headers: { 'x-tenant': 'a' }, batch_rows: 50 },
        60,
      );
      await until(({ position }) => position === 60);
      t.same(
        rowsIn(upstream.received).map(({ id }) => id),
        upTo(60),
      );
      t.match(upstream.received[0], { method: 'POST', path: '/in' });
      t.match(upstream.received[0]?.headers, {
        'content-type': 'application/x-ndjson',
        'content-encoding': compression === 'none' ? undefined : compression,
        'x-tenant': 'a',
        [header]: value,
      });
    }
  }
});

void test('F52: a batch whose answer was lost is sent again word for word under the same key', async (t) => {
  const upstream = (await ScriptedUpstream.listen(t)).script(cut, answer(503), answer(200));
  const { until } = await forwardTo(t, upstream);
  await until(({ position }) => position === 10);

  const [first, second, third, fourth] = upstream.received;
  t.ok(first?.headers['idempotency-key']);
  for (const again of [second, third]) {
    t.equal(again?.headers['idempotency-key'], first?.headers['idempotency-key']);
    t.equal(again?.text, first?.text);
  }
  t.not(fourth?.headers['idempotency-key'], first?.headers['idempotency-key']);
  t.same(
    rowsIn(upstream.received.slice(2)).map(({ id }) => id),
    upTo(10),
  );
});

void test('what a status means: wait, hold or split', async (t) => {
  const cases: readonly (readonly [number, string, string])[] = [
    [408, 'waiting', ''],
    [429, 'waiting', ''],
    [500, 'waiting', ''],
    [502, 'waiting', ''],
    [401, 'held', 'auth'],
    [403, 'held', 'auth'],
    [404, 'held', 'url'],
    [301, 'held', 'Redirects are not followed'],
    [508, 'held', 'leads back'],
  ];
  for (const [status, state, hint] of cases) {
    const upstream = (await ScriptedUpstream.listen(t)).always(answer(status, 'no', { location: 'http://elsewhere/' }));
    const { until } = await forwardTo(t, upstream);
    const seen = await until((sink) => sink.lastError !== null);
    t.match(seen, { state, position: 0, deadLetters: 0, lastError: { message: `${status} no` } }, String(status));
    if (hint !== '') t.match(seen.lastError?.hint, hint);
    upstream.always(answer(204));
    t.match(await until(({ position }) => position === 10), { deliveredRows: 10, deadLetters: 0 });
    t.same([...new Set(rowsIn(upstream.received).map(({ id }) => id))], upTo(10));
  }
});

void test('F53: 429, 503 and 408, Retry-After in seconds, as a date and absurd: the sink waits as long, and drops nothing', async (t) => {
  const inSeconds = (seconds: number): string => new Date(Date.now() + seconds * 1000).toUTCString();
  const upstream = (await ScriptedUpstream.listen(t)).script(
    answer(429, '', { 'retry-after': '7' }),
    answer(503, '', { 'retry-after': inSeconds(3600) }),
    answer(429, '', { 'retry-after': '1000000000' }),
    answer(408),
  );
  const { until, clock } = await forwardTo(t, upstream);
  t.match(await until(({ position }) => position === 10), { deliveredRows: 10, deadLetters: 0 });

  // One request after each wait, and none beside it; a quarter of an hour is the longest.
  t.equal(upstream.received.length, 4 + 2);
  const longest = clock.waits.toSorted((a, b) => a - b).slice(-3);
  t.ok((longest[0] ?? 0) > 6000 && (longest[0] ?? 0) < 7300, String(longest));
  for (const wait of longest.slice(1)) t.ok(wait > 890_000 && wait <= 900_200, String(longest));
});

void test('F54: 400, 413 and 422 for one poison row: it alone is a dead letter', async (t) => {
  for (const status of [400, 413, 422]) {
    const upstream = await ScriptedUpstream.listen(t);
    const taken: number[] = [];
    upstream.always((received, response, request) => {
      const ids = rowsIn([received]).map(({ id }) => id);
      if (ids.includes(7)) return answer(status, 'row 7')(received, response, request);
      taken.push(...ids);
      return answer(200)(received, response, request);
    });
    const { until } = await forwardTo(t, upstream, {}, 20);
    const sink = await until(({ position }) => position === 20);
    t.match(sink, { deliveredRows: 19, deadLetters: 1 });
    t.same(
      taken,
      upTo(20).filter((id) => id !== 7),
    );
  }
});

void test('F56: answers that never come, never end or make no sense are given up, and the rows are delivered later', async (t) => {
  const dribble: Step = (_received, response) => {
    response.writeHead(200);
    response.write('.');
    const timer = setInterval(() => response.write('.'), 20);
    response.on('close', () => clearInterval(timer));
  };
  const flood: Step = (_received, response) => {
    response.writeHead(200);
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(1024 * 1024)));
    };
    response.on('drain', more);
    more();
  };
  const badGzip = answer(200, 'this is no gzip', { 'content-encoding': 'gzip' });
  const garbage: Step = (_received, _response, request) => request.socket.end('SMTP what?\r\n\r\n');
  const short: Step = (_received, response, request) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('half');
    request.socket.destroySoon();
  };
  const upstream = (await ScriptedUpstream.listen(t)).script(hang, dribble, flood, garbage, short, badGzip);
  const { until } = await forwardTo(t, upstream, { timeout: '500ms' });
  const status = await until(({ position }) => position === 10);

  t.match(status, { deliveredRows: 10, deadLetters: 0, state: 'idle' });
  // Given up means closed: it is waited for, not timed.
  while (upstream.openConnections > 1) await new Promise((resolve) => setTimeout(resolve, 10));
});

void test('F56: the connection is kept from request to request, and left by nobody', async (t) => {
  const upstream = (await ScriptedUpstream.listen(t)).always(answer(200, 'x'.repeat(100_000)));
  const { until } = await forwardTo(t, upstream, {}, 200);
  await until(({ position }) => position === 200);

  t.equal(upstream.received.length, 40);
  t.equal(upstream.connections, 1);
});

void test('F56: a name that DNS does not know is said so', async (t) => {
  const sink = configured('http', { url: 'http://nowhere.invalid/in' });
  const { until } = await forwarding(t, [sink], { records: someRecords(1) });
  const { lastError } = await until((status) => status.lastError !== null);

  t.match(lastError?.hint, /DNS|name server/);
});

/** From here on names lead where `addressNow` says, to nowhere while it says null. */
function nameServer(t: Test, addressNow: () => string | null): void {
  const { lookup } = dns;
  t.teardown(() => (dns.lookup = lookup));
  dns.lookup = ((name: string, options: { all?: boolean }, done: (...answer: unknown[]) => void) => {
    const address = addressNow();
    if (address === null) return done(Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' }));
    return options.all === true ? done(null, [{ address, family: 4 }]) : done(null, address, 4);
  }) as typeof lookup;
}

void test('F56: a name that DNS does not know yet is asked for again, and then delivered to', async (t) => {
  const upstream = await ScriptedUpstream.listen(t);
  let address: string | null = null;
  nameServer(t, () => address);
  const { until } = await forwardTo(t, upstream, { url: `http://logs.test:${upstream.port}/in` });
  t.match(await until(({ lastError }) => lastError !== null), { position: 0, lastError: { hint: /DNS/ } });
  address = '127.0.0.1';

  t.match(await until(({ position }) => position === 10), { deliveredRows: 10, deadLetters: 0 });
});

void test('F56: a name that leads to another address after a failure is looked up anew', async (t) => {
  const before = (await ScriptedUpstream.listen(t)).script(answer(200)).always(hang);
  const { port } = before;
  const after = new ScriptedUpstream();
  await after.listen(port, '127.0.0.2');
  t.teardown(() => after.close());
  let address = '127.0.0.1';
  nameServer(t, () => address);
  const { until } = await forwardTo(t, before, { url: `http://logs.test:${port}/in`, timeout: '1s' });
  await before.until(() => before.received.length === 2);
  address = '127.0.0.2';

  t.match(await until(({ position }) => position === 10), { deliveredRows: 10, deadLetters: 0 });
  t.same(
    rowsIn(after.received).map(({ id }) => id),
    upTo(10).slice(5),
  );
});

void test('F51: an upstream that goes away and comes back on its port gets the rest', async (t) => {
  const upstream = await ScriptedUpstream.listen(t);
  const { port } = upstream;
  const { until, add } = await forwardTo(t, upstream);
  await until(({ position }) => position === 10);
  await upstream.close();
  await add(someRecords(10));
  const down = await until(({ state }) => state === 'waiting');
  t.match(down.lastError?.hint, 'Nobody listens');
  const back = new ScriptedUpstream();
  await back.listen(port);
  t.teardown(() => back.close());
  await until(({ position }) => position === 20);

  t.same(
    rowsIn(back.received).map(({ id }) => id),
    upTo(20).slice(10),
  );
});

void test('a request that fails leaves the one beside it alone: what that one brings is not sent again', async (t) => {
  let finishFirst: () => void = () => undefined;
  const hold: Step = (_received, response) => void (finishFirst = () => response.end());
  const upstream = (await ScriptedUpstream.listen(t)).script(hold, answer(503), (_received, response) => {
    response.end();
    finishFirst();
  });
  const records = someRecords(10).map((record, index) => ({ ...record, source: `source ${index}` }));
  const sink = configured('http', { url: upstream.url, concurrency: 2 });
  const { until } = await forwarding(t, [sink], { records });
  await until(({ position }) => position === 10);

  const [first, failed, again] = upstream.received;
  t.equal(upstream.received.length, 3);
  t.equal(again?.text, failed?.text);
  t.same(rowsIn([first, again].filter((received) => received !== undefined)).length, 10);
});

void test('a secret in a file is read anew after a refusal, so a rotated token needs no restart', async (t) => {
  const file = join(await tempDir(t), 'token');
  await writeFile(file, 'old\n');
  const upstream = await ScriptedUpstream.listen(t);
  upstream.always((received, response, request) =>
    answer(received.headers.authorization === 'Bearer new' ? 200 : 401)(received, response, request),
  );
  const { until } = await forwardTo(t, upstream, { auth: { type: 'bearer', token: { file } } });
  await until(({ state }) => state === 'held');
  await writeFile(file, 'new\n');

  t.match(await until(({ position }) => position === 10), { deliveredRows: 10, deadLetters: 0 });
});

void test('a secret that is not there holds the rows and names where it was looked for', async (t) => {
  const upstream = await ScriptedUpstream.listen(t);
  const { until } = await forwardTo(t, upstream, { auth: { type: 'bearer', token: { env: 'NOT_SET' } } });
  const held = await until(({ state }) => state === 'held');

  t.match(held.lastError?.message, 'NOT_SET');
});

void test('Retry-After: seconds and HTTP dates', async (t) => {
  const nowMs = Date.parse('2026-11-25T01:00:00Z');
  t.equal(retryAfterMs('120', nowMs), 120_000);
  t.equal(retryAfterMs('Wed, 25 Nov 2026 01:00:30 GMT', nowMs), 30_000);
  t.equal(retryAfterMs('Wed, 25 Nov 2026 00:00:00 GMT', nowMs), 0);
  t.equal(retryAfterMs('soon', nowMs), undefined);
  t.equal(retryAfterMs(undefined, nowMs), undefined);
});
