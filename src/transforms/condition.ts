/** Which records a transform is for. All that is given must hold; nothing given: every record. */
import { z } from 'zod';
import type { LogRecord } from '../record/log-record.ts';
import { severities } from '../record/severity.ts';
import { LinearPattern } from '../runtime/linear-pattern.ts';
import { pattern } from '../runtime/pattern-schema.ts';

export const conditionOptions = z.strictObject({
  severity: z.array(z.enum(severities)).min(1).optional().describe('Any of these'),
  application: z.string().min(1).optional().describe('The application, exactly'),
  source: pattern().optional().describe('A regular expression (RE2) found in the source: a path, a listening address'),
  message: pattern().optional().describe('A regular expression (RE2) found in the message'),
  metadata: z
    .record(z.string(), pattern())
    .optional()
    .describe('Regular expressions (RE2) found in the values of these keys; a key that is missing does not match'),
});

export type ConditionOptions = z.output<typeof conditionOptions>;

export type Condition = (record: LogRecord) => boolean;

export function conditionOf(options: ConditionOptions): Condition {
  const compile = (source: string | undefined) => (source === undefined ? undefined : new LinearPattern(source));
  const severity = options.severity === undefined ? undefined : new Set(options.severity);
  const source = compile(options.source);
  const message = compile(options.message);
  const metadata = Object.entries(options.metadata ?? {}).map(
    ([key, value]) => [key, new LinearPattern(value)] as const,
  );
  return (record) =>
    (severity === undefined || severity.has(record.severity)) &&
    (options.application === undefined || options.application === record.application.name) &&
    (source === undefined || source.test(record.source)) &&
    (message === undefined || message.test(record.message)) &&
    metadata.every(([key, value]) => record.metadata.some(([type, text]) => type === key && value.test(text)));
}
