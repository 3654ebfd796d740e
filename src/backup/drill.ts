/**
 * The restore drill: brings a backup back in a place of its own, proves it and asks it questions. What was never restored is no backup.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../runtime/clock.ts';
import { RegressionError } from '../runtime/errors.ts';
import type { FileJobRunner } from '../store/file-jobs.ts';
import { openStore } from '../store/remote-store.ts';
import type { Store } from '../store/store.ts';
import { type Backup, noteDamaged, noteVerified, unfinishedSuffix } from './manifest.ts';
import { placeBackup } from './place.ts';

export interface DrillOptions {
  readonly clock: Clock;
  readonly jobs: FileJobRunner;
  readonly signal: AbortSignal;
  readonly progress: (share: number, doing: string) => void;
  /** A stand-in for tests. */
  readonly open?: (dataDir: string) => Promise<Store>;
}

const queryDeadlineMs = 10 * 60_000;
const MiB = 1024 * 1024;
/** The newest rows whose severities are counted. */
const severityRows = 100_000;

/** @throws RegressionError `BACKUP_INVALID`; the backup is marked as damaged then. */
export async function drill(backup: Backup, options: DrillOptions): Promise<void> {
  const { clock, jobs, signal, progress } = options;
  // Beside the backup: there the segments need not be copied.
  const place = `${backup.directory}.drill${unfinishedSuffix}`;
  try {
    const wrong = await placeBackup(backup, place, {
      mayLink: true,
      jobs,
      signal,
      progress: (share, doing) => progress(share * 0.4, doing),
    });
    if (wrong.length > 0) await refuse(backup, wrong, `${wrong.join(', ')} is not what was backed up`);
    const { files } = backup.manifest;
    for (const [index, file] of files.entries()) {
      if (file.kind === 'segment_manifest') continue;
      progress(0.4 + (0.5 * index) / files.length, `checking ${file.path}`);
      const found = await jobs.run({ job: 'check', path: join(place, file.path), isFull: true });
      if (found.verdict !== 'ok') await refuse(backup, [file.path], `${file.path}: ${found.verdict}`);
      const isSame = found.rows === file.rows && found.firstId === file.first_id && found.lastId === file.last_id;
      if (!isSame) await refuse(backup, [file.path], `${file.path} does not hold the rows that the manifest says`);
    }
    progress(0.95, 'asking it questions');
    await askQuestions(backup, place, options);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
  await noteVerified(backup, new Date(clock.nowMs()).toISOString());
  progress(1, 'done');
}

/** How many rows, which were the last, which severities: through the store itself, over all files. */
async function askQuestions(backup: Backup, place: string, { clock, open }: DrillOptions): Promise<void> {
  const { manifest } = backup;
  const store = await (open === undefined
    ? openStore({ dataDir: place, cacheBytes: 4 * MiB, readers: { maxThreads: 1 }, clock })
    : open(place));
  try {
    const limits = { deadlineMs: queryDeadlineMs };
    const buckets = await store.hits({ filter: {}, stepSeconds: 86_400 }, limits);
    const counted = buckets.reduce((sum, { count }) => sum + count, 0);
    if (counted !== manifest.rows) await refuse(backup, [], `it counts ${counted} rows of ${manifest.rows}`);
    const last = await store.search({ filter: {}, order: 'desc', limit: 100 }, limits);
    if (last.rowCount !== Math.min(100, manifest.rows)) await refuse(backup, [], 'the last rows are not there');
    const { lastId } = await store.stats();
    if (lastId !== manifest.last_id) await refuse(backup, [], `its last id is ${lastId}, not ${manifest.last_id}`);
    const severities = await store.fieldCounts(
      { filter: {}, fields: ['severity'], limit: 10, maxRows: severityRows },
      limits,
    );
    const hits = severities.fields[0]?.values.reduce((sum, value) => sum + value.hits, 0) ?? 0;
    if (hits !== Math.min(severityRows, manifest.rows)) await refuse(backup, [], `${hits} rows have a severity`);
  } finally {
    await store.close();
  }
}

async function refuse(backup: Backup, files: readonly string[], reason: string): Promise<never> {
  await noteDamaged(backup, files);
  throw new RegressionError('BACKUP_INVALID', `${backup.directory} could not be restored: ${reason}`, {
    hint: 'Run `regression backup`: damaged files are copied anew. Check the disk that holds the backups.',
  });
}
