/** Options of the file input. */
import { z } from 'zod';
import { bytes, duration } from '../../runtime/units.ts';
import { multilineOptions, sourceOptions } from '../source-options.ts';
import { encodings } from './encoding.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const dayMs = 86_400_000;

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
  encoding: z
    .enum(['auto', ...encodings])
    .default('auto')
    .describe('How bytes become text; `auto` is UTF-8 unless a byte order mark says UTF-16'),
  from: z
    .enum(['beginning', 'end', 'checkpoint'])
    .default('beginning')
    .describe(
      'Where to start in files never seen that are there at the start; files that appear later are read whole. `checkpoint`: at the end on the very first start, later what was written since the last run is read whole',
    ),
  ignore_older: duration({ min: 1000, max: 3650 * dayMs })
    .optional()
    .describe(
      'A file never seen that was last written longer ago than this is read from its end: only what is added to it',
    ),
  max_line_bytes: bytes({ min: 256, max: 64 * MiB })
    .prefault('1MiB')
    .describe('Longer lines are cut here and marked `truncated`'),
  fingerprint_bytes: bytes({ min: 16, max: 64 * KiB })
    .prefault('1KiB')
    .describe("How much of a file's beginning tells it from another one with the same inode"),
  scan_interval: duration({ min: 50, max: 3_600_000 })
    .prefault('1s')
    .describe(
      'How often directories and files are looked at, whatever file system events say; less often (at most every 4 s) when a look takes long',
    ),
  rotate_wait: duration({ min: 0, max: dayMs })
    .prefault('60s')
    .describe('A rotated file is followed until it has been quiet this long, since its writer may keep it open'),
  max_open_files: z
    .int()
    .min(8)
    .max(1_000_000)
    .default(4096)
    .describe(
      'Files held open at once; never more than the limit of the process leaves. Files at rest are closed first',
    ),
  deleted_hold_time: duration({ min: 1000, max: 365 * dayMs })
    .prefault('1d')
    .describe(
      'A deleted file that cannot be stored is held (its disk space too) at most this long; then the rest is a gap',
    ),
  deleted_hold_bytes: bytes({ min: MiB, max: 1024 * 1024 * MiB })
    .prefault('4GiB')
    .describe(
      'Unread bytes of deleted files that are held together; past it the oldest is dropped, and the rest of it is a gap',
    ),
});

export type FileOptions = z.output<typeof fileOptions>;
