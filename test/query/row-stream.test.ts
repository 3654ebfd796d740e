/** More rows than a page has, in one answer: sent while they are read. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { pino } from 'pino';
import { test } from 'tap';
import { systemClock } from '../../src/runtime/clock.ts';
import { RegressionError } from '../../src/runtime/errors.ts';
import type { LogRow, SearchPage, SearchRequest } from '../../src/search/request.ts';
import type { QueryLimits, Store } from '../../src/store/store.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { openStore } from '../../src/store/remote-store.ts';
import { rowsPerPart } from '../../src/query/row-stream.ts';
import { someRecords } from '../records.ts';
import { memoryDir } from '../temp-dir.ts';
import { authorization, serve, storeOf, token } from './serve.ts';

interface End {
  readonly _end: true;
  readonly rows: number;
  readonly last_id: number;
  readonly next: string | null;
}

function linesOf(text: string): { readonly rows: readonly LogRow[]; readonly end: End } {
  const lines = text.trimEnd().split('\n');
  const end = JSON.parse(lines.pop() ?? '') as End;
  return { rows: lines.map((line) => JSON.parse(line) as LogRow), end };
}

/** Parts of one row each without an end, each so long that it does not go into a connection that nobody reads. */
function endlessStore(onPart: (number: number, limits: QueryLimits) => void | Promise<void>): Store {
  let parts = 0;
  return Object.assign<Store, Pick<Store, 'search'>>(new SqliteStore(':memory:'), {
    async search(_request: SearchRequest, limits: QueryLimits): Promise<SearchPage> {
      parts++;
      await onPart(parts, limits);
      const bytes = Buffer.alloc(16 * 1024 * 1024, 'x');
      const place = { id: parts, timestamp: '2026-11-24T03:00:00.000000Z' };
      return { ndjson: '', bytes, rowCount: 1, last: place, hasMore: true, lastId: 1e9, firstId: 1, holes: [] };
    },
  });
}

void test('a limit beyond a page gives the rows of the pages, in one NDJSON answer and in any order', async (t) => {
  const count = 2 * rowsPerPart + 500;
  const { get } = await serve(t, { store: await storeOf(someRecords(count)) });
  for (const order of ['asc', 'desc', 'arrival']) {
    const { text, headers } = await get(`/api/v1/logs?order=${order}&format=ndjson&limit=20000`);
    const { rows, end } = linesOf(text);
    const messages = Array.from({ length: count }, (_, index) => `row ${index}`);

    t.strictSame(
      rows.map(({ message }) => message),
      order === 'desc' ? messages.toReversed() : messages,
      order,
    );
    t.strictSame(end, { _end: true, rows: count, last_id: count, next: null });
    t.match(headers.get('content-type'), 'application/x-ndjson');
    t.equal(headers.get('link'), null);
  }
});

void test('a store in threads gives the same bytes, however slowly they are read', async (t) => {
  const count = 2 * rowsPerPart + 1000;
  const store = await openStore({ dataDir: await memoryDir(t) });
  t.teardown(() => store.close());
  await store.append({
    records: someRecords(count).map((record, index) => ({ ...record, message: `${index} ${'é'.repeat(150)}` })),
    positions: [],
    gaps: [],
  });
  const { get, url } = await serve(t, { store, clock: systemClock });
  const path = '/api/v1/logs?order=arrival&format=ndjson';
  const pages = [await get(`${path}&limit=10000`), await get(`${path}&limit=10000&after_id=10000`)];
  const answer = await fetch(`${url}${path}&limit=20000`, { headers: authorization });
  const pieces: Uint8Array[] = [];
  for await (const piece of answer.body ?? []) {
    pieces.push(piece);
    if (pieces.length % 10 === 0) await get('/health/live');
  }
  const rows = Buffer.concat(pieces).toString().trimEnd().split('\n').slice(0, -1);

  t.equal(rows.length, count);
  t.ok(rows.join('\n') === pages.flatMap(({ text }) => text.trimEnd().split('\n').slice(0, -1)).join('\n'));
});

void test('a limit that cuts it leads on to the next one, and fields choose', async (t) => {
  const { get } = await serve(t, { store: await storeOf(someRecords(2 * rowsPerPart + 2)) });
  const path = `/api/v1/logs?order=arrival&format=ndjson&fields=message&limit=${2 * rowsPerPart + 1}`;
  const first = linesOf((await get(path)).text);
  const second = linesOf((await get(`${path}&cursor=${first.end.next}`)).text);
  const none = linesOf((await get(`${path}&after_id=${2 * rowsPerPart + 2}`)).text);

  t.equal(first.end.rows, 2 * rowsPerPart + 1);
  t.strictSame(first.rows.at(-1), { message: `row ${2 * rowsPerPart}` });
  t.strictSame(second.rows, [{ message: `row ${2 * rowsPerPart + 1}` }]);
  t.equal(second.end.next, null);
  t.match(none, { rows: [], end: { rows: 0, next: null, last_id: 2 * rowsPerPart + 2 } });
});

void test('what goes wrong at first is a problem; in the middle it breaks the answer off before its last line', async (t) => {
  let failsAt = 1;
  const said: { msg: string }[] = [];
  const { get, url } = await serve(t, {
    store: endlessStore((number) => {
      if (number === failsAt) throw new RegressionError('QUERY_TIMEOUT', 'the query took longer than 5000 ms');
    }),
    logger: pino({ level: 'warn' }, { write: (line) => said.push(JSON.parse(line) as { msg: string }) }),
  });
  const path = '/api/v1/logs?format=ndjson&limit=1000000';
  t.match(await get(path), { status: 504, json: { code: 'QUERY_TIMEOUT' } });

  failsAt = 3;
  const answer = await fetch(`${url}${path}`, { headers: authorization });
  t.equal(answer.status, 200);
  await t.rejects(answer.text(), 'the connection is cut');
  t.match(said, [{ msg: 'an answer was broken off' }]);
});

void test('who reads nothing is given no more than two parts ahead, and who hangs up is asked for no more', async (t) => {
  let parts = 0;
  const ended = Promise.withResolvers<void>();
  const { url, get } = await serve(t, {
    store: endlessStore((number, { signal }) => {
      parts = number;
      signal?.addEventListener('abort', () => ended.resolve());
    }),
  });
  const { hostname, port } = new URL(url);
  const idler = connect(Number(port), hostname);
  t.teardown(() => idler.destroy());
  idler.write(
    `GET /api/v1/logs?format=ndjson&limit=1000000 HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\n\r\n`,
  );
  await once(idler, 'readable'); // and takes nothing of it
  for (let round = 0; round < 20; round++) await get('/health/live');

  t.equal(parts, 2, 'one on its way, one that waits');
  t.match(await get('/api/v1/applications'), { status: 429, json: { code: 'OVERLOADED' } }, 'they count as unsent');
  idler.destroy();
  await ended.promise;
  t.equal(parts, 2);
});
