/**
 * Options that every input takes: how its entries are read, and what to say of entries that do not say it themselves.
 */
import { z } from 'zod';
import { formats } from '../parsers/registry.ts';
import { isTimezone } from '../record/timezone.ts';

export const sourceOptions = {
  format: z
    .enum(formats)
    .default('auto')
    .describe('How entries are read; `auto` finds the format from the lines themselves'),
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
