import fc from 'fast-check';
import { test } from 'tap';
import { leadingTimestamp, parseTimestamp, timestampOfEpoch, timestampOfMs } from '../../src/record/timestamp.ts';

const noon = { timezone: 'UTC', nowMs: () => Date.parse('2026-11-24T12:00:00Z') };
const berlin = { ...noon, timezone: 'Europe/Berlin' };

const forms: readonly (readonly [text: string, expected: string | null])[] = [
  ['2026-11-24T03:00:00Z', '2026-11-24T03:00:00.000000Z'],
  ['2026-11-24T03:00:00.1Z', '2026-11-24T03:00:00.100000Z'],
  ['2026-11-24T03:00:00.123456789Z', '2026-11-24T03:00:00.123456Z'],
  ['2026-11-24T03:00:00.123456+05:30', '2026-11-23T21:30:00.123456Z'],
  ['2026-11-24t03:00:00z', '2026-11-24T03:00:00.000000Z'],
  ['2026-11-24 03:00:00,123', '2026-11-24T03:00:00.123000Z'],
  ['2026/11/24 03:00:00', '2026-11-24T03:00:00.000000Z'],
  ['20261124T030000Z', '2026-11-24T03:00:00.000000Z'],
  ['24/Nov/2026:03:00:00 +0100', '2026-11-24T02:00:00.000000Z'],
  ['Tue Nov 24 03:00:00 2026', '2026-11-24T03:00:00.000000Z'],
  ['Tue, 24 Nov 2026 03:00:00 GMT', '2026-11-24T03:00:00.000000Z'],
  ['Nov 24 03:00:00', '2026-11-24T03:00:00.000000Z'],
  ['Nov  4 03:00:00', '2026-11-04T03:00:00.000000Z'],
  ['2028-02-29T00:00:00Z', '2028-02-29T00:00:00.000000Z'],
  ['2026-06-30T23:59:60Z', '2026-06-30T23:59:59.000000Z'], // a leap second stays in its minute
  ['2026-02-29T00:00:00Z', null],
  ['2026-04-31T00:00:00Z', null],
  ['2026-13-01T00:00:00Z', null],
  ['2026-00-10T00:00:00Z', null],
  ['2026-11-24T24:01:00Z', null],
  ['2026-11-24T03:60:00Z', null],
  ['0000-01-01T00:00:00Z', null],
  ['yesterday', null],
  ['', null],
];

for (const [text, expected] of forms) {
  void test(`${JSON.stringify(text)} is ${expected ?? 'no timestamp'}`, async (t) => {
    t.equal(parseTimestamp(text, noon), expected);
  });
}

void test('a local time is read in the zone that is configured', async (t) => {
  t.equal(parseTimestamp('2026-11-24 03:00:00', berlin), '2026-11-24T02:00:00.000000Z');
  t.equal(parseTimestamp('2026-07-24 03:00:00', berlin), '2026-07-24T01:00:00.000000Z');
  t.equal(parseTimestamp('2026-07-24 03:00:00', { ...noon, timezone: '-03:30' }), '2026-07-24T06:30:00.000000Z');
});

void test('the hour that clocks skip and the hour they repeat have one meaning each (F65)', async (t) => {
  t.equal(parseTimestamp('2026-03-29 01:59:59', berlin), '2026-03-29T00:59:59.000000Z', 'before the gap');
  t.equal(parseTimestamp('2026-03-29 02:30:00', berlin), '2026-03-29T01:30:00.000000Z', 'inside: by the offset before');
  t.equal(parseTimestamp('2026-03-29 03:00:00', berlin), '2026-03-29T01:00:00.000000Z', 'behind it');
  t.equal(parseTimestamp('2026-10-25 02:30:00', berlin), '2026-10-25T00:30:00.000000Z', 'twice there: the first pass');
  t.equal(parseTimestamp('2026-10-25 03:00:00', berlin), '2026-10-25T02:00:00.000000Z', 'behind it');
});

void test('a date without a year belongs to the year that is nearest (F65)', async (t) => {
  const at = (now: string) => ({ timezone: 'UTC', nowMs: () => Date.parse(now) });
  t.equal(parseTimestamp('Dec 31 23:59:59', at('2027-01-01T00:00:01Z')), '2026-12-31T23:59:59.000000Z');
  t.equal(parseTimestamp('Jan  1 00:00:01', at('2026-12-31T23:59:59Z')), '2027-01-01T00:00:01.000000Z');
  t.equal(parseTimestamp('Feb 29 12:00:00', at('2026-03-01T00:00:00Z')), '2024-02-29T12:00:00.000000Z');
  t.equal(parseTimestamp('Feb 30 12:00:00', at('2026-03-01T00:00:00Z')), null);
});

void test('epoch counts are told apart by their size', async (t) => {
  for (const text of ['1795489200', '1795489200000', '1795489200000000', '1795489200000000000']) {
    t.equal(timestampOfEpoch(text), '2026-11-24T03:00:00.000000Z', text);
  }
  t.equal(timestampOfEpoch('1795489200.5'), '2026-11-24T03:00:00.500000Z');
  t.equal(timestampOfEpoch('1795489200123456789'), '2026-11-24T03:00:00.123456Z', 'no digit is lost on the way');
  t.equal(timestampOfEpoch('12'), null, 'the unit of a small number cannot be told');
});

void test('a timestamp at the beginning of a line says where it ends', async (t) => {
  t.strictSame(leadingTimestamp('2026-11-24 03:00:00.5 hello', noon), {
    timestamp: '2026-11-24T03:00:00.500000Z',
    end: 21,
  });
  t.equal(leadingTimestamp('hello 2026-11-24 03:00:00', noon), null);
});

void test('any instant in any offset comes back, to the microsecond', async (t) => {
  const instant = fc.date({
    min: new Date('0002-01-01T00:00:00Z'),
    max: new Date('9998-12-31T00:00:00Z'),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(
      instant,
      fc.integer({ min: -14 * 60, max: 14 * 60 }),
      fc.integer({ min: 0, max: 999 }),
      (date, minutes, micros) => {
        const local = new Date(date.getTime() + minutes * 60_000).toISOString().slice(0, 23);
        const clock = `${String(Math.trunc(Math.abs(minutes) / 60)).padStart(2, '0')}:${String(Math.abs(minutes) % 60).padStart(2, '0')}`;
        const digits = String(micros).padStart(3, '0');
        const expected = `${timestampOfMs(date.getTime()).slice(0, 23)}${digits}Z`;
        return parseTimestamp(`${local}${digits}${minutes < 0 ? '-' : '+'}${clock}`, noon) === expected;
      },
    ),
  );
  t.pass();
});

void test('no text makes it throw, and what it gives is always 27 characters', async (t) => {
  const digitsAndSigns = fc.string({ unit: fc.constantFrom(...'0123456789-:/., TZ+JanDecMon[]'.split('')) });
  fc.assert(
    fc.property(fc.oneof(fc.string(), digitsAndSigns), (text) => {
      const found = leadingTimestamp(text, berlin);
      return found === null || (found.timestamp.length === 27 && found.end <= text.length);
    }),
    { numRuns: 2000 },
  );
  t.pass();
});
