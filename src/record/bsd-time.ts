/**
 * The time of RFC 3164 section 4.1.2, `Jun 14 15:16:01` or `Jun  4 15:16:01`, cut into its parts by hand: every syslog message has one,
 * and the pattern that knows all its relatives (timestamp-forms.ts) costs more than the rest of the header.
 */
import type { TimestampParts } from './timestamp-forms.ts';

export const bsdTimeLength = 15;

const SPACE = 0x20;
const COLON = 0x3a;
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Null also where what follows could be more of the time (a fraction, a year, a zone): the pattern is to say. */
export function bsdTimeParts(text: string, from: number): TimestampParts | null {
  const { length } = text;
  if (length - from < bsdTimeLength || text.charCodeAt(from + 3) !== SPACE || text.charCodeAt(from + 6) !== SPACE)
    return null;
  if (
    text.charCodeAt(from + 9) !== COLON ||
    text.charCodeAt(from + 12) !== COLON ||
    mayGoOn(text, from + bsdTimeLength)
  )
    return null;
  const month = months.indexOf(text.slice(from, from + 3)) + 1;
  const day = text.charCodeAt(from + 4) === SPACE ? digitAt(text, from + 5) : numberAt(text, from + 4);
  const [hour, minute, second] = [numberAt(text, from + 7), numberAt(text, from + 10), numberAt(text, from + 13)];
  if (month === 0 || day < 0 || hour < 0 || minute < 0 || second < 0) return null;
  return { month, day, hour, minute, second, fraction: '' };
}

/** What stands at `at`, behind a second, could belong to the time. May say so wrongly, never that it does not. */
export function mayGoOn(text: string, at: number): boolean {
  const next = text.charCodeAt(at);
  if (next !== SPACE) return next !== COLON && at < text.length; // Cisco ends its times with a colon
  switch (text.charCodeAt(at + 1)) {
    case 0x2b: // +01:00
    case 0x2d:
      return true;
    case 0x31: // 19..
      return text.charCodeAt(at + 2) === 0x39;
    case 0x32: // 20..
      return text.charCodeAt(at + 2) === 0x30;
    case 0x41: // AM, PM, am, pm, GMT
    case 0x47:
    case 0x50:
    case 0x61:
    case 0x67:
    case 0x70:
      return (text.charCodeAt(at + 2) | 0x20) === 0x6d;
    case 0x55: // UTC
    case 0x75:
      return (text.charCodeAt(at + 2) | 0x20) === 0x74;
    default:
      return false;
  }
}

/** The number of two digits at `at`; negative when they are none. */
function numberAt(text: string, at: number): number {
  const tens = digitAt(text, at);
  const units = digitAt(text, at + 1);
  return tens < 0 || units < 0 ? -1 : tens * 10 + units;
}

function digitAt(text: string, at: number): number {
  const digit = text.charCodeAt(at) - 0x30;
  return digit >= 0 && digit <= 9 ? digit : -1;
}
