/** How an entry of the daemon's own log is written for people: on a terminal, and in systemd's journal. */

export interface LogEntry {
  /** ISO 8601. */
  readonly time: string;
  /** 10 to 60, as pino counts. */
  readonly level: number;
  readonly msg: string;
  readonly hint?: string;
  readonly err?: { readonly message?: string; readonly code?: string };
  readonly [field: string]: unknown;
}

type LevelName = 'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | 'FATAL';

/** By pino's numbers. The names are the severities of rows, too. */
export const levelNames: Readonly<Record<number, LevelName>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

/** sd-daemon(3): what stands in front of a line is its syslog severity, and is not shown. */
const journalPriorities: Readonly<Record<number, number>> = { 10: 7, 20: 7, 30: 6, 40: 4, 50: 3, 60: 2 };

/** `<4>` for the journal. */
export function journalPrefix(level: number): string {
  return `<${journalPriorities[level] ?? 6}>`;
}

/** `cannot read /var/log/btmp (EACCES) code=EACCES`: message, cause, and the other fields as key=value. */
function sentenceOf({ time: _time, level: _level, msg, hint: _hint, err, ...fields }: LogEntry): string {
  const rest = Object.entries(fields).map(
    ([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const cause = err?.message === undefined ? '' : `: ${err.message}`;
  return `${msg}${cause}${rest.join('')}`;
}

/** `12:00:01 WARN  cannot read ...`, and the hint in a line of its own. */
export function terminalLines(entry: LogEntry): string {
  const name = (levelNames[entry.level] ?? String(entry.level)).padEnd(5);
  const hint = entry.hint === undefined ? '' : `${' '.repeat(15)}${entry.hint}\n`;
  return `${entry.time.slice(11, 19)} ${name} ${sentenceOf(entry)}\n${hint}`;
}

/** One line, since each is an entry of its own there; the journal has the time. */
export function journalLine(entry: LogEntry): string {
  const hint = entry.hint === undefined ? '' : ` (${entry.hint})`;
  return `${`${sentenceOf(entry)}${hint}`.replaceAll(/\s*\n\s*/g, ' | ')}\n`;
}
