/**
 * Brings single segments back into a data directory, out of an archive or a backup, beside what is there. They come as closed files
 * or sealed ones; the next start takes them into the store and seals what has to be sealed.
 */
import { existsSync } from 'node:fs';
import { readFile, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { manifestName, readBackup, syncDirectory } from '../backup/manifest.ts';
import { RegressionError } from '../runtime/errors.ts';
import { FileJobs } from '../store/file-jobs.ts';
import { openStore } from '../store/remote-store.ts';
import { segmentFileNames, segmentsDirectoryName } from '../store/segments.ts';
import { listArchived } from './archived.ts';

export interface BringBackOptions {
  /** An archive's or a backup's directory. */
  readonly source: string;
  /** The caller holds its lock. */
  readonly dataDir: string;
  /** ISO 8601 UTC, both inclusive; segments with an entry between them come back. */
  readonly start: string;
  readonly end: string;
  readonly nowMs: number;
  readonly signal: AbortSignal;
  readonly progress: (share: number, doing: string) => void;
}

export interface BroughtBack {
  readonly segments: number;
  readonly rows: number;
  /** In the range, but in the store already. */
  readonly present: number;
}

/** A segment that can be brought back. */
interface Candidate {
  readonly firstId: number;
  readonly lastId: number;
  readonly rows: number;
  /** The files it comes as: the manifest, which makes it count, last. */
  readonly files: readonly {
    readonly path: string;
    readonly as: string;
    readonly sha256: string;
    readonly isPacked: boolean;
  }[];
}

/** @throws RegressionError `BACKUP_INVALID`, `CONFLICT` when ids of the source are those of other rows here. */
export async function bringBack(options: BringBackOptions): Promise<BroughtBack> {
  const { source, dataDir, nowMs, signal, progress } = options;
  const isBackup = existsSync(join(source, manifestName));
  const candidates = isBackup ? await inBackup(options) : await inArchive(options);
  const segmentsPath = join(dataDir, segmentsDirectoryName);
  await using jobs = new FileJobs(signal);
  const store = await openStore({ dataDir });
  let missing: readonly Candidate[];
  try {
    const present = await store.segments();
    missing = candidates.filter(({ firstId }) => present.every((segment) => segment.firstId !== firstId));
    const page = await store.sql(
      { sql: 'SELECT min(id) FROM logs', maxRows: 1, maxBytes: 1000 },
      { deadlineMs: 60_000 },
    );
    const firstHotId = Number(page.rows[0]?.[0] ?? (await store.stats()).lastId + 1);
    for (const { firstId, lastId } of missing) {
      const isFree = lastId < firstHotId && present.every((other) => lastId < other.firstId || firstId > other.lastId);
      if (isFree) continue;
      throw new RegressionError(
        'CONFLICT',
        `rows ${firstId} to ${lastId} of ${source} would stand beside other rows of these ids`,
        {
          hint: 'It is from another data directory. Restore it to one of its own: --to DIR.',
        },
      );
    }
    for (const [index, { files }] of missing.entries()) {
      progress(index / missing.length, `segment ${index + 1} of ${missing.length}`);
      for (const { path, as, sha256, isPacked } of files) {
        const to = join(segmentsPath, `${as}.restoring`);
        const found = await jobs.run(isPacked ? { job: 'unpack', path, to } : { job: 'copy', from: path, to });
        if (found.sha256 !== sha256)
          throw new RegressionError('BACKUP_INVALID', `${path} is not what its manifest says`);
      }
    }
    // From here on the files belong to the store: its next start does not take them for what a removal left behind.
    await store.state.noteRestored(
      missing.map(({ firstId }) => firstId),
      new Date(nowMs).toISOString(),
    );
  } finally {
    await store.close();
  }
  for (const { files } of missing) {
    for (const { as } of files) await rename(join(segmentsPath, `${as}.restoring`), join(segmentsPath, as));
    await syncDirectory(segmentsPath);
  }
  return {
    segments: missing.length,
    rows: missing.reduce((sum, { rows }) => sum + rows, 0),
    present: candidates.length - missing.length,
  };
}

async function inArchive({ source, start, end }: BringBackOptions): Promise<readonly Candidate[]> {
  const archived = (await listArchived(source)).filter(
    ({ min_timestamp: min, max_timestamp: max }) => max >= start && min <= end,
  );
  return archived.map(({ format, file, first_id: firstId, last_id: lastId, rows, content_sha256: sha256 }) => {
    if (format !== 'sqlite.zst' || sha256 === null) {
      const hint = format === 'ndjson.zst' ? `regression import ${join(source, file)}` : 'Other tools read it.';
      throw new RegressionError('BACKUP_INVALID', `${join(source, file)} cannot be brought back as a segment`, {
        hint,
      });
    }
    const as = segmentFileNames(firstId).closed;
    return { firstId, lastId, rows, files: [{ path: join(source, file), as, sha256, isPacked: true }] };
  });
}

/** Of the segments of a backup the times are in their manifests; one that was still closed has none and comes along. */
async function inBackup({ source, start, end }: BringBackOptions): Promise<readonly Candidate[]> {
  const { manifest } = await readBackup(source);
  const names = new Set(await readdir(join(source, segmentsDirectoryName)));
  const candidates: Candidate[] = [];
  for (const { kind, path, first_id: firstId, last_id: lastId, rows } of manifest.files) {
    if (kind !== 'segment' || firstId === null || lastId === null) continue;
    const wanted = [path];
    const { manifest: manifestFile } = segmentFileNames(firstId);
    if (names.has(manifestFile)) {
      const manifestPath = `${segmentsDirectoryName}/${manifestFile}`;
      const text = await readFile(join(source, manifestPath), 'utf8');
      const { minTimestamp, maxTimestamp } = JSON.parse(text) as { minTimestamp: string; maxTimestamp: string };
      if (maxTimestamp < start || minTimestamp > end) continue;
      wanted.push(manifestPath);
    }
    const files = wanted.map((wantedPath) => ({
      path: join(source, wantedPath),
      as: wantedPath.slice(segmentsDirectoryName.length + 1),
      sha256: manifest.files.find((file) => file.path === wantedPath)?.sha256 ?? '',
      isPacked: false,
    }));
    candidates.push({ firstId, lastId, rows, files });
  }
  return candidates;
}
