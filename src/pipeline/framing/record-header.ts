/**
 * Whether a line begins with what loggers put in front of a record: a time, a level, a syslog priority. Looks at the shape only, which
 * is cheap; what it says is for the parsers.
 */
export type HeaderKind =
  /** The line is a record whatever follows it: JSON, logfmt, an access log. */
  | 'whole'
  /** Syslog: the sender makes one line of each record, so only what is plainly a continuation is one. */
  | 'syslog'
  /** A logger's header: lines without one belong to the record before. */
  | 'logger';

const months = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const weekdays = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const clock = '\\d{1,2}:\\d\\d';
const levelsInCapitals =
  '(?:TRACE|DEBUG|INFO|INFORMATION|NOTICE|WARN|WARNING|ERROR|ERR|CRITICAL|CRIT|FATAL|SEVERE|ALERT|EMERG|PANIC|FINE|FINER|FINEST|CONFIG|VERBOSE)';

// oxfmt-ignore
const digitTime = new RegExp(
  '^(?:' + [
    '\\d{4}([-/.])\\d{1,2}\\1\\d{1,2}(?![\\d.])', // 2026-11-24, alone or before a time
    `\\d{1,2}[-/. ]${months}[a-z]*[-/. ,]+\\d{4}`, // 24/Nov/2026, 24-Nov-2026, 24 Nov 2026
    `\\d{2}([-/.])\\d{2}\\2\\d{2,4} +${clock}`, // 17/06/09 20:10:40
    `\\d{2}[-.]\\d{2} ${clock}`, // 03-17 16:13:38 (logcat)
    '\\d{6} \\d{6} ', // 081109 203615
    '\\d{8}[-T ]\\d{1,2}:?\\d', // 20171223-22:15:29
    '\\d{14}\\b',
    '\\d{10}(?:\\.\\d+)?[ ,:|\\]]', '\\d{13}[ ,:|\\]]', // epochs
    `${clock}:\\d\\d(?:[.,]\\d+)? `, // the time alone
    `\\d+:[A-Z] \\d{1,2} ${months} `, // Redis
    '\\d{1,10} [\\w-]{1,60} [\\w.-]{1,60} [\\w.-]{1,60} \\d{9,10} -?\\d{1,10} ', // HPC clusters
  ].join('|') + ')',
);
const letterTime = new RegExp(
  `^(?:${weekdays}[a-z]*,? +(?:\\d{1,2} +)?${months}|${months}[a-z]*\\.? +\\d{1,2},? +(?:\\d{4},? +)?${clock}|[IWEF]\\d{4}(?:\\d{4})? ${clock}|[DIWEFA], \\[\\d|[VDIWEFA]\\/\\S{1,64}\\s{0,9}\\(|[A-Z][\\w.-]{0,40} \\d{9,10} \\d{4}\\.\\d\\d\\.\\d\\d |[\\w.-]{1,100}?\\.log\\S{0,100} \\d{4}-)`,
);
const syslogTime = new RegExp(`^${months} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d \\S+ \\S`);
const isoSyslog = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d) \S+ [\w./()-]+(?:\[\d+\])?: /;
const levelInCapitals = new RegExp(`^${levelsInCapitals}(?:[:|\\t\\]]| +[-:|\\[(]|\\d?\\s)`);
/** .NET's console logger: `fail: Microsoft.AspNetCore.Server.Kestrel[13]`; node loggers: `info: text`. */
const levelBeforeColon = /^(?:trce|dbug|info|warn|fail|crit|debug|error|notice): \S/;
const bracketedLevel = new RegExp(`^[[<(](?:${levelsInCapitals}|[A-Z]{1,3}|[a-z]{4,11})\\s*[\\]>)]`, 'i');
const accessLog = /^[\w.:%*-]+(?: \S+){2,3} \[\d{1,2}\/[A-Z][a-z]{2}\/\d{4}:/;
/** Two pairs at least, the first of them of a logger. */
const logfmt =
  /^(?:time|ts|t|timestamp|level|lvl|severity|msg|message|at|logger|caller|app)=(?:"[^"]*"|\S*) +[\w.@/-]+=/;
const levels = new RegExp(`^${levelsInCapitals}$`, 'i');

/** Null: nothing that loggers write. */
export function headerOf(text: string): HeaderKind | null {
  const code = text.charCodeAt(0);
  if (code >= 0x30 && code <= 0x39) return digitHeader(text);
  if (code === 0x3c /* < */) return /^<\d{1,3}>/.test(text) ? 'syslog' : bracketHeader(text);
  if (code === 0x5b /* [ */ || code === 0x28 /* ( */) return bracketHeader(text);
  if (code === 0x2d /* - */) return /^- \d{9,10} \d{4}\.\d\d\.\d\d /.test(text) ? 'logger' : null;
  if ((code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)) return letterHeader(text);
  return code === 0x3a /* ::1 */ && accessLog.test(text) ? 'whole' : null;
}

function digitHeader(text: string): HeaderKind | null {
  if (accessLog.test(text)) return 'whole';
  if (isoSyslog.test(text)) return 'syslog';
  return digitTime.test(text) ? 'logger' : null;
}

function letterHeader(text: string): HeaderKind | null {
  if (syslogTime.test(text)) return 'syslog';
  if (letterTime.test(text) || levelInCapitals.test(text) || levelBeforeColon.test(text)) return 'logger';
  if (logfmt.test(text) || accessLog.test(text)) return 'whole';
  return null;
}

/** `[2026-11-24 ...`, `[Tue Nov 24 ...`, `[INFO]`, `<info>`, `[main] INFO`, `[12:00:00 INF]`. */
function bracketHeader(text: string): HeaderKind | null {
  const inside = text.slice(1, 64);
  if (digitTime.test(inside) || letterTime.test(inside)) return 'logger';
  const word = bracketedLevel.exec(text)?.[0];
  if (word !== undefined && levels.test(word.slice(1, -1).trim())) return 'logger';
  const next = /^\[[^[\]]{1,60}\]\s*(\[?[A-Z]{4,11})\b/.exec(text)?.[1];
  return next !== undefined && levels.test(next.replace('[', '')) ? 'logger' : null;
}
