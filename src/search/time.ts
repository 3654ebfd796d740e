/**
 * Reads the times of a question: RFC 3339, a date, unix seconds to nanoseconds, `now`, or relative to now (`-24h`, `-90s`).
 */
import { parseTimestamp, timestampOfEpoch, timestampOfMs } from '../record/timestamp.ts';
import { RegressionError } from '../runtime/errors.ts';
import { parseDuration } from '../runtime/units.ts';

/**
 * @param parameter the parameter's name, for the error.
 * @returns fixed-width UTC microseconds, as rows have them.
 * @throws RegressionError `QUERY_INVALID`.
 */
export function readTime(text: string, parameter: string, nowMs: number): string {
  if (text === 'now') return timestampOfMs(nowMs);
  const relative = /^-(.+)$/.exec(text)?.[1];
  const agoMs = relative === undefined ? null : parseDuration(relative);
  if (agoMs !== null) return timestampOfMs(Math.max(nowMs - agoMs, 0));
  const whole = /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text;
  const absolute = parseTimestamp(whole, { timezone: 'UTC', nowMs: () => nowMs }) ?? timestampOfEpoch(text);
  if (absolute !== null) return absolute;
  throw new RegressionError('QUERY_INVALID', `${parameter}: ${JSON.stringify(text)} is not a time`, {
    hint: 'Use RFC 3339 (2026-11-24T03:00:00Z), a date, unix time, `now`, or a duration back from now (-24h, -15m).',
  });
}
