import { test } from 'tap';
import type { LogRecord } from '../../src/record/log-record.ts';
import { aRecord, someRecords } from '../records.ts';
import { minedStore } from './mined-store.ts';
import { serve } from './serve.ts';

const next = { name: 'shop', version: '2.4.0', environment: 'production' };

void test('patterns come with counts over time, releases, values and an exemplar', async (t) => {
  const { client } = await serve(t, {
    store: await minedStore([...someRecords(120), aRecord({ message: 'disk full', severity: 'ERROR' })]),
  });

  const { patterns, total, records, buckets } = await client.patterns();
  const [row, disk] = patterns;

  t.match({ total, records }, { total: 2, records: 121 });
  t.match(row, { application: 'shop', template: 'row <*>', count: 120, by_severity: { INFO: 120 }, exemplar: 'row 0' });
  t.match(row?.versions, [{ version: '2.3.1', environment: 'production', count: 120 }]);
  t.match(row?.variables, [{ place: 1, word: '<*>', is_many: true, minimum: 0 }]);
  t.strictSame(row?.histogram, [60, 60]);
  t.match(buckets, { start: '2026-11-24T03:00:00.000000Z', step_minutes: 1, count: 2 });
  t.match(disk, { severity: 'ERROR', first_seen: '2026-11-24T03:00:00.000000Z', exemplar: 'disk full' });
  t.equal((await client.patterns({ severity: 'ERROR' })).patterns.length, 1);
  t.equal((await client.patterns({ sort: 'rare', limit: 1 })).patterns[0]?.template, 'disk full');
  t.equal((await client.patterns({ start: '2026-11-24T03:01:00Z' })).records, 60);
});

void test('an hour that stands out against the same hour of earlier days is a burst', async (t) => {
  const at = (day: number, count: number): LogRecord[] =>
    Array.from({ length: count }, () =>
      aRecord({ message: 'cache miss', timestamp: `2026-11-${day}T03:30:00.000000Z` }),
    );
  const { client } = await serve(t, {
    store: await minedStore([...at(21, 10), ...at(22, 12), ...at(23, 11), ...at(24, 200)]),
  });

  const { patterns } = await client.patterns({ sort: 'burst', start: '2026-11-24' });

  t.match(patterns, [{ burst: { hour: '2026-11-24T03:00:00.000000Z', count: 200, expected: 11, days: 3 } }]);
});

void test('one line with a wrong clock makes no earlier day known, and no burst of what is usual', async (t) => {
  const hours = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, '0'));
  const day = hours.flatMap((hour) =>
    ['cache miss', 'page shown'].flatMap((message) =>
      Array.from({ length: 40 }, () => aRecord({ message, timestamp: `2026-11-24T${hour}:30:00.000000Z` })),
    ),
  );
  const stray = ['2019-01-01', '2026-11-20', '2026-11-22'].map((date) =>
    aRecord({ message: 'clock not set', timestamp: `${date}T03:30:00.000000Z` }),
  );
  const { client } = await serve(t, { store: await minedStore([...stray, ...day]) });

  t.strictSame((await client.patterns({ sort: 'burst', start: '2026-11-24' })).patterns, []);
  t.strictSame((await client.patterns({ sort: 'burst' })).patterns, [], 'nor does it stretch the span that is judged');
});

void test('the night before the first record was not a quiet one', async (t) => {
  const at = (day: number, hour: number, count: number): LogRecord[] =>
    ['cache miss', 'page shown'].flatMap((message) =>
      Array.from({ length: message === 'cache miss' ? count : 20 }, () =>
        aRecord({ message, timestamp: `2026-11-${day}T${String(hour).padStart(2, '0')}:30:00.000000Z` }),
      ),
    );
  const hours = Array.from({ length: 24 }, (_, hour) => hour);
  const records = hours.flatMap((hour) => [...at(23, hour, 6), ...at(24, hour, hour === 21 ? 60 : 6)]);
  const { client } = await serve(t, { store: await minedStore(records) });

  const { patterns } = await client.patterns({ sort: 'burst', start: '2026-11-24' });

  t.match(patterns, [{ burst: { count: 60, expected: 6, days: 0 } }]);
});

void test('a span that begins within an hour or a bucket has nothing from before it', async (t) => {
  const at = (time: string, count: number): LogRecord[] =>
    Array.from({ length: count }, (_, index) =>
      aRecord({ message: `cache miss ${index}`, timestamp: `2026-11-24T${time}:00.000000Z` }),
    );
  const usual = ['04:10', '05:10', '06:10', '07:10'].flatMap((time) => at(time, 30));
  const { client } = await serve(t, { store: await minedStore([...at('03:41', 900), ...at('03:46', 20), ...usual]) });

  const asked = { start: '2026-11-24T03:45:00Z' };
  const { records, buckets, patterns } = await client.patterns(asked);
  const { text } = await client.digest(asked);

  t.equal(records, 140);
  t.match(buckets, { start: '2026-11-24T03:45:00.000000Z', step_minutes: 10 });
  t.match(patterns, [{ count: 140, burst: null }]);
  t.match(text, '# Logs from 2026-11-24T03:45:00.000000Z to');
  t.notMatch(text, '## Bursts');
});

void test('a burst is told with what the span has of its hour', async (t) => {
  const at = (time: string, count: number): LogRecord[] =>
    Array.from({ length: count }, () => aRecord({ message: 'cache miss', timestamp: `2026-11-24T${time}:00.000000Z` }));
  const records = [
    ...at('03:10', 500),
    ...at('03:50', 200),
    ...['04', '05', '06'].flatMap((hour) => at(`${hour}:10`, 5)),
  ];
  const { client } = await serve(t, { store: await minedStore(records) });

  const { patterns } = await client.patterns({ sort: 'burst', start: '2026-11-24T03:40:00Z' });

  t.match(patterns, [{ count: 215, burst: { hour: '2026-11-24T03:00:00.000000Z', count: 200, expected: 5 } }]);
});

void test('a change leads to its rows of either span, whenever it was asked', async (t) => {
  const rows = [
    ...someRecords(100, { timestamp: '2026-11-24T03:00:20.000000Z' }),
    ...someRecords(100, { timestamp: '2026-11-24T03:30:20.000000Z', severity: 'ERROR' }),
  ];
  const { client, get } = await serve(t, { store: await minedStore(rows) });

  const { changes } = await client.comparePatterns({ baseline_end: '-40m', target_start: '-40m' });

  t.match(changes, [{ kind: 'severity_raised', baseline: { exemplar_id: 1 }, target: { exemplar_id: 101 } }]);
  const [path, other] = [changes[0]?.baseline.rows ?? '', changes[0]?.target.rows ?? ''];
  t.match(path, /^\/api\/v1\/logs\?pattern=[0-9a-f]{16}&application=shop&end=2026-11-24T03%3A20%3A00/);
  t.match((await get(`${path}&limit=1`)).text, '2026-11-24T03:00:20');
  t.match((await get(`${other}&limit=1`)).text, '2026-11-24T03:30:20');
});

void test('spans that meet within a minute share no record', async (t) => {
  const before = someRecords(100, { timestamp: '2026-11-24T03:00:20.000000Z' });
  const after = someRecords(100, { timestamp: '2026-11-24T03:30:20.000000Z' });
  const { client } = await serve(t, { store: await minedStore([...before, ...after]) });

  const middle = '2026-11-24T03:30:10Z';
  const answer = await client.comparePatterns({ baseline_end: middle, target_start: middle });

  t.match(answer, { baseline_records: 100, target_records: 100 });
  t.strictSame(answer.changes, []);
});

void test('two releases are compared, each verdict with its numbers', async (t) => {
  const records = [
    ...someRecords(100),
    ...someRecords(150, { application: next }),
    ...someRecords(20, { application: next, severity: 'ERROR', message: 'deadlock in worker 7' }),
  ];
  const { client, get } = await serve(t, { store: await minedStore(records) });

  const { changes, scales } = await client.comparePatterns({ baseline: '2.3.1', target: '2.4.0' });

  t.match(changes, [
    {
      kind: 'new',
      severity: 'ERROR',
      template: 'deadlock in worker <*>',
      baseline: { count: 0 },
      target: { count: 20 },
    },
  ]);
  t.match(
    changes[0]?.because,
    /^never in 100 baseline records, where .* would be expected; 20 times in 170 target records \(chance/,
  );
  t.ok((scales['shop'] ?? 0) > 1);
  const rowsAt = async (path: string | null | undefined) =>
    ((await get(path ?? '/')).text.match(/"message":"[^"]*"/g) ?? []).length;
  const [change] = changes;
  t.equal(change?.baseline.rows, null, 'there are none to look at');
  t.equal(await rowsAt(change?.target.rows), 20);
  t.equal(await rowsAt(change?.rows), 20);
  t.match((await get(change?.context ?? '/')).text, 'deadlock in worker 7');
  t.match((await get(`/api/v1/logs/${change?.target.exemplar_id}`)).text, 'deadlock in worker 7');
  t.equal((await get('/api/v1/patterns/diff')).status, 400);
  t.equal((await get('/api/v1/patterns?sort=loud')).status, 400);
  t.equal((await get('/api/v1/patterns', {})).status, 401);
});
