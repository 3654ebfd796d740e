/** F68: sinks that lead in a circle. */
import { test } from 'tap';
import { configured, forwarding } from '../pipeline/forward/forwarding.ts';
import { someRecords } from '../records.ts';
import { startDaemon } from '../start-daemon.ts';
import { tempDir } from '../temp-dir.ts';

void test('F68: a row that comes round to a store that had it is refused, and the sink that brings it is held', async (t) => {
  const first = await startDaemon(t, await tempDir(t));
  const sinkTo = (daemon: typeof first) =>
    configured('regression', { url: daemon.url, auth: { type: 'bearer', token: { env: 'TOKEN' } } });

  // Rows of another store arrive at the first: they have not been there.
  const other = await forwarding(t, [sinkTo(first)], { records: someRecords(3), env: { TOKEN: first.token } });
  await other.until(({ position }) => position === 3);
  const { rows } = await first.client.logs({ order: 'arrival' });
  const origin = await other.store.state.origin();
  t.same(
    rows.map(({ metadata }) => metadata['regression.path']),
    [origin, origin, origin],
  );

  // A third passes on what the first passed to it: the way leads back.
  const firstOrigin = (await first.client.sinks()).origin;
  const records = someRecords(2, { metadata: [['regression.path', `${origin},${firstOrigin}`]] });
  const third = await forwarding(t, [sinkTo(first)], { records, env: { TOKEN: first.token } });
  t.match(await third.until(({ state }) => state === 'held'), {
    position: 0,
    deadLetters: 0,
    lastError: { message: /508/, hint: /circle/ },
  });
  t.equal((await first.client.logs({ order: 'arrival' })).rows.length, 3, 'nothing came round');
});

void test('F68: a sink that leads to its own daemon is held, whatever protocol it speaks', async (t) => {
  const daemon = await startDaemon(t, await tempDir(t));
  const origin = (await daemon.client.sinks()).origin;
  const body = JSON.stringify({ message: 'round' });
  for (const [path, contentType, text] of [
    ['/api/v1/logs', 'application/x-ndjson', body],
    [
      '/v1/logs',
      'application/json',
      JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'round' } }] }] }] }),
    ],
    [
      '/loki/api/v1/push',
      'application/json',
      JSON.stringify({ streams: [{ stream: { a: 'b' }, values: [['1795489200000000000', 'round']] }] }),
    ],
  ] as const) {
    const headers = {
      authorization: `Bearer ${daemon.token}`,
      'content-type': contentType,
      'regression-origin': origin,
    };
    const response = await fetch(`${daemon.url}${path}`, { method: 'POST', headers, body: text });
    await response.text();
    t.equal(response.status, 508, path);
  }
  t.equal((await daemon.client.logs({})).rows.length, 0);
});
