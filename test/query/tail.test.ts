/** Live tail over real sockets. */
import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { test, type Test } from 'tap';
import { LiveFeed, watchLimits } from '../../src/query/live-feed.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { ManualClock } from '../manual-clock.ts';
import { encodedRows } from '../../src/store/batch-encoding.ts';
import { aRecord, someRecords } from '../records.ts';
import { authorization, serve } from './serve.ts';

interface Tail {
  /** Resolves with the text so far once it contains `word`. */
  until(word: string): Promise<string>;
  /** Resolves with the text so far at the next part that comes in. */
  more(): Promise<string>;
  readonly response: IncomingMessage;
}

async function tail(t: Test, url: string, path: string, headers: Record<string, string> = {}): Promise<Tail> {
  const asked = httpRequest(`${url}/api/v1/tail${path}`, { headers: { ...authorization, ...headers } });
  asked.on('error', () => undefined); // the server ends it with the test
  asked.end();
  t.teardown(() => asked.destroy());
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  response.setEncoding('utf8');
  let text = '';
  let wake: () => void = () => undefined;
  response.on('data', (part: string) => {
    text += part;
    wake();
  });
  const more = async () => {
    await new Promise<void>((resolve) => (wake = resolve));
    return text;
  };
  return {
    response,
    more,
    async until(word) {
      while (!text.includes(word)) await more();
      return text;
    },
  };
}

async function fed(t: Test) {
  const store = new SqliteStore(':memory:');
  const feed = new LiveFeed();
  const clock = new ManualClock('2026-11-24T04:00:00Z');
  const { url } = await serve(t, { store, feed, clock });
  const append = feed.appendTo(store);
  return {
    url,
    store,
    feed,
    clock,
    append: (...records: ReturnType<typeof aRecord>[]) => append({ records, positions: [], gaps: [] }),
  };
}

void test('rows are shown the moment they are committed, as events with their id, filtered', async (t) => {
  const { url, append } = await fed(t);
  const live = await tail(t, url, '?severity=warn&q=disk');
  await live.until('live from');
  await append(aRecord({ message: 'disk is fine' }), aRecord({ message: 'disk \0is full', severity: 'ERROR' }));

  t.match(live.response.headers['content-type'], /^text\/event-stream/);
  const text = await live.until('full');
  const [, id, json] = /\n\nid: (\d+)\ndata: (.*)\n\n$/.exec(text) ?? [];
  t.equal(id, '2');
  t.strictSame(JSON.parse(json ?? ''), {
    id: 2,
    timestamp: '2026-11-24T03:00:00.000000Z',
    severity: 'ERROR',
    application: 'shop',
    version: '2.3.1',
    environment: 'production',
    source: '/var/log/shop/app.log',
    message: 'disk \u2400is full',
    metadata: { text_cleaned: 'true' },
  });
  t.notMatch(text, /fine/);
});

void test('what is shown live is what the store then answers', async (t) => {
  const { url, append } = await fed(t);
  const live = await tail(t, url, '?format=ndjson');
  await live.until('_start');
  await append(
    aRecord({
      message: 'é\ud800 "q"',
      metadata: [
        ['__proto__', 'x'],
        ['k\0', '1'],
      ],
      application: { name: 'a\0', version: null, environment: null },
    }),
    aRecord({ message: 'the end' }),
  );
  const shown = (await live.until('the end')).split('\n').slice(1, 3);
  const stored = await (
    await fetch(`${url}/api/v1/logs?order=arrival&format=ndjson`, { headers: authorization })
  ).text();

  t.strictSame(shown, stored.split('\n').slice(0, 2));
});

void test('a reader that comes back gets what it missed from the store, then goes on live, each row once', async (t) => {
  const { url, append } = await fed(t);
  await append(...someRecords(2500));
  const live = await tail(t, url, '', { 'last-event-id': '10' });
  await live.until('row 2499');
  await append(aRecord({ message: 'and then live' }));
  const text = await live.until('and then live');
  const ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));

  t.strictSame(
    ids,
    Array.from({ length: 2491 }, (_, index) => index + 11),
  );
});

void test('a reader that comes back with an id that is not there yet sees what comes', async (t) => {
  const { url, append } = await fed(t);
  await append(aRecord({ message: 'before' }));
  const live = await tail(t, url, '', { 'last-event-id': '999999' });
  await live.until('live from');
  await append(aRecord({ message: 'after the restore' }));

  const text = await live.until('after the restore');
  t.notMatch(text, /before/);
});

void test('a reader that does not keep up is told which rows it missed, and holds up nobody', async (t) => {
  const feed = new LiveFeed();
  const watcher = feed.watch({});
  feed.publish(encodedRows(someRecords(watchLimits.rows + 300)), 1);
  feed.publish(encodedRows(someRecords(50)), watchLimits.rows + 301);
  const events = await watcher.take(AbortSignal.timeout(5000));

  t.equal(events.length, watchLimits.rows + 1);
  t.strictSame(events.at(-1), {
    kind: 'missed',
    rows: 350,
    firstId: watchLimits.rows + 1,
    lastId: watchLimits.rows + 350,
  });
  feed.publish(encodedRows(someRecords(1)), watchLimits.rows + 351);
  t.match(await watcher.take(AbortSignal.timeout(5000)), [{ kind: 'row', id: watchLimits.rows + 351 }]);
  watcher.close();
  t.equal(feed.watcherCount, 0);
});

void test('a slow reader over HTTP reads what it missed as an event, with the range of ids', async (t) => {
  const { url, feed } = await fed(t);
  const live = await tail(t, url, '?format=ndjson');
  await live.until('_start');
  live.response.pause();
  const message = 'x'.repeat(10_000);
  let id = 1;
  for (let round = 0; round < 30; round++) {
    feed.publish(encodedRows(someRecords(100, { message })), id);
    id += 100;
    await new Promise((resolve) => setImmediate(resolve));
  }
  live.response.resume();
  const gap = /^\{"_missed.*\n/m;
  let text = await live.until('_missed');
  while (!gap.test(text)) text = await live.more();
  const [line = ''] = gap.exec(text) ?? [];
  const { _missed: missed } = JSON.parse(line) as { _missed: { rows: number; first_id: number; last_id: number } };

  t.equal(missed.rows, missed.last_id - missed.first_id + 1);
  const before = text.slice(0, text.indexOf(line));
  const shown = [...before.matchAll(/^\{"id":(\d+)/gm)].map(([, shownId]) => Number(shownId));
  t.strictSame(
    shown,
    Array.from({ length: missed.first_id - 1 }, (_, index) => index + 1),
    'all before the gap were shown',
  );
});

void test('a quiet stream says that it is alive, and a reader that hangs up is forgotten', async (t) => {
  const { url, feed, clock } = await fed(t);
  const live = await tail(t, url, '');
  await live.until('live from');
  while (clock.sleeping === 0) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(15_000);
  await live.until(': alive');
  t.equal(feed.watcherCount, 1);
  live.response.destroy();
  while (feed.watcherCount > 0) await new Promise((resolve) => setImmediate(resolve));

  t.equal(feed.watcherCount, 0);
});
