/** The times of RFC 3164, which name neither year nor zone (F65). */
import { test } from 'tap';
import { createParser } from '../../src/parsers/registry.ts';

/** What `<13>TIME host app: text`, received at `now`, is dated from a sender whose clock shows `timezone`. */
function dated(time: string, now: string, timezone = 'UTC'): string | undefined {
  const result = createParser('syslog', { timezone, nowMs: () => Date.parse(now) }).parse(`<13>${time} host app: text`);
  return result.ok ? result.entry.timestamp : undefined;
}

void test('the turn of the year: a late message is of the old year, one of a clock that is ahead of the new (F65)', async (t) => {
  t.equal(dated('Dec 31 23:59:59', '2026-12-31T23:59:59.5Z'), '2026-12-31T23:59:59.000000Z');
  t.equal(dated('Dec 31 23:59:59', '2027-01-01T00:00:01Z'), '2026-12-31T23:59:59.000000Z');
  t.equal(dated('Jan  1 00:00:01', '2027-01-01T00:00:01Z'), '2027-01-01T00:00:01.000000Z');
  t.equal(dated('Jan  1 00:00:01', '2026-12-31T23:59:59Z'), '2027-01-01T00:00:01.000000Z');
});

void test('the turn of the year where the sender is: its zone decides, not ours (F65)', async (t) => {
  t.equal(dated('Dec 31 23:59:59', '2027-01-01T05:00:00Z', 'America/New_York'), '2027-01-01T04:59:59.000000Z');
  t.equal(dated('Jan  1 00:00:01', '2026-12-31T10:00:01Z', 'Pacific/Kiritimati'), '2026-12-31T10:00:01.000000Z');
  t.equal(dated('Jan  1 00:00:01', '2026-12-31T18:30:01Z', '+05:30'), '2026-12-31T18:30:01.000000Z');
});

void test('the 29th of February is of the leap year that is nearest (F65)', async (t) => {
  t.equal(dated('Feb 29 12:00:00', '2028-02-29T12:00:01Z'), '2028-02-29T12:00:00.000000Z');
  t.equal(dated('Feb 29 23:59:59', '2028-03-01T00:00:01Z'), '2028-02-29T23:59:59.000000Z');
  t.equal(dated('Feb 28 23:59:59', '2026-03-01T00:00:01Z'), '2026-02-28T23:59:59.000000Z');
});

void test('the hour that a sender skips and the one that it has twice have one meaning each (F65)', async (t) => {
  const now = '2026-03-29T12:00:00Z';
  t.equal(dated('Mar 29 01:59:59', now, 'Europe/Berlin'), '2026-03-29T00:59:59.000000Z');
  t.equal(dated('Mar 29 02:30:00', now, 'Europe/Berlin'), '2026-03-29T01:30:00.000000Z');
  t.equal(dated('Mar 29 03:00:00', now, 'Europe/Berlin'), '2026-03-29T01:00:00.000000Z');
  t.equal(dated('Oct 25 02:30:00', '2026-10-25T12:00:00Z', 'Europe/Berlin'), '2026-10-25T00:30:00.000000Z');
});
