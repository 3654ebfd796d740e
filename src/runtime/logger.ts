/**
 * The daemon's own log: pino. JSON lines on standard error for machines; readable lines on a terminal and in systemd's journal, which is told the severity
 * of each. What repeats itself is bounded (repeats.ts).
 */
import type { Writable } from 'node:stream';
import { type Level, type Logger, pino } from 'pino';
import { type Clock, systemClock } from './clock.ts';
import { RegressionError } from './errors.ts';
import { type LogEntry, journalLine, journalPrefix, terminalLines } from './log-lines.ts';
import type { LogFormat, LogLevel } from './log-levels.ts';
import { RepeatLimit } from './repeats.ts';

export type { Logger } from 'pino';

export interface OwnLogOptions {
  readonly level: LogLevel;
  readonly format?: LogFormat;
  readonly output: Writable & { readonly isTTY?: boolean };
  /** `output` is systemd's journal. */
  readonly isJournal?: boolean;
  readonly clock?: Clock;
}

/** pino's numbers: entries below are asked for by someone who wants them all. */
const infoLevel = 30;

export class OwnLog {
  readonly logger: Logger;
  readonly #options: OwnLogOptions;
  readonly #repeats: RepeatLimit;
  #format: LogFormat;
  #listener: ((entry: LogEntry) => void) | null = null;

  constructor(options: OwnLogOptions) {
    this.#options = options;
    this.#format = options.format ?? 'auto';
    this.#repeats = new RepeatLimit(options.clock ?? systemClock, ({ level, text }, count) => {
      const name = (pino.levels.labels[level] ?? 'warn') as Level;
      this.#unlimited[name]({ left_out: count }, `${text} (and ${count - 1} more like it)`);
    });
    const settings = {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: errorFields },
    };
    const destination = { write: (line: string) => this.#write(line) };
    this.#unlimited = pino({ ...settings, level: 'trace' }, destination);
    const repeats = this.#repeats;
    this.logger = pino(
      {
        ...settings,
        hooks: {
          logMethod(args, method, level) {
            const [first, second] = args as unknown as [unknown, unknown];
            const text = String(typeof first === 'string' ? first : second);
            if (level < infoLevel || repeats.admits(level, text)) method.apply(this, args);
          },
        },
      },
      destination,
    );
  }

  /** For what says how many were left out. */
  readonly #unlimited: Logger;

  change({ level, format }: { readonly level: LogLevel; readonly format: LogFormat }): void {
    this.logger.level = level;
    this.#format = format;
  }

  /** Gives each entry that is written to `listener` too. */
  listen(listener: ((entry: LogEntry) => void) | null): void {
    this.#listener = listener;
  }

  /** Says what is still to be said. */
  close(): void {
    this.#repeats.close();
  }

  #write(line: string): void {
    const { output } = this.#options;
    output.write(this.#text(line));
    this.#listener?.(JSON.parse(line) as LogEntry);
  }

  #text(line: string): string {
    const { output, isJournal = false } = this.#options;
    const isForPeople = this.#format === 'text' || (this.#format === 'auto' && (output.isTTY === true || isJournal));
    if (!isForPeople && !isJournal) return line;
    const entry = JSON.parse(line) as LogEntry;
    if (isJournal) return `${journalPrefix(entry.level)}${isForPeople ? journalLine(entry) : line}`;
    return terminalLines(entry);
  }
}

/** Of ours what happened is enough; where in the program is asked of bugs. */
function errorFields(error: Error): object {
  if (!(error instanceof RegressionError)) return pino.stdSerializers.err(error);
  return { type: error.name, code: error.code, message: error.message };
}

/** For a command that ends by itself. */
export function createLogger(level: LogLevel, output: OwnLogOptions['output']): Logger {
  return new OwnLog({ level, output }).logger;
}
