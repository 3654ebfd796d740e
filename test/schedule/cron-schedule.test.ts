import { test } from 'tap';
import { CronSchedule, isCronExpression } from '../../src/schedule/cron-schedule.ts';

const at = (time: string): number => Date.parse(time);

/** The times after `from` at which the expression is due. */
function due(expression: string, timezone: string, from: string, count: number): string[] {
  const schedule = new CronSchedule(expression, timezone);
  const times: string[] = [];
  for (let ms: number | null = at(from); times.length < count;) {
    ms = schedule.nextAfter(ms);
    if (ms === null) break;
    times.push(new Date(ms).toISOString().slice(0, 16));
  }
  return times;
}

void test('an expression means the clock on the wall of its time zone, in summer and in winter', async (t) => {
  t.strictSame(due('30 2 * * *', 'UTC', '2026-11-24T02:30:00Z', 2), ['2026-11-25T02:30', '2026-11-26T02:30']);
  t.strictSame(due('0 0 1 * *', 'Asia/Kolkata', '2026-11-20T00:00:00Z', 1), ['2026-11-30T18:30']);
  t.strictSame(due('0 12 * * *', 'Europe/Berlin', '2026-03-28T00:00:00Z', 2), ['2026-03-28T11:00', '2026-03-29T10:00']);
});

void test('what is due in the hour that summer time leaves out is due right behind it (F65)', async (t) => {
  t.strictSame(due('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2), ['2026-03-29T01:00', '2026-03-30T00:30']);
});

void test('what is due in the hour that comes twice is due once, but an hourly task runs every hour (F65)', async (t) => {
  t.strictSame(due('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 2), ['2026-10-25T00:30', '2026-10-26T01:30']);
  t.strictSame(due('15 * * * *', 'Europe/Berlin', '2026-10-24T23:30:00Z', 4), [
    '2026-10-25T00:15',
    '2026-10-25T01:15',
    '2026-10-25T02:15',
    '2026-10-25T03:15',
  ]);
});

void test('of all that was missed the last is told', async (t) => {
  const schedule = new CronSchedule('0 * * * *', 'UTC');

  t.equal(schedule.lastBetween(at('2026-11-24T01:30:00Z'), at('2026-11-24T05:59:59Z')), at('2026-11-24T05:00:00Z'));
  t.equal(
    schedule.lastBetween(at('2026-11-24T05:00:00Z'), at('2026-11-24T05:59:59Z')),
    null,
    'the begin does not count',
  );
  t.equal(schedule.lastBetween(at('2026-11-24T04:59:59Z'), at('2026-11-24T05:00:00Z')), at('2026-11-24T05:00:00Z'));
});

void test('expressions have five fields, time zones a name', async (t) => {
  for (const good of ['* * * * *', '*/5 1-3 1,15 jan mon', '0 3 L * *']) t.ok(isCronExpression(good), good);
  for (const bad of ['', 'daily', '* * * *', '0 0 * * * *', '61 * * * *', '0 25 * * *'])
    t.notOk(isCronExpression(bad), bad);
});
