/**
 * Plain text headers with an order of their own, each as its logger documents it:
 *
 *     E, [2021-06-04T15:40:27.138456 #12] ERROR -- name: text               Ruby's Logger::Formatter
 *     4711:M 24 Nov 2026 03:00:00.123 * text                                Redis (. debug, - verbose, * notice, # warning)
 *     fail: Microsoft.AspNetCore.Server.Kestrel[13]<newline>      text      .NET's console formatter
 *     Nov 24, 2026 3:00:00 AM com.example.Shop pay<newline>WARNING: text    java.util.logging.SimpleFormatter
 *     WARNING:root:text                                                     Python's logging.BASIC_FORMAT
 *     20171223-22:15:29:606|Step_LSC|30002312|text                          HealthApp (loghub)
 */
import { type ReadSeverity, severityOfWord } from '../record/severity.ts';
import { leadingTimestamp, parseTimestamp } from '../record/timestamp.ts';
import type { Entry, ParserOptions } from './parser.ts';

interface Shape {
  /** First characters, so that most lines cost one look. */
  readonly begins: RegExp;
  /** Groups: `time`, `level`, and any that become metadata under their own name. */
  readonly header: RegExp;
}

const levelsOfRedis: Readonly<Record<string, string>> = { '.': 'DEBUG', '-': 'VERBOSE', '*': 'NOTICE', '#': 'WARNING' };
/** Microsoft.Extensions.Logging.Console, SimpleConsoleFormatter.GetLogLevelString. */
const levelsOfDotnet: Readonly<Record<string, string>> = {
  trce: 'TRACE',
  dbug: 'DEBUG',
  info: 'INFO',
  warn: 'WARN',
  fail: 'ERROR',
  crit: 'CRITICAL',
};

const shapes: readonly Shape[] = [
  {
    begins: /^[A-Z], \[/,
    header:
      /^[A-Z], \[(?<time>\S{10,40}) {1,2}#(?<pid>\d+)(?:\.(?<tid>\d+))?\] +(?<level>[A-Z]{3,7}) -- (?<progname>[^:]{0,100}): /,
  },
  {
    begins: /^\d+:[A-Z] /,
    header: /^(?<pid>\d+):(?<role>[A-Z]) (?<time>\d{1,2} [A-Z][a-z]{2} \d{4} [\d:.]{8,15}) (?<level>[-.*#]) /,
  },
  {
    begins: /^(?:trce|dbug|info|warn|fail|crit): /,
    header: /^(?<level>[a-z]{4}): (?<logger>[\w.`+<>[\], ]{1,200}?)\[(?<event_id>-?\d+)\](?:\s*\n)?\s+/,
  },
  {
    begins: /^[A-Z][a-z]{2} \d{1,2}, \d{4} /,
    header:
      /^(?<time>[A-Z][a-z]{2} \d{1,2}, \d{4} \d{1,2}:\d\d:\d\d [AP]M) (?<logger>\S+)(?: (?<method>\S+))?\n(?<level>[A-Z]{4,7}): /,
  },
  {
    begins: /^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):\S/,
    header: /^(?<level>[A-Z]{4,8}):(?<logger>[\w.-]{1,100}):/,
  },
  {
    begins: /^\d{8}-\d/,
    header: /^(?<time>\d{8}-\d{1,2}:\d{1,2}:\d{1,2}:\d{1,3})\|(?<component>[^|]{1,100})\|(?<pid>\d{1,12})\|/,
  },
];

/** Null: the text has none of these headers. */
export function readShape(text: string, options: ParserOptions): Entry | null {
  for (const { begins, header } of shapes) {
    if (!begins.test(text)) continue;
    const match = header.exec(text);
    const groups = match?.groups;
    if (match === null || groups === undefined) continue;
    const { time, level = '', ...others } = groups;
    const timestamp =
      time === undefined ? undefined : (parseTimestamp(time, options) ?? leadingTimestamp(time, options)?.timestamp);
    if (time !== undefined && timestamp === undefined) continue;
    const severity = readLevel(level);
    if (level !== '' && severity === null && level !== 'ANY') continue;
    const metadata = Object.entries(others).filter(([, value]) => (value ?? '') !== '');
    if (severity?.text !== undefined) metadata.push(['severity_text', severity.text]);
    return { timestamp, severity: severity?.severity, message: text.slice(match[0].length), metadata };
  }
  return null;
}

function readLevel(level: string): ReadSeverity | null {
  return severityOfWord(levelsOfRedis[level] ?? levelsOfDotnet[level] ?? level);
}
