import { test } from 'tap';
import { readTime } from '../../src/search/time.ts';

const nowMs = Date.parse('2026-11-24T03:00:00Z');
const cases = {
  now: '2026-11-24T03:00:00.000000Z',
  '-15m': '2026-11-24T02:45:00.000000Z',
  '-1d': '2026-11-23T03:00:00.000000Z',
  '2026-11-20': '2026-11-20T00:00:00.000000Z',
  '2026-11-20T10:00:00+01:00': '2026-11-20T09:00:00.000000Z',
  '1795489200': '2026-11-24T03:00:00.000000Z',
  '1795489200123': '2026-11-24T03:00:00.123000Z',
};

void test('times are absolute, dates, counts since 1970, or back from now', async (t) => {
  for (const [text, expected] of Object.entries(cases)) t.equal(readTime(text, 'start', nowMs), expected, text);
});

void test('anything else is refused, naming the parameter', async (t) => {
  for (const text of ['', 'yesterday', '-1', '-5 parsecs', '2026-13-01']) {
    t.throws(() => readTime(text, 'start', nowMs), { code: 'QUERY_INVALID', message: /^start: / }, text);
  }
});
