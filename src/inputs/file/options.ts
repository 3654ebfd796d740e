/** Options of the file input. */
import { z } from 'zod';
import { bytes, duration } from '../../runtime/units.ts';
import { multilineOptions, sourceOptions } from '../source-options.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

export const fileOptions = z.strictObject({
  include: z
    .array(z.string().min(1))
    .min(1)
    .describe('Globs of files to follow (`*`, `?`, `[a-z]`, `{a,b}`, `**`), e.g. /var/log/app/*.log'),
  exclude: z
    .array(z.string().min(1))
    .default([])
    .describe('Globs of files to leave alone; one without a slash is held against the file name'),
  ...sourceOptions,
  multiline: multilineOptions,
  from: z
    .enum(['beginning', 'end'])
    .default('beginning')
    .describe('Where to start in files never seen that are there at the start; files that appear later are read whole'),
  max_line_bytes: bytes({ min: 256, max: 64 * MiB })
    .prefault('1MiB')
    .describe('Longer lines are cut here and marked `truncated`'),
  fingerprint_bytes: bytes({ min: 16, max: 64 * KiB })
    .prefault('1KiB')
    .describe("How much of a file's beginning tells it from another one with the same inode"),
  scan_interval: duration({ min: 50, max: 3_600_000 })
    .prefault('1s')
    .describe('How often directories and files are looked at, whatever file system events say'),
  rotate_wait: duration({ min: 0, max: 86_400_000 })
    .prefault('60s')
    .describe('A rotated file is followed until it has been quiet this long, since its writer may keep it open'),
});

export type FileOptions = z.output<typeof fileOptions>;
