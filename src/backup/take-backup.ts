/**
 * Makes a backup while the store is in use.
 *
 * The hot file is copied from a snapshot; segments never change, so each is copied once and later backups link to the copy. What was
 * written is read again (sha-256, then SQLite's own check) before the manifest says that the backup is complete, and only then does its
 * directory get its name.
 */
import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../runtime/clock.ts';
import { RegressionError } from '../runtime/errors.ts';
import type { FileJobRunner, HashedFile } from '../store/file-jobs.ts';
import {
  type Segment,
  type SegmentManifest,
  hotFileName,
  segmentFileNames,
  segmentsDirectoryName,
} from '../store/segments.ts';
import type { Store } from '../store/store.ts';
import {
  type Backup,
  type BackupFile,
  backupName,
  exists,
  listBackups,
  manifestName,
  readBackup,
  removeUnfinished,
  syncDirectory,
  unfinishedSuffix,
  writeDurably,
} from './manifest.ts';
import { linked } from './place.ts';

export interface TakeBackupOptions {
  readonly store: Store;
  readonly dataDir: string;
  /** Of all backups; made if it is missing. */
  readonly directory: string;
  readonly clock: Clock;
  readonly jobs: FileJobRunner;
  readonly signal: AbortSignal;
  readonly progress: (share: number, doing: string) => void;
}

/** The hot file's size is bounded, so its copy takes seconds; this only ends what hangs. */
const copyDeadlineMs = 30 * 60_000;
/** integrity_check and foreign keys once a day. */
const fullCheckEveryMs = 23 * 3_600_000;

/** @throws RegressionError; nothing is left under a backup's name then. */
export async function takeBackup(options: TakeBackupOptions): Promise<Backup> {
  const { store, directory, clock, jobs, signal, progress } = options;
  await removeUnfinished(directory);
  const backups = await listBackups(directory);
  const nowMs = clock.nowMs();
  const isFull = isFullCheckDue(backups, nowMs);
  const name = backupName(nowMs);
  const unfinished = join(directory, `${name}${unfinishedSuffix}`);
  await mkdir(join(unfinished, segmentsDirectoryName), { recursive: true, mode: 0o700 });

  progress(0, 'copying the file being written');
  const hotPath = join(unfinished, hotFileName);
  const { segments, lastId } = await store.copyHot(hotPath, { deadlineMs: copyDeadlineMs, signal });
  const hot = await jobs.run({ job: 'hash', path: hotPath });
  const files: BackupFile[] = [
    { path: hotFileName, kind: 'hot', ...hot, rows: 0, first_id: null, last_id: null, check: 'none' },
  ];
  let copiedBytes = hot.bytes;
  for (const [index, segment] of segments.entries()) {
    progress((index + 1) / (segments.length + 2), `segment ${index + 1} of ${segments.length}`);
    const { entries, written } = await addSegment(segment, {
      jobs,
      dataDir: options.dataDir,
      unfinished,
      previous: backups.at(-1),
    });
    files.push(...entries);
    copiedBytes += written;
  }

  progress(0.9, isFull ? 'checking every page' : 'checking');
  let schemaVersion = 0;
  for (const [index, file] of files.entries()) {
    if (file.kind === 'segment_manifest' || file.check === 'full' || (file.check === 'quick' && !isFull)) continue;
    const found = await jobs.run({ job: 'check', path: join(unfinished, file.path), isFull });
    if (found.verdict !== 'ok') throw unsound(file.path, found.verdict);
    if (file.kind === 'hot') schemaVersion = found.schemaVersion;
    const { rows, firstId, lastId: lastInFile } = found;
    files[index] = { ...file, rows, first_id: firstId, last_id: lastInFile, check: isFull ? 'full' : 'quick' };
  }

  const manifest = {
    format_version: 1,
    name,
    created_at: new Date(nowMs).toISOString(),
    schema_version: schemaVersion,
    rows: files.reduce((sum, { rows }) => sum + rows, 0),
    last_id: lastId,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    copied_bytes: copiedBytes,
    check: isFull ? 'full' : 'quick',
    files,
  };
  await syncDirectory(join(unfinished, segmentsDirectoryName));
  await writeDurably(join(unfinished, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
  await rename(unfinished, join(directory, name));
  await syncDirectory(directory);
  progress(1, 'done');
  return readBackup(join(directory, name));
}

function isFullCheckDue(backups: readonly Backup[], nowMs: number): boolean {
  const last = backups.findLast(({ manifest }) => manifest.check === 'full');
  return last === undefined || nowMs - Date.parse(last.manifest.created_at) >= fullCheckEveryMs;
}

interface Surroundings {
  readonly jobs: FileJobRunner;
  readonly dataDir: string;
  /** The backup that is being made. */
  readonly unfinished: string;
  readonly previous: Backup | undefined;
}

async function addSegment(
  segment: Segment,
  { jobs, dataDir, unfinished, previous }: Surroundings,
): Promise<{ readonly entries: readonly BackupFile[]; readonly written: number }> {
  const names = segmentFileNames(segment.firstId);
  const source = join(dataDir, segmentsDirectoryName);
  const isSealed = await exists(join(source, names.manifest)); // also one that was still closed in the snapshot
  const wanted = isSealed ? [names.sealed, names.manifest] : [names.closed];
  const entries: BackupFile[] = [];
  let written = 0;
  for (const fileName of wanted) {
    const path = `${segmentsDirectoryName}/${fileName}`;
    const to = join(unfinished, path);
    const before = previous?.manifest.files.find((file) => file.path === path);
    const isGood = before !== undefined && previous?.damaged.includes(path) === false;
    if (isGood && (await linked(join(previous.directory, path), to))) {
      entries.push(before);
      continue;
    }
    const from = join(source, fileName);
    let copied: HashedFile;
    try {
      copied = await jobs.run({ job: 'copy', from, to });
    } catch (error) {
      if (isSealed || (await exists(from))) throw error;
      return addSegment(segment, { jobs, dataDir, unfinished, previous }); // it has been sealed in this moment
    }
    written += copied.bytes;
    const isManifest = fileName === names.manifest;
    const kind = isManifest ? 'segment_manifest' : 'segment';
    entries.push({ path, kind, ...copied, rows: 0, first_id: null, last_id: null, check: 'none' });
  }
  if (isSealed) await refuseChanged(join(source, names.manifest), entries[0]);
  return { entries, written };
}

/** A segment never changes: one that does not have the checksum of its sealing is damaged. */
async function refuseChanged(manifestPath: string, copy: BackupFile | undefined): Promise<void> {
  const { sha256 } = JSON.parse(await readFile(manifestPath, 'utf8')) as SegmentManifest;
  if (copy?.sha256 !== sha256) throw unsound(copy?.path ?? manifestPath, 'it has changed since it was sealed');
}

function unsound(path: string, verdict: string): RegressionError {
  return new RegressionError('STORE_CORRUPT', `${path} is not sound, the backup was given up: ${verdict}`, {
    hint: 'Check the disk. The last good backup is untouched; `regression restore` brings it back.',
  });
}
