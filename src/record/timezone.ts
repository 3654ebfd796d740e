/**
 * How far a zone is ahead of UTC, for local times: offsets are constants, IANA zones are asked of Intl and remembered.
 */
const fixedOffset = /^(?:(?:UTC|GMT)?([+-])(\d{2}):?(\d{2})?|Z|UTC|GMT)$/i;

const formats = new Map<string, Intl.DateTimeFormat>();
let remembered = new Map<string, number>();

/** True when `zone` is an offset (`+02:00`, `UTC`) or an IANA name this Node knows. */
export function isTimezone(zone: string): boolean {
  return fixedOffset.test(zone) || isZoneName(zone);
}

/** True for a name that Intl knows, which `offsetAt` takes. */
export function isZoneName(zone: string): boolean {
  try {
    formatOf(zone);
    return true;
  } catch {
    return false;
  }
}

/**
 * The offset that holds at a local time, in milliseconds east of UTC.
 *
 * An hour that exists twice (clocks go back) is taken for its first pass; one that does not exist (clocks go forward) is read
 * with the offset before the change.
 *
 * @param localMs the local time as if it were UTC.
 */
export function zoneOffsetMs(zone: string, localMs: number): number {
  if (zone === 'UTC') return 0; // the default
  const fixed = fixedOffset.exec(zone);
  if (fixed !== null) {
    const [, sign, hours = '0', minutes = '0'] = fixed;
    return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
  }
  // The offsets a day before and after bracket any change; the earlier instant of those that fit is the first pass.
  const before = offsetAt(zone, localMs - 86_400_000);
  const after = offsetAt(zone, localMs + 86_400_000);
  if (before === after) return before;
  const fits = (offset: number): boolean => offsetAt(zone, localMs - offset) === offset;
  if (fits(before)) return before;
  return fits(after) ? after : before;
}

/**
 * The offset that holds at an instant, in milliseconds east of UTC.
 *
 * @param zone a name that Intl knows.
 */
export function offsetAt(zone: string, utcMs: number): number {
  const quarter = Math.floor(utcMs / 900_000); // no zone changes inside a quarter of an hour
  const key = `${zone} ${quarter}`;
  const known = remembered.get(key);
  if (known !== undefined) return known;
  if (remembered.size > 10_000) remembered = new Map();
  const at = quarter * 900_000;
  const parts: Record<string, number> = {};
  for (const { type, value } of formatOf(zone).formatToParts(at)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  const offset = Date.UTC(year, month - 1, day, hour, minute, second) - at;
  remembered.set(key, offset);
  return offset;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(zone, format);
  }
  return format;
}
