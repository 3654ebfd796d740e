/**
 * Moves old segments out of the store into compressed files: packed, read again, manifest last, uploaded if wanted; only then does the
 * segment leave the store. A kill anywhere leaves it in the store, and the next run goes on: rows live + archived = total.
 */
import { readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { type ArchiveManifest, archiveFileName, archiveManifestName, listArchived } from '../archive/archived.ts';
import { uploadFile } from '../archive/upload.ts';
import { removeUnfinished, syncDirectory, unfinishedSuffix, writeDurably } from '../backup/manifest.ts';
import { RegressionError } from '../runtime/errors.ts';
import { duration } from '../runtime/units.ts';
import { archiveFormats } from '../store/archive-format.ts';
import type { FileJobRunner } from '../store/file-jobs.ts';
import { type Segment, type SegmentManifest, segmentFileNames } from '../store/segments.ts';
import { scheduleOptions } from './schedule-options.ts';
import type { TaskContext, TaskKind, TaskOutcome } from './task.ts';

const options = z.strictObject({
  dir: z.string().min(1).optional().describe('Directory of the archive; without it nothing is archived'),
  after: duration({ min: 0 }).prefault('30d').describe('Segments whose last entry is older than this are archived'),
  format: z
    .enum(archiveFormats)
    .default('sqlite.zst')
    .describe(
      '`sqlite.zst` comes back quickest, `ndjson.zst` is the smallest, `parquet` what other tools ask; `restore --range` brings each back',
    ),
  upload: z
    .strictObject({
      url: z
        .url()
        .describe('Each file is PUT below this address, e.g. https://bucket.s3.eu-central-1.amazonaws.com/logs/'),
      region: z.string().min(1).default('us-east-1').describe('For the signature'),
      access_key_id: z.string().min(1).optional().describe('Sign requests (AWS Signature Version 4) with this key'),
      secret_access_key: z.string().min(1).optional().describe('Its secret; better by environment variable'),
      session_token: z.string().min(1).optional().describe('For temporary keys'),
    })
    .optional()
    .describe('Also send each file to an object store'),
  ...scheduleOptions('0 3 * * *'),
});

type Options = z.output<typeof options>;

export const archive: TaskKind<typeof options> = {
  summary: 'Move segments older than tasks.archive.after into compressed files',
  options,
  isWanted: ({ dir }) => dir !== undefined,
  async run(context, taskOptions): Promise<TaskOutcome> {
    const { store, jobs, signal, progress } = context;
    if (taskOptions.dir === undefined) {
      throw new RegressionError('CONFIG_INVALID', 'tasks.archive.dir names no directory', {
        hint: 'Set it in the configuration, or REGRESSION_TASKS_ARCHIVE_DIR; where a daemon runs, it is the daemon that needs it.',
      });
    }
    const directory = resolve(taskOptions.dir);
    await removeUnfinished(directory);
    const known = await listArchived(directory);
    const origin = await store.state.origin();
    const segments = await oldSegments(context, taskOptions);
    let rows = 0;
    let bytes = 0;
    for (const [index, segment] of segments.entries()) {
      signal.throwIfAborted();
      progress(index / segments.length, `segment ${index + 1} of ${segments.length}`);
      const sameId = known.filter(({ first_id: firstId }) => firstId === segment.firstId);
      const isSame = ({ origin: from, last_id: lastId }: ArchiveManifest) =>
        from === origin && lastId === segment.lastId;
      const others = sameId.filter((other) => !isSame(other));
      // Archived before and brought back, or a run was killed: what is there must still be what its manifest says.
      const before = sameId.find((other) => isSame(other));
      const file = archiveFileName(segment.firstId, taskOptions.format, others);
      const isDone = before !== undefined && (await isThere(before, directory, jobs));
      const packed = isDone ? before : await pack(segment, { directory, file, origin }, taskOptions, context);
      const manifest = await upload(packed, directory, taskOptions, context);
      await store.removeSegments([segment.firstId], 'archived');
      context.rowsRemoved('archived', manifest.rows);
      rows += manifest.rows;
      bytes += manifest.bytes;
    }
    return {
      message:
        segments.length === 0
          ? 'nothing is old enough to archive'
          : `archived ${rows} rows of ${segments.length} segments in ${directory} (${bytes} bytes)`,
      details: { rows, segments: segments.length, bytes, directory },
    };
  },
};

async function oldSegments({ store, clock }: TaskContext, { after }: Options): Promise<readonly Segment[]> {
  const limit = new Date(clock.nowMs() - after).toISOString();
  const restored = new Map(
    (await store.state.removedSegments()).map(({ firstId, restoredAt }) => [firstId, restoredAt]),
  );
  return (await store.segments()).filter(
    ({ state, firstId, maxTimestamp }) =>
      state === 'sealed' && maxTimestamp < limit && (restored.get(firstId) ?? '') < limit,
  );
}

async function isThere(manifest: ArchiveManifest, directory: string, jobs: FileJobRunner): Promise<boolean> {
  const path = join(directory, manifest.file);
  if ((await stat(path).catch(() => null)) === null) return false;
  return (await jobs.run({ job: 'hash', path })).sha256 === manifest.sha256;
}

async function pack(
  segment: Segment,
  { directory, file, origin }: { readonly directory: string; readonly file: string; readonly origin: string },
  { format }: Options,
  { clock, jobs }: TaskContext,
): Promise<ArchiveManifest> {
  const unfinished = join(directory, `${file}${unfinishedSuffix}`);
  const packed = await jobs.run({ job: 'pack', path: segment.path, to: unfinished, format });
  const { rows, contentSha256 } = await readBack(unfinished, segment, format, jobs);
  await rename(unfinished, join(directory, file));
  await syncDirectory(directory);
  const manifest: ArchiveManifest = {
    format_version: 1,
    format,
    origin,
    file,
    ...packed,
    content_sha256: contentSha256,
    rows,
    first_id: segment.firstId,
    last_id: segment.lastId,
    min_timestamp: segment.minTimestamp,
    max_timestamp: segment.maxTimestamp,
    archived_at: new Date(clock.nowMs()).toISOString(),
    uploaded_to: null,
  };
  await writeManifest(manifest, directory);
  return manifest;
}

/** The segment is made of the packed file again, as bringing it back does, before it may go. */
async function readBack(
  path: string,
  segment: Segment,
  format: Options['format'],
  jobs: FileJobRunner,
): Promise<{ readonly rows: number; readonly contentSha256: string | null }> {
  const to = `${path}.check${unfinishedSuffix}`;
  try {
    const content =
      format === 'sqlite.zst'
        ? await jobs.run({ job: 'unpack', path, to })
        : await jobs.run({ job: 'rebuild', path, to, format });
    const found = await jobs.run({ job: 'check', path: to, isFull: false });
    const manifestPath = join(dirname(segment.path), segmentFileNames(segment.firstId).manifest);
    const there = JSON.parse(await readFile(manifestPath, 'utf8')) as SegmentManifest;
    const isWhole =
      found.verdict === 'ok' &&
      (['rows', 'metadataRows', 'firstId', 'lastId', 'minTimestamp', 'maxTimestamp'] as const).every(
        (count) => found[count] === there[count],
      );
    if (isWhole) return { rows: found.rows, contentSha256: content?.sha256 ?? null };
    throw new RegressionError('BACKUP_INVALID', `${path} does not hold what ${segment.path} does: ${found.verdict}`, {
      hint: 'The segment stays in the store. Check the disk of the archive.',
    });
  } finally {
    await rm(to, { force: true });
  }
}

async function upload(
  manifest: ArchiveManifest,
  directory: string,
  { upload: target }: Options,
  { clock, signal }: TaskContext,
): Promise<ArchiveManifest> {
  if (target === undefined) return manifest;
  const {
    region,
    access_key_id: accessKeyId,
    secret_access_key: secretAccessKey,
    session_token: sessionToken,
  } = target;
  const credentials =
    accessKeyId === undefined || secretAccessKey === undefined ? null : { accessKeyId, secretAccessKey, sessionToken };
  const url = new URL(target.url);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  url.pathname += manifest.file;
  const uploadedTo = `${url.origin}${url.pathname}`; // a presigned address ends in its secret
  if (manifest.uploaded_to === uploadedTo) return manifest;
  const { bytes, sha256 } = manifest;
  await uploadFile({ path: join(directory, manifest.file), bytes, sha256, url, region, credentials, clock, signal });
  const uploaded = { ...manifest, uploaded_to: uploadedTo };
  await writeManifest(uploaded, directory);
  return uploaded;
}

async function writeManifest(manifest: ArchiveManifest, directory: string): Promise<void> {
  const path = join(directory, archiveManifestName(manifest));
  await writeDurably(path, `${JSON.stringify(manifest, null, 2)}\n`);
}
