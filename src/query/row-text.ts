/** A row as one line for people: time, severity, application, message, then metadata, with colours on a terminal. */
import type { LogRow } from '../search/request.ts';

const colours: Readonly<Record<string, string>> = {
  TRACE: '2',
  DEBUG: '2',
  INFO: '32',
  WARN: '33',
  ERROR: '31',
  FATAL: '1;31',
};

export function rowText(row: LogRow, isColoured: boolean): string {
  const paint = (text: string, colour: string): string => (isColoured ? `\u001b[${colour}m${text}\u001b[0m` : text);
  const time = `${row.timestamp.slice(0, 10)} ${row.timestamp.slice(11, 23)}Z`;
  const severity = paint(row.severity.padEnd(5), colours[row.severity] ?? '0');
  const release = row.version === null ? row.application : `${row.application}@${row.version}`;
  const metadata = Object.entries(row.metadata)
    .map(
      ([type, value]) =>
        `${printable(type)}=${/[\s"]/.test(value) || value === '' ? JSON.stringify(value) : printable(value)}`,
    )
    .join(' ');
  return `${paint(time, '2')} ${severity} ${paint(printable(release), '36')} ${printable(row.message)}${metadata === '' ? '' : ` ${paint(metadata, '2')}`}`;
}

/** Logs are written by others too: control characters must not reach the terminal as commands. */
export function printable(text: string): string {
  return text
    .replaceAll(
      // oxlint-disable-next-line no-control-regex -- control characters are what this is about
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g,
      (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
    )
    .replaceAll('\n', '\n    ');
}
