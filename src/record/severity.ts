/**
 * The six severities of a row, and how the numbers and words of loggers map to them.
 *
 * The scale is OpenTelemetry's short names (Logs Data Model, SeverityNumber). What a logger said more precisely
 * ("notice", "critical", 35) is kept by the parsers as metadata `severity_text`.
 */
export const severities = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;

export type Severity = (typeof severities)[number];

/** Place of a severity on the scale, 0 (TRACE) to 5 (FATAL): a floor compares these. */
export function severityRank(severity: Severity): number {
  return severities.indexOf(severity);
}

export function isAtLeast(severity: Severity, floor: Severity): boolean {
  return severityRank(severity) >= severityRank(floor);
}

/** The severities at or above `floor`, lowest first. */
export function severitiesFrom(floor: Severity): readonly Severity[] {
  return severities.slice(severityRank(floor));
}

/** What a logger's own level means on the scale. */
export interface ReadSeverity {
  readonly severity: Severity;
  /** The logger's own word or number, where it says more than `severity`. */
  readonly text: string | undefined;
}

/** Words that say no more than the severity they stand for; all other words below are kept as `severity_text`. */
// oxfmt-ignore
const plainWords: Readonly<Record<string, Severity>> = {
  TRACE: 'TRACE', TRC: 'TRACE', TRCE: 'TRACE', DEBUG: 'DEBUG', DBG: 'DEBUG', DBUG: 'DEBUG', D: 'DEBUG', INFO: 'INFO', INFORMATION: 'INFO', INF: 'INFO', I: 'INFO',
  WARN: 'WARN', WARNING: 'WARN', WRN: 'WARN', W: 'WARN', ERROR: 'ERROR', ERR: 'ERROR', E: 'ERROR', FATAL: 'FATAL', FTL: 'FATAL', F: 'FATAL',
};

/**
 * Finer words: syslog (RFC 5424 table 2), npm levels (silly, http), java.util.logging, zap, loguru, PostgreSQL, MongoDB (D1 to
 * D5), Android (V, A).
 */
// oxfmt-ignore
const finerWords: Readonly<Record<string, Severity>> = {
  SILLY: 'TRACE', FINEST: 'TRACE', FINER: 'TRACE', ALL: 'TRACE', VERBOSE: 'DEBUG', VRB: 'DEBUG', V: 'DEBUG', FINE: 'DEBUG',
  DEBUG1: 'DEBUG', DEBUG2: 'DEBUG', DEBUG3: 'TRACE', DEBUG4: 'TRACE', DEBUG5: 'TRACE', D1: 'DEBUG', D2: 'DEBUG', D3: 'TRACE', D4: 'TRACE',
  D5: 'TRACE', NOTICE: 'INFO', CONFIG: 'INFO', HTTP: 'INFO', LOG: 'INFO', SUCCESS: 'INFO', NOTE: 'INFO', SYSTEM: 'INFO', STATEMENT: 'INFO', DETAIL: 'INFO', HINT: 'INFO',
  DEFAULT: 'INFO', SEVERE: 'ERROR', FAILURE: 'ERROR', CRIT: 'FATAL', CRITICAL: 'FATAL', ALERT: 'FATAL', EMERG: 'FATAL', EMERGENCY: 'FATAL',
  PANIC: 'FATAL', DPANIC: 'FATAL', A: 'FATAL',
};

/** RFC 5424 section 6.2.1, table 2: 0 emergency to 7 debug. */
const syslogSeverities: readonly ReadSeverity[] = [
  { severity: 'FATAL', text: 'emergency' },
  { severity: 'FATAL', text: 'alert' },
  { severity: 'FATAL', text: 'critical' },
  { severity: 'ERROR', text: undefined },
  { severity: 'WARN', text: undefined },
  { severity: 'INFO', text: 'notice' },
  { severity: 'INFO', text: undefined },
  { severity: 'DEBUG', text: undefined },
];

/** @param code syslog severity, 0 to 7. */
export function severityOfSyslog(code: number): ReadSeverity {
  return syslogSeverities[code] ?? { severity: 'INFO', text: String(code) };
}

/** A level's word, upper and lower case alike; also slog's `INFO+2`. Null when it is not a level. */
export function severityOfWord(word: string): ReadSeverity | null {
  const upper = word.toUpperCase();
  const plain = Object.hasOwn(plainWords, upper) ? plainWords[upper] : undefined;
  if (plain !== undefined) return { severity: plain, text: undefined };
  const finer = Object.hasOwn(finerWords, upper) ? finerWords[upper] : undefined;
  if (finer !== undefined) return { severity: finer, text: word };
  const relative = /^(TRACE|DEBUG|INFO|WARN|ERROR|FATAL)[+-]\d{1,4}$/.exec(upper)?.[1];
  return relative === undefined ? null : { severity: relative as Severity, text: word };
}

/**
 * A level's number: 0 to 7 as syslog counts (GELF, journald), 10 and above as pino and bunyan do (10 trace to 60 fatal; what
 * lies between belongs to the level below). Null when it is no level.
 */
export function severityOfNumber(level: number): ReadSeverity | null {
  if (level > 100) return severityOfMonologNumber(level);
  if (!Number.isInteger(level) || level < 0) return null;
  if (level < 8) return severityOfSyslog(level);
  const severity = severities[Math.min(Math.max(Math.floor(level / 10) - 1, 0), 5)] ?? 'INFO';
  return { severity, text: level % 10 === 0 && level <= 60 ? undefined : String(level) };
}

/** Monolog's levels, RFC 5424's severities times a hundred or so. */
// oxfmt-ignore
const monologWords: Readonly<Record<number, string>> = { 200: 'INFO', 250: 'NOTICE', 300: 'WARNING', 400: 'ERROR', 500: 'CRITICAL', 550: 'ALERT', 600: 'EMERGENCY' };

function severityOfMonologNumber(level: number): ReadSeverity | null {
  const word = monologWords[level];
  return word === undefined ? null : severityOfWord(word);
}

/** OpenTelemetry SeverityNumber, 1 to 24: four steps to a severity. */
export function severityOfOtlpNumber(level: number): ReadSeverity | null {
  if (!Number.isInteger(level) || level < 1 || level > 24) return null;
  const severity = severities[Math.floor((level - 1) / 4)] ?? 'INFO';
  return { severity, text: (level - 1) % 4 === 0 ? undefined : `${severity}${((level - 1) % 4) + 1}` };
}
