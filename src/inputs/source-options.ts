/**
 * Options that every input takes: how its entries are read, and what to say of entries that do not say it themselves.
 */
import { z } from 'zod';
import { formats } from '../parsers/registry.ts';
import { isTimezone } from '../record/timezone.ts';
import { pattern } from '../runtime/pattern-schema.ts';
import { bytes, duration } from '../runtime/units.ts';

export const sourceOptions = {
  name: z
    .string()
    .regex(/^[\w.-]{1,64}$/, { error: 'expected letters, digits, `.`, `_` or `-`' })
    .optional()
    .describe('Names the input in metrics and in the own log; its type, and a number behind a second one, by default'),
  format: z
    .enum(formats)
    .default('auto')
    .describe('How entries are read; `auto` finds the format from the lines themselves'),
  pattern: pattern()
    .optional()
    .describe(
      'For the format `regex`: RE2 syntax whose named groups are the fields, `^(?<time>\\S+) (?<level>\\w+) (?<message>.*)$`',
    ),
  timezone: z
    .string()
    .refine(isTimezone, { error: 'expected an IANA time zone (Europe/Berlin) or an offset (+02:00)' })
    .default('UTC')
    .describe('Zone of timestamps that name none'),
  application: z
    .strictObject({
      name: z.string().min(1).optional().describe('Application of entries that name none'),
      version: z.string().min(1).optional().describe('Its version'),
      environment: z.string().min(1).optional().describe('Its environment, e.g. `production`'),
    })
    .optional()
    .describe('For entries of this input that do not say; overrides the top-level `application`'),
};

/** For inputs whose lines may be parts of a record. */
export const multilineOptions = z
  .strictObject({
    mode: z
      .enum(['auto', 'off'])
      .default('auto')
      .describe('`auto` joins stack traces and lines without a header to their record; patterns below take its place'),
    start: pattern().optional().describe('A line that matches begins a record'),
    end: pattern().optional().describe('A line that matches ends one'),
    continued: pattern()
      .optional()
      .describe('The line behind one that matches belongs to the same record, e.g. `\\\\$`'),
    continuation: pattern().optional().describe('A line that matches belongs to the record before it, e.g. `^\\s`'),
    max_lines: z
      .int()
      .min(1)
      .max(100_000)
      .default(1000)
      .describe('A longer record is cut here; the rest are records of their own'),
    max_bytes: bytes({ min: 1024, max: 64 * 1024 * 1024 })
      .prefault('1MiB')
      .describe('The same, by its size'),
    flush_after: duration({ min: 10, max: 600_000 })
      .prefault('500ms')
      .describe('A record that gets no further line for this long is complete'),
  })
  .prefault({})
  .describe('How lines are joined to records');
