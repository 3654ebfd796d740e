/**
 * Reads timestamps in the forms that programs write and gives them as `LogRecord.timestamp`: ISO 8601 UTC, microseconds,
 * always 27 characters. Digits behind the microsecond are cut. Every pattern is anchored and linear.
 *
 * RFC 3339 / ISO 8601 and RFC 3164 take short cuts; all other forms are in timestamp-forms.ts.
 */
import { bsdTimeLength, bsdTimeParts, mayGoOn } from './bsd-time.ts';
import { type TimestampParts, scanForms } from './timestamp-forms.ts';
import { zoneOffsetMs } from './timezone.ts';

export interface TimestampContext {
  /** IANA zone or offset for timestamps that name none. */
  readonly timezone: string;
  /** Wall clock: timestamps without a year get the one that puts them nearest to now. */
  nowMs(): number;
}

export interface FoundTimestamp {
  readonly timestamp: string;
  /** Index behind the timestamp's last character. */
  readonly end: number;
}

/** The timestamp of a wall clock reading. */
export function timestampOfMs(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`;
}

/** The timestamp that `text` as a whole is; null when it is none, or not an instant (month 13, February 30, year 0). */
export function parseTimestamp(text: string, context: TimestampContext): string | null {
  if (isPlainUtc(text)) return widen(text);
  const trimmed = text.trim();
  const found = leadingTimestamp(trimmed, context);
  return found !== null && found.end === trimmed.length ? found.timestamp : null;
}

/** The timestamp at `from`, and where it ends: for lines that begin with one. */
export function leadingTimestamp(text: string, context: TimestampContext, from = 0): FoundTimestamp | null {
  const bsd = bsdTimestamp(text, context, from);
  if (bsd !== null) return { timestamp: bsd, end: from + bsdTimeLength };
  const scanned = scanForms(text, from);
  if (scanned === null) return null;
  const timestamp = timestampOf(scanned.parts, context);
  return timestamp === null ? null : { timestamp, end: scanned.end };
}

let lastBsd: { text: string; context: TimestampContext; nowMs: number; timestamp: string } | null = null;

/**
 * Null: not of this form, or not an instant. Messages of one second come together, so the last answer is kept; not for long, since the year
 * depends on now.
 */
function bsdTimestamp(text: string, context: TimestampContext, from: number): string | null {
  if (lastBsd !== null && lastBsd.context === context && text.startsWith(lastBsd.text, from)) {
    const isRecent = Math.abs(context.nowMs() - lastBsd.nowMs) < 1000;
    if (isRecent && !mayGoOn(text, from + bsdTimeLength)) return lastBsd.timestamp;
  }
  const parts = bsdTimeParts(text, from);
  const timestamp = parts === null ? null : timestampOf(parts, context);
  if (timestamp !== null) {
    lastBsd = { text: text.slice(from, from + bsdTimeLength), context, nowMs: context.nowMs(), timestamp };
  }
  return timestamp;
}

/**
 * An epoch count: seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by size; null outside the years
 * 1973 to 5138, where the unit cannot be told.
 */
export function timestampOfEpoch(value: number | string): string | null {
  const text = String(value).trim();
  return /^\d{9,19}(?:\.\d+)?$/.test(text) ? epochTimestamp(text) : null;
}

/** `2026-01-01T00:00:00(.1 to .123456789)?Z`, the form of most structured logs; digits checked, ranges not. */
function isPlainUtc(text: string): boolean {
  const { length } = text;
  if (length < 20 || length > 30 || text.charCodeAt(length - 1) !== 0x5a || text.charCodeAt(10) !== 0x54) return false;
  if (length !== 20 && text.charCodeAt(19) !== 0x2e) return false;
  for (let index = 0; index < length - 1; index++) {
    const code = text.charCodeAt(index);
    const isDigit = code >= 0x30 && code <= 0x39;
    if (index === 4 || index === 7) {
      if (code !== 0x2d) return false;
    } else if (index === 13 || index === 16) {
      if (code !== 0x3a) return false;
    } else if (index !== 10 && index !== 19 && !isDigit) return false;
  }
  return isInRange(text);
}

/** Day 29 to 31, hour, minute and second out of range, month and year zero: left to the thorough way. */
function isInRange(text: string): boolean {
  const two = (at: number): number => (text.charCodeAt(at) - 0x30) * 10 + text.charCodeAt(at + 1) - 0x30;
  const month = two(5);
  const day = two(8);
  return (
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= 28 &&
    two(11) <= 23 &&
    two(14) <= 59 &&
    two(17) <= 59 &&
    text >= '0001'
  );
}

function widen(text: string): string {
  if (text.length === 27) return text;
  if (text.length === 24) return `${text.slice(0, 23)}000Z`;
  return `${text.slice(0, 19)}.${text.slice(20, -1).slice(0, 6).padEnd(6, '0')}Z`;
}

function timestampOf(parts: TimestampParts, context: TimestampContext): string | null {
  if (parts.epoch !== undefined) return epochTimestamp(parts.epoch);
  const { month, day, hour, minute } = parts;
  const second = Math.min(parts.second, 59); // a leap second (60) is kept inside its minute
  const year = parts.year ?? nearestYear(parts, context);
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null;
  if (hour > 23 || minute > 59 || parts.second > 60) return null;
  let ms = utcMs(year, month, day, hour, minute, second);
  ms -= parts.offsetMinutes === undefined ? zoneOffsetMs(context.timezone, ms) : parts.offsetMinutes * 60_000;
  const toTheSecond = secondText(ms);
  return toTheSecond === null ? null : `${toTheSecond}.${microsText(parts.fraction)}Z`;
}

let lastSecondMs = Number.NaN;
let lastSecondText: string | null = null;

/** `2026-11-24T03:00:00`; null outside the years 1 to 9999. Lines of one second come together, so the last answer is kept. */
function secondText(ms: number): string | null {
  if (ms === lastSecondMs) return lastSecondText;
  const date = new Date(ms);
  const year = date.getUTCFullYear();
  lastSecondMs = ms;
  lastSecondText = year >= 1 && year <= 9999 ? date.toISOString().slice(0, 19) : null; // NaN is neither
  return lastSecondText;
}

function microsText(digits: string): string {
  return digits.length === 6 ? digits : digits.slice(0, 6).padEnd(6, '0');
}

function epochTimestamp(text: string): string | null {
  const [whole = '', fraction = ''] = text.split('.');
  const digits = whole.length;
  // 9 to 11 digits are seconds (1973 to 5138), each further three digits a smaller unit.
  const unitDigits = digits <= 11 ? 0 : digits <= 14 ? 3 : digits <= 17 ? 6 : 9;
  const seconds = Number(whole.slice(0, digits - unitDigits));
  const toTheSecond = secondText(seconds * 1000);
  return toTheSecond === null ? null : `${toTheSecond}.${microsText(whole.slice(digits - unitDigits) + fraction)}Z`;
}

const halfAYearMs = 182 * 86_400_000;

/** The year that puts the date nearest to now, so that December is last year's in January and January is next year's in December. */
function nearestYear({ month, day, hour, minute, second }: TimestampParts, context: TimestampContext): number {
  const now = context.nowMs();
  const thisYear = new Date(now).getUTCFullYear();
  const distance = (year: number): number =>
    // February 29 exists only in some of the candidates
    day > daysInMonth(year, month) ? Infinity : Math.abs(utcMs(year, month, day, hour, minute, second) - now);
  if (distance(thisYear) < halfAYearMs) return thisYear;
  const years = [thisYear, thisYear - 1, thisYear + 1, thisYear - 2, thisYear - 3, thisYear - 4];
  return years.reduce((best, year) => (distance(year) < distance(best) ? year : best));
}

function utcMs(year: number, month: number, day: number, hour: number, minute: number, second: number): number {
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  // Date.UTC takes years 0 to 99 for 1900 to 1999
  return year < 100 ? new Date(ms).setUTCFullYear(year) : ms;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
