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
  /** Of the store that the rows are from. Another one, or one that was restored, has other rows under the same ids. */
  origin: z.string(),
  /** Beside the manifest. */
  file: z.string().regex(/^\d{12}(?:-\d+)?\.[a-z.]+$/),
  bytes: z.int(),
  sha256: z.string(),
  /** Of the database that `sqlite.zst` holds; null for the other formats. */
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

/** @param others what is archived under the same first id: of another store, or cut elsewhere. */
export function archiveFileName(firstId: number, format: ArchiveFormat, others: readonly ArchiveManifest[]): string {
  const taken = new Set(others.map((manifest) => archiveManifestName(manifest)));
  const stem = String(firstId).padStart(12, '0');
  for (let number = 1; ; number++) {
    const file = `${stem}${number === 1 ? '' : `-${number}`}.${format}`;
    if (!taken.has(archiveManifestName({ file }))) return file;
  }
}

export function archiveManifestName({ file }: Pick<ArchiveManifest, 'file'>): string {
  return `${file.slice(0, file.indexOf('.'))}${manifestSuffix}`;
}

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
