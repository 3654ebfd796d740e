/** The flags of commands that read lines themselves: in which format, in which time zone, how lines are joined to records. */
import type { Options } from 'yargs';
import type { MultilineOptions, SourceDescription } from '../inputs/input.ts';
import { formats } from '../parsers/registry.ts';
import { isTimezone } from '../record/timezone.ts';
import { RegressionError } from '../runtime/errors.ts';
import { patternProblem } from '../runtime/linear-pattern.ts';

export interface SourceFlags {
  readonly format: string;
  readonly timezone: string;
  readonly pattern?: string;
  readonly multiline: string;
  readonly multilineEnd?: string;
  readonly multilineContinued?: string;
  readonly multilineContinuation?: string;
}

export const sourceFlags = {
  format: { choices: formats, default: 'auto', describe: 'How the lines are read', requiresArg: true },
  timezone: {
    type: 'string',
    default: 'UTC',
    describe: 'Zone of timestamps that name none',
    requiresArg: true,
    coerce: readTimezone,
  },
  pattern: {
    type: 'string',
    describe: 'For --format regex: RE2 syntax with named groups',
    requiresArg: true,
    coerce: readPattern('pattern'),
  },
  multiline: {
    type: 'string',
    default: 'auto',
    describe:
      '`auto` joins stack traces and lines without a header, `off` nothing; else a pattern that begins a record',
    requiresArg: true,
    coerce: readPattern('multiline'),
  },
  multilineEnd: {
    type: 'string',
    describe: 'A pattern whose line ends a record',
    requiresArg: true,
    coerce: readPattern('multiline-end'),
  },
  multilineContinued: {
    type: 'string',
    describe: 'A pattern whose line goes on in the next one, e.g. \\\\$',
    requiresArg: true,
    coerce: readPattern('multiline-continued'),
  },
  multilineContinuation: {
    type: 'string',
    describe: 'A pattern whose line belongs to the one before, e.g. ^\\s',
    requiresArg: true,
    coerce: readPattern('multiline-continuation'),
  },
} as const satisfies Record<keyof SourceFlags, Options>;

const bounds = { max_lines: 1000, max_bytes: 1024 * 1024, flush_after: 500 };

/**
 * What the flags say of a source.
 *
 * @throws RegressionError `USAGE` when the format needs a flag that is not there.
 */
export function sourceOf(flags: SourceFlags): Pick<SourceDescription, 'format' | 'timezone' | 'pattern' | 'multiline'> {
  const { format, timezone, pattern, multiline: first } = flags;
  if (format === 'regex' && pattern === undefined) {
    throw new RegressionError('USAGE', '--format regex needs --pattern', {
      hint: "For example --pattern '^(?<time>\\S+) (?<level>\\w+) (?<message>.*)$'.",
    });
  }
  const multiline: MultilineOptions = {
    ...bounds,
    mode: first === 'off' ? 'off' : 'auto',
    start: first === 'auto' || first === 'off' ? undefined : first,
    end: flags.multilineEnd,
    continued: flags.multilineContinued,
    continuation: flags.multilineContinuation,
  };
  return { format, timezone, pattern, multiline };
}

function readTimezone(text: string): string {
  if (isTimezone(text)) return text;
  throw new Error(`--timezone: ${text} is no time zone, which looks like Europe/Berlin or +02:00`); // yargs makes it a usage error
}

function readPattern(flag: string): (text: string | undefined) => string | undefined {
  return (text) => {
    const problem = text === undefined ? null : patternProblem(text);
    if (problem === null) return text;
    throw new Error(`--${flag}: ${problem}`);
  };
}
