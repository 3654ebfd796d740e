/**
 * What a backup is: a directory of its own with a copy of the hot file, the segments, and a manifest that is written last.
 *
 * Segments that a backup shares with the one before are the same files (hard links), so each directory is complete by itself and any
 * of them can be removed. `verified.json` tells that a restore drill on it succeeded, `damaged.json` that
 * one found files changed.
 */
import { open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { RegressionError, messageOf, systemCodeOf } from '../runtime/errors.ts';
import { makeDirectory } from '../runtime/make-directory.ts';

export const manifestName = 'manifest.json';
const verifiedName = 'verified.json';
const damagedName = 'damaged.json';
const namePattern = /^backup-\d{8}T\d{9}Z$/;
/** While it is being made, and while it is being removed; nothing under such a name is a backup. */
export const unfinishedSuffix = '.unfinished';

const fileSchema = z.object({
  /** Relative to the backup: `regression.db`, `segments/000000000001.db`. */
  path: z.string().regex(/^(?:regression\.db|segments\/\d{12}(?:\.closed)?\.(?:db|json))$/),
  kind: z.enum(['hot', 'segment', 'segment_manifest']),
  bytes: z.int(),
  sha256: z.string(),
  rows: z.int(),
  /** Of the rows; null without rows. */
  first_id: z.int().nullable(),
  last_id: z.int().nullable(),
  /** The strictest check that this copy has passed. */
  check: z.enum(['none', 'quick', 'full']),
});

const manifestSchema = z.object({
  format_version: z.literal(1),
  name: z.string(),
  created_at: z.string(),
  schema_version: z.int(),
  rows: z.int(),
  /** Of the last row ever stored then. */
  last_id: z.int(),
  bytes: z.int(),
  /** Of those, the ones that this backup had to write. */
  copied_bytes: z.int(),
  check: z.enum(['quick', 'full']),
  files: z.array(fileSchema),
});

export type BackupFile = z.output<typeof fileSchema>;
export type BackupManifest = z.output<typeof manifestSchema>;

export interface Backup {
  readonly directory: string;
  readonly manifest: BackupManifest;
  /** When a drill last restored it; null when none did, or the last one failed. */
  readonly verifiedAt: string | null;
  /** Files that the last drill found to be not what the manifest says: the next backup copies them anew. */
  readonly damaged: readonly string[];
}

export function backupName(nowMs: number): string {
  return `backup-${new Date(nowMs).toISOString().replaceAll(/[-:.]/g, '')}`;
}

/** Complete backups, oldest first. What is none is left out. */
export async function listBackups(directory: string): Promise<readonly Backup[]> {
  const names = (await readdir(directory).catch(ignoreMissing([]))).filter((name) => namePattern.test(name)).sort();
  const backups: Backup[] = [];
  for (const name of names) {
    try {
      backups.push(await readBackup(join(directory, name)));
    } catch {
      continue; // told when somebody names it: `restore`, `verify`
    }
  }
  return backups;
}

/** @throws RegressionError `BACKUP_INVALID`. */
export async function readBackup(directory: string): Promise<Backup> {
  try {
    const manifest = manifestSchema.parse(JSON.parse(await readFile(join(directory, manifestName), 'utf8')));
    const noteOf = async <Note>(name: string): Promise<Note | null> => {
      const text = await readFile(join(directory, name), 'utf8').catch(ignoreMissing(null));
      return text === null ? null : (JSON.parse(text) as Note);
    };
    const verified = await noteOf<{ verified_at: string }>(verifiedName);
    const damaged = await noteOf<{ files: string[] }>(damagedName);
    return { directory, manifest, verifiedAt: verified?.verified_at ?? null, damaged: damaged?.files ?? [] };
  } catch (error) {
    throw new RegressionError('BACKUP_INVALID', `${directory} is no complete backup: ${messageOf(error)}`, {
      cause: error,
      hint: 'Name a directory that holds a manifest.json, as the task `backup` makes them; an archive needs --range.',
    });
  }
}

export async function noteVerified(backup: Backup, verifiedAt: string): Promise<void> {
  await writeDurably(join(backup.directory, verifiedName), `${JSON.stringify({ verified_at: verifiedAt })}\n`);
  await rm(join(backup.directory, damagedName), { force: true });
}

export async function noteDamaged(backup: Backup, files: readonly string[]): Promise<void> {
  await writeDurably(join(backup.directory, damagedName), `${JSON.stringify({ files })}\n`);
  await rm(join(backup.directory, verifiedName), { force: true });
}

/** A file that has its name only once its content is on disk; mode 0600. */
export async function writeDurably(path: string, content: string): Promise<void> {
  const unfinished = `${path}${unfinishedSuffix}`;
  const file = await open(unfinished, 'w', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(unfinished, path);
  await syncDirectory(dirname(path));
}

export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Under a name that is no backup's first, so that a kill leaves no half one. */
export async function removeBackup({ directory }: Backup): Promise<void> {
  const removing = `${directory}.removed${unfinishedSuffix}`;
  await rename(directory, removing);
  await syncDirectory(dirname(directory));
  await rm(removing, { recursive: true });
}

/** What killed runs left, engine locks beside their files included: those would keep the next run from its own. */
export async function removeUnfinished(directory: string): Promise<void> {
  await makeDirectory(directory);
  for (const name of await readdir(directory)) {
    if (name.includes(unfinishedSuffix)) await rm(join(directory, name), { recursive: true, force: true });
  }
}

export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(ignoreMissing(null))) !== null;
}

function ignoreMissing<Value>(value: Value): (error: unknown) => Value {
  return (error) => {
    if (systemCodeOf(error) === 'ENOENT') return value;
    throw error;
  };
}
