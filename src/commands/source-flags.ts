/** The flags of commands that read lines themselves: in which format, in which time zone. */
import type { Options } from 'yargs';
import { formats } from '../parsers/registry.ts';
import { isTimezone } from '../record/timezone.ts';

export interface SourceFlags {
  readonly format: string;
  readonly timezone: string;
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
} as const satisfies Record<keyof SourceFlags, Options>;

function readTimezone(text: string): string {
  if (isTimezone(text)) return text;
  throw new Error(`--timezone: ${text} is no time zone, which looks like Europe/Berlin or +02:00`); // yargs makes it a usage error
}
