/** What an archive directory holds: for each segment a packed file and a manifest, written last, that tells what is in it. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { RegressionError, messageOf } from '../runtime/errors.ts';
import { type ArchiveFormat, archiveFormats } from '../store/archive-format.ts';

const manifestSuffix = '.archive.json';

const manifestSchema = z.object({
  format_version: z.literal(1),
  format: z.enum(archiveFormats),
  /** Beside the manifest. */
  file: z.string().regex(/^\d{12}\.[a-z.]+$/),
  bytes: z.int(),
  sha256: z.string(),
  /** Of the unpacked content; null for `parquet`. */
  content_sha256: z.string().nullable(),
  rows: z.int(),
  first_id: z.int(),
  last_id: z.int(),
  min_timestamp: z.string(),
  max_timestamp: z.string(),
  archived_at: z.string(),
  /** Where it was uploaded to; null when it was not. */
  uploaded_to: z.string().nullable(),
});

export type ArchiveManifest = z.output<typeof manifestSchema>;

const stemOf = (firstId: number): string => String(firstId).padStart(12, '0');
export const archiveFileName = (firstId: number, format: ArchiveFormat): string => `${stemOf(firstId)}.${format}`;
export const archiveManifestName = (firstId: number): string => `${stemOf(firstId)}${manifestSuffix}`;

/** Everything that is complete, in the order of ids. @throws RegressionError `BACKUP_INVALID` for a manifest that is none. */
export async function listArchived(directory: string): Promise<readonly ArchiveManifest[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(manifestSuffix)).sort();
  return Promise.all(names.map((name) => readManifest(join(directory, name))));
}

async function readManifest(path: string): Promise<ArchiveManifest> {
  try {
    return manifestSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    throw new RegressionError('BACKUP_INVALID', `${path} is no manifest of an archive: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
