import { test } from 'tap';
import { recordOf } from '../../src/pipeline/record-of.ts';
import type { Entry } from '../../src/parsers/parser.ts';

const observedAt = '2026-11-24T03:00:00.000000Z';
const source = { source: '/var/log/nginx/error.log', format: 'plain', applicationHint: 'nginx' };
const line = { text: 'the whole line', endOffset: 15 };
const entry = (parts: Partial<Entry> = {}): { ok: true; entry: Entry } => ({
  ok: true,
  entry: { message: 'm', metadata: [], ...parts },
});

void test('application, version and environment fall back one by one: entry, input, configuration, the source itself', async (t) => {
  const defaults = { name: 'configured', version: '1', environment: 'production' };
  const input = { ...source, application: { version: '2' } };

  const of = (parts: Partial<Entry>, from = input, given: object = defaults) =>
    Object.values(recordOf({}, line.text, entry(parts), from, given, observedAt).application);
  t.strictSame(of({ applicationName: 'said', applicationVersion: '3' }), ['said', '3', 'production']);
  t.strictSame(of({}), ['configured', '2', 'production']);
  t.strictSame(of({}, { ...source, application: { version: '' } }, {}), ['nginx', '', null]);
});

void test('an entry that names no time gets the time it was read, marked so', async (t) => {
  const record = recordOf({}, line.text, entry(), source, {}, observedAt);

  t.match(record, { timestamp: observedAt, severity: 'INFO', metadata: [['timestamp_origin', 'observed']] });
});

void test('an entry that is not of its format is kept whole', async (t) => {
  const record = recordOf(
    { metadata: [['truncated', 'true']] },
    line.text,
    { ok: false, reason: 'not JSON' },
    source,
    {},
    observedAt,
  );

  t.match(record, {
    message: 'the whole line',
    metadata: [
      ['truncated', 'true'],
      ['timestamp_origin', 'observed'],
    ],
  });
});
