/**
 * The PRI part that both syslog standards share: `<facility * 8 + severity>`.
 */
import { type ReadSeverity, severityOfSyslog } from '../record/severity.ts';

/** RFC 5424 section 6.2.1, table 1; names as syslog(3) and logger(1) write them, 12 to 15 as systemd does. */
// oxfmt-ignore
export const facilities = [
  'kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron', 'authpriv', 'ftp', 'ntp', 'audit', 'alert', 'clock',
  'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7',
] as const;

/** 0..191. RFC 5424 forbids leading zeros; senders of the older standard write them, so they are read. */
const priority = /^<(\d{1,3})>/;

export interface Priority {
  readonly facility: string;
  readonly severity: ReadSeverity;
  /** Index behind the closing bracket. */
  readonly end: number;
}

export function readPriority(text: string): Priority | null {
  const digits = priority.exec(text)?.[1];
  if (digits === undefined) return null;
  const value = Number(digits);
  const facility = facilities[value >> 3];
  return facility === undefined ? null : { facility, severity: severityOfSyslog(value & 7), end: digits.length + 2 };
}
