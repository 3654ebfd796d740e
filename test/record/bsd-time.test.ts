/** The short cut of RFC 3164's time against the pattern that knows all forms. */
import fc from 'fast-check';
import { test } from 'tap';
import { bsdTimeLength, bsdTimeParts } from '../../src/record/bsd-time.ts';
import { scanForms } from '../../src/record/timestamp-forms.ts';
import { leadingTimestamp } from '../../src/record/timestamp.ts';

const months = ['Jan', 'Feb', 'May', 'Sep', 'Dec', 'jan', 'Foo'];
const rests = [
  '',
  ' host',
  ' am',
  ' PM',
  ' amber',
  ' UTC',
  ' utah',
  ' GMT',
  ' gm',
  '+01:00',
  ' +0100',
  ' 2026',
  ' 20.1.1.1',
  ' 19',
  ' 10.0.0.1',
  '.5',
  ',5',
  ':',
  ': %X',
  'Z',
  ' -',
  ' (x)',
  '-',
];
const times = fc
  .tuple(
    fc.constantFrom(...months),
    fc.constantFrom('  4', ' 04', ' 14', ' 31', '  x', ' 4', ' 99'),
    fc.constantFrom(' 15:16:01', ' 5:16:01', ' 15:16', ' 99:99:99', ' 15:16:0', ' 15-16:01'),
    fc.oneof(fc.constantFrom(...rests), fc.string({ maxLength: 4 })),
  )
  .map((parts) => parts.join(''));

void test('property: where the short cut has an answer the pattern has the same', async (t) => {
  let answers = 0;
  fc.assert(
    fc.property(times, (text) => {
      const parts = bsdTimeParts(text, 0);
      if (parts === null) return true;
      answers++;
      return JSON.stringify({ parts, end: bsdTimeLength }) === JSON.stringify(scanForms(text, 0));
    }),
    { numRuns: 3000 },
  );
  t.ok(answers > 100, `${answers} of them took it`);
});

void test('a time is dated anew when the clock or what follows it changes, also right behind the same time', async (t) => {
  let now = Date.parse('2026-12-31T23:00:00Z');
  const context = { timezone: 'UTC', nowMs: () => now };
  const dated = (text: string) => leadingTimestamp(text, context)?.timestamp.slice(0, 19);

  t.equal(dated('Dec 31 23:00:00 host'), '2026-12-31T23:00:00');
  t.equal(dated('Dec 31 23:00:00 2024'), '2024-12-31T23:00:00');
  now = Date.parse('2025-12-31T23:00:00Z');
  t.equal(dated('Dec 31 23:00:00 host'), '2025-12-31T23:00:00');
  t.equal(
    leadingTimestamp('Dec 31 23:00:00 host', { timezone: '+01:00', nowMs: () => now })?.timestamp.slice(0, 19),
    '2025-12-31T22:00:00',
  );
});
