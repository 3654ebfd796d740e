/** Flags that say which rows or patterns are asked about. */
import type { Options } from 'yargs';
import { severities } from '../record/severity.ts';

export const severityFlag = {
  type: 'string',
  choices: severities,
  coerce: (name: string) => name.toUpperCase(),
  describe: 'Lowest severity wanted',
  requiresArg: true,
} as const satisfies Options;

export const applicationFlags = {
  application: { type: 'string', describe: 'Name of the application', requiresArg: true },
  appVersion: { type: 'string', describe: "The application's version", requiresArg: true },
  environment: { type: 'string', describe: "The application's environment", requiresArg: true },
} as const satisfies Record<string, Options>;

export const spanFlags = {
  start: {
    type: 'string',
    describe: 'Begin of the span: RFC 3339, a date, unix time, or back from now (-24h)',
    requiresArg: true,
  },
  end: { type: 'string', describe: 'End of the span, exclusive', requiresArg: true },
  ...applicationFlags,
} as const satisfies Record<string, Options>;

export interface SpanFlags {
  readonly start?: string;
  readonly end?: string;
  readonly application?: string;
  readonly appVersion?: string;
  readonly environment?: string;
}

export function spanOf({ start, end, application, appVersion, environment }: SpanFlags) {
  return { start, end, application, version: appVersion, environment };
}
