/**
 * The written forms of timestamps, as sticky patterns. What is found is only cut into parts here; whether it is an instant is
 * decided in timestamp.ts.
 */
export interface TimestampParts {
  /** Absent: the form has no year. */
  readonly year?: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** Digits behind the second, as many as there are. */
  readonly fraction: string;
  /** East of UTC; absent: the form names no zone. */
  readonly offsetMinutes?: number;
  /** Decimal text of an epoch count; the other parts mean nothing then. */
  readonly epoch?: string;
}

export interface ScannedTimestamp {
  readonly parts: TimestampParts;
  readonly end: number;
}

// oxfmt-ignore
const monthNumbers: Readonly<Record<string, number>> = {
  jan: 1, feb: 2, mar: 3, apr: 4, may: 5, jun: 6, jul: 7, aug: 8, sep: 9, oct: 10, nov: 11, dec: 12,
};

const weekday = '(?:(?:Mon|Tue(?:s)?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?,? +)?';
const monthName =
  '(?<month>Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\\.?';
const time = '(?<hour>\\d{1,2}):(?<minute>\\d{2})(?::(?<second>\\d{2})(?:[.,](?<fraction>\\d{1,9})\\d*)?)?';
const meridiem = '(?: ?(?<meridiem>[AP]M)\\b)?';
/** Z, UTC or GMT, or an offset; glued on an offset may be hours alone; a second naming (` UTC`, ` +03`, ` EDT`) may follow. */
const zone =
  '(?:(?<zone>Z\\b| ?(?:UTC|GMT)\\b(?![+-])|[+-]\\d{2}(?::?\\d{2})?(?![\\d:])| [+-]\\d{2}:?\\d{2}(?!\\d))(?: (?:[+-]\\d{2,4}|[A-Z]{3,4})(?= m=|$)| UTC\\b| \\([A-Z+:\\d]+\\))?)?';

const forms: readonly { readonly first: RegExp; readonly pattern: RegExp }[] = [
  // ISO 8601, RFC 3339 and their relatives: 2014/04/02 04:08:09 AM, 2026-11-24T03:00:00,123+01:00
  form(
    'digit',
    `(?<year>\\d{4})(?<s>[-/.])(?<month>\\d{1,2})\\k<s>(?<day>\\d{1,2})(?:[T_]| +)${time}${meridiem}${zone}`,
  ),
  // 25/Feb/2021:12:44:08 +0000 (Common Log Format)
  form('digit', `(?<day>\\d{1,2})/${monthName}/(?<year>\\d{4})[: ]${time}${zone}`),
  // 24.11.2026 03:00:00: day first where dots are; 11/24/2026 and 24/11/2026 where only one of the two can be the month
  form('digit', `(?<day>\\d{1,2})\\.(?<month>\\d{1,2})\\.(?<year>\\d{4})(?:,? +|T)${time}${zone}`),
  form('digit', `(?<month>0?[1-9]|1[0-2])/(?<day>1[3-9]|2\\d|3[01])/(?<year>\\d{4}),? +${time}${meridiem}${zone}`),
  form('digit', `(?<day>1[3-9]|2\\d|3[01])/(?<month>0?[1-9]|1[0-2])/(?<year>\\d{4}),? +${time}${meridiem}${zone}`),
  // 20171223-22:15:29:606, 20171224-0:0:1:9 (HealthApp): milliseconds without leading zeros
  form(
    'digit',
    '(?<year>\\d{4})(?<month>\\d{2})(?<day>\\d{2})-(?<hour>\\d{1,2}):(?<minute>\\d{1,2}):(?<second>\\d{1,2}):(?<millis>\\d{1,3})(?!\\d)',
  ),
  // 07 Feb 2004, 09:07:07 GMT; Thu, 03 Jul 2017 08:08:04 +0100 (RFC 5322, HTTP); 25-Feb-2021 10:00:00.123 (Tomcat)
  form('any', `${weekday}(?<day>\\d{1,2})[ -]${monthName}[ -](?<year>\\d{4}),? ${time}${meridiem}${zone}`),
  // RFC 3164 and ctime: Jun 14 15:16:01; Sun Dec 04 04:47:44 2005; Fri Jun  4 15:40:27 UTC 2021; Feb 8, 2009 5:57:51 AM
  form(
    'letter',
    `${weekday}${monthName} {1,2}(?<day>\\d{1,2})(?:,? (?<year>\\d{4}),?)? ${time}${meridiem}${zone}(?: (?<lateyear>(?:19|20)\\d{2})(?![^\\s\\]:,]))?`,
  ),
  // 20030925T104941.5-0300, 20140722105203, 20210131 14:48:54.411655
  form(
    'digit',
    `(?<year>\\d{4})(?<month>\\d{2})(?<day>\\d{2})[T -]?(?<hour>\\d{2}):?(?<minute>\\d{2}):?(?<second>\\d{2})(?!\\d)(?:[.,:](?<fraction>\\d{1,9})\\d*)?${zone}`,
  ),
  // 2005-06-03-15.42.50.363779 (DB2, BGL)
  form(
    'digit',
    `(?<year>\\d{4})-(?<month>\\d{2})-(?<day>\\d{2})-(?<hour>\\d{2})\\.(?<minute>\\d{2})\\.(?<second>\\d{2})(?:\\.(?<fraction>\\d{1,9})\\d*)?`,
  ),
  // 17/06/09 20:10:40 (Spark): year first
  form('digit', `(?<yy>\\d{2})/(?<month>\\d{2})/(?<day>\\d{2}) ${time}`),
  // 081109 203615 (HDFS)
  form('digit', `(?<yy>\\d{2})(?<month>\\d{2})(?<day>\\d{2}) (?<hour>\\d{2})(?<minute>\\d{2})(?<second>\\d{2})(?!\\d)`),
  // 0505 17:59:40.692994 (klog); 12-17 19:31:36.263 (Android); 10.30 16:49:06 (Proxifier)
  form('digit', `(?<month>\\d{2})[-.]?(?<day>\\d{2}) +${time}`),
  // Epoch seconds with or without fraction, milliseconds, microseconds, nanoseconds
  form('digit', `(?<epoch>\\d{10}(?:\\.\\d{1,9})?|\\d{13}|\\d{16}|\\d{19})(?![\\d.])`),
];

/** The first form that fits at `from`. */
export function scanForms(text: string, from: number): ScannedTimestamp | null {
  for (const { first, pattern } of forms) {
    first.lastIndex = from;
    if (!first.test(text)) continue;
    pattern.lastIndex = from;
    const groups = pattern.exec(text)?.groups;
    if (groups !== undefined) return { parts: partsOf(groups), end: pattern.lastIndex };
  }
  return null;
}

function form(begins: 'digit' | 'letter' | 'any', source: string): { first: RegExp; pattern: RegExp } {
  const first = { digit: /\d/y, letter: /[A-Z]/iy, any: /[\dA-Z]/iy }[begins];
  return { first, pattern: new RegExp(source, 'iy') };
}

function partsOf(groups: Record<string, string | undefined>): TimestampParts {
  if (groups['epoch'] !== undefined) {
    return { epoch: groups['epoch'], month: 1, day: 1, hour: 0, minute: 0, second: 0, fraction: '' };
  }
  const year = groups['year'] ?? groups['lateyear'] ?? (groups['yy'] === undefined ? undefined : century(groups['yy']));
  const month = groups['month'] ?? '';
  const offsetMinutes = offsetOf(groups['zone']);
  return {
    ...(year === undefined ? {} : { year: Number(year) }),
    month: monthNumbers[month.slice(0, 3).toLowerCase()] ?? Number(month),
    day: Number(groups['day']),
    hour: hourOf(Number(groups['hour']), groups['meridiem']),
    minute: Number(groups['minute']),
    second: Number(groups['second'] ?? 0),
    fraction: groups['fraction'] ?? groups['millis']?.padStart(3, '0') ?? '',
    ...(offsetMinutes === undefined ? {} : { offsetMinutes }),
  };
}

/** POSIX strptime(3), %y: 69 to 99 are of the 20th century. */
function century(yy: string): string {
  return Number(yy) >= 69 ? `19${yy}` : `20${yy}`;
}

/** A 24-hour clock with AM or PM behind it says the same as one without, as long as it does not contradict itself. */
function hourOf(hour: number, meridiem: string | undefined): number {
  if (meridiem === undefined || hour > 12) return hour;
  return (hour % 12) + (meridiem.toUpperCase() === 'PM' ? 12 : 0);
}

function offsetOf(zone: string | undefined): number | undefined {
  if (zone === undefined) return undefined;
  const offset = /([+-])(\d{2}):?(\d{2})?/.exec(zone);
  if (offset === null) return 0;
  const [, sign, hours = '0', minutes = '0'] = offset;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}
