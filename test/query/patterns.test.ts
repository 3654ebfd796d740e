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
  t.equal((await get('/api/v1/patterns/diff')).status, 400);
  t.equal((await get('/api/v1/patterns?sort=loud')).status, 400);
  t.equal((await get('/api/v1/patterns', {})).status, 401);
});
