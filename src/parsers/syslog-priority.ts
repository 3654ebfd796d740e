/**
 * The PRI part that both syslog standards share: `<facility * 8 + severity>`.
 */
import type { Metadata } from '../record/log-record.ts';
import { type Severity, severityOfSyslog } from '../record/severity.ts';

/** RFC 5424 section 6.2.1, table 1; names as syslog(3) and logger(1) write them, 12 to 15 as systemd does. */
// oxfmt-ignore
export const facilities = [
  'kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron', 'authpriv', 'ftp', 'ntp', 'audit', 'alert', 'clock',
  'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7',
] as const;

const ANGLE = 0x3c;
const CLOSING_ANGLE = 0x3e;
const maxDigits = 3;

export interface Priority {
  readonly severity: Severity;
  /** `facility`, and `severity_text` where syslog says more than our severities. */
  readonly metadata: Metadata;
}

/** One for each of 0..191, shared by all entries that have it. */
const priorities: readonly Priority[] = facilities.flatMap((facility) =>
  [0, 1, 2, 3, 4, 5, 6, 7].map((code): Priority => {
    const { severity, text } = severityOfSyslog(code);
    const ofFacility = ['facility', facility] as const;
    return { severity, metadata: text === undefined ? [ofFacility] : [ofFacility, ['severity_text', text]] };
  }),
);

/** Null when the text does not begin with one. RFC 5424 forbids leading zeros; senders of the older standard write them, so they are read. */
export function readPriority(text: string): Priority | null {
  const end = priorityEnd(text);
  return end === 0 ? null : (priorities[Number(text.slice(1, end - 1))] ?? null);
}

/** Index behind the closing bracket of `<` and one to three digits `>`; 0 when the text does not begin so. */
export function priorityEnd(text: string): number {
  if (text.charCodeAt(0) !== ANGLE) return 0;
  let at = 1;
  while (at <= maxDigits && isDigit(text.charCodeAt(at))) at++;
  return at > 1 && text.charCodeAt(at) === CLOSING_ANGLE ? at + 1 : 0;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
