/** The options that every task has: when it runs by itself. */
import { z } from 'zod';
import { isZoneName } from '../record/timezone.ts';
import { duration } from '../runtime/units.ts';
import { isCronExpression } from '../schedule/cron-schedule.ts';

/** @param schedule the default; undefined for a task that runs only when told. */
export function scheduleOptions(schedule?: string) {
  const expression = z
    .string()
    .refine((text) => text === 'off' || isCronExpression(text), {
      error: 'expected five fields (minute hour day month weekday), or `off`',
    })
    .describe('When it runs: minute, hour, day of month, month, day of week, as in cron; `off`: only when told');
  return {
    schedule: expression.default(schedule ?? 'off'),
    timezone: z
      .string()
      .refine(isZoneName, { error: 'no such time zone' })
      .default('UTC')
      .describe('Of the schedule, e.g. `Europe/Berlin`'),
    jitter: duration({ min: 0, max: 86_400_000 })
      .prefault('0s')
      .describe('Each run begins up to this much later, at random: many hosts then do not write to one place at once'),
  };
}
