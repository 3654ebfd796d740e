/** What an archive or a backup has of a span of time: segments that could be brought back, with the files they come as. */
import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { manifestName, readBackup } from '../backup/manifest.ts';
import { RegressionError } from '../runtime/errors.ts';
import { type SegmentManifest, segmentFileNames, segmentsDirectoryName } from '../store/segments.ts';
import type { ArchiveFormat } from '../store/archive-format.ts';
import { type ArchiveManifest, listArchived } from './archived.ts';

/** ISO 8601 UTC, both inclusive. */
export interface Span {
  readonly start: string;
  readonly end: string;
}

export interface Candidate {
  readonly firstId: number;
  readonly lastId: number;
  readonly rows: number;
  /** Of its rows; null where they stand in no manifest: whether it is of the span is then known once it is copied. */
  readonly times: Span | null;
  /** The manifest, which makes a sealed segment count, last. */
  readonly files: readonly CandidateFile[];
}

export interface CandidateFile {
  readonly path: string;
  /** Its name among the segments. */
  readonly as: string;
  /** Of the file. */
  readonly sha256: string;
  /** Null for one that is copied as it is. `sqlite.zst` is unpacked, from the others the segment is made again. */
  readonly format: ArchiveFormat | null;
}

/** @param source directory of an archive or of a backup. @throws RegressionError `BACKUP_INVALID`. */
export function candidatesOf(source: string, span: Span): Promise<readonly Candidate[]> {
  return existsSync(join(source, manifestName)) ? inBackup(source, span) : inArchive(source, span);
}

async function inArchive(source: string, { start, end }: Span): Promise<readonly Candidate[]> {
  const isDirectory = statSync(source, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const all = isDirectory ? await listArchived(source) : [];
  if (all.length === 0) {
    throw new RegressionError('BACKUP_INVALID', `${source} is neither a backup nor an archive`, {
      hint: 'Name one backup (a directory with a manifest.json), or a directory with *.archive.json.',
    });
  }
  const archived = withoutOutdated(all).filter(
    ({ min_timestamp: min, max_timestamp: max }) => max >= start && min <= end,
  );
  return archived.map((manifest) => {
    const { format, file, first_id: firstId, last_id: lastId, rows, sha256 } = manifest;
    const files = [{ path: join(source, file), as: segmentFileNames(firstId).closed, sha256, format }];
    const times = { start: manifest.min_timestamp, end: manifest.max_timestamp };
    return { firstId, lastId, rows, times, files };
  });
}

/**
 * After a restore ids were given out once more: of two segments that share some, the one that was archived last counts. But of one and
 * the same store (the origin tells) they are the same rows, cut otherwise: then the longer one does.
 */
function withoutOutdated(archived: readonly ArchiveManifest[]): readonly ArchiveManifest[] {
  let kept: readonly ArchiveManifest[] = [];
  for (const manifest of archived.toSorted((a, b) => b.archived_at.localeCompare(a.archived_at))) {
    const { origin, first_id: firstId, last_id: lastId } = manifest;
    const met = kept.filter(({ first_id: first, last_id: last }) => lastId >= first && firstId <= last);
    const hasThemAll = met.every((other) => {
      return other.origin === origin && firstId <= other.first_id && lastId >= other.last_id;
    });
    if (hasThemAll) kept = [...kept.filter((other) => !met.includes(other)), manifest];
  }
  return kept.toSorted((a, b) => a.first_id - b.first_id);
}

/** The rows of the hot file come as a closed segment, which is what a hot file becomes. */
async function inBackup(source: string, { start, end }: Span): Promise<readonly Candidate[]> {
  const { manifest } = await readBackup(source);
  const shas = new Map(manifest.files.map(({ path, sha256 }) => [path, sha256]));
  const candidates: Candidate[] = [];
  for (const { kind, path, first_id: firstId, last_id: lastId, rows } of manifest.files) {
    if (kind === 'segment_manifest' || firstId === null || lastId === null) continue;
    const names = segmentFileNames(firstId);
    const fileOf = (from: string, as: string): CandidateFile => ({
      path: join(source, from),
      as,
      sha256: shas.get(from) ?? '',
      format: null,
    });
    const manifestPath = `${segmentsDirectoryName}/${names.manifest}`;
    if (kind === 'hot' || !shas.has(manifestPath)) {
      candidates.push({ firstId, lastId, rows, times: null, files: [fileOf(path, names.closed)] });
      continue;
    }
    const text = await readFile(join(source, manifestPath), 'utf8');
    const { minTimestamp, maxTimestamp } = JSON.parse(text) as SegmentManifest;
    if (maxTimestamp < start || minTimestamp > end) continue;
    const files = [fileOf(path, names.sealed), fileOf(manifestPath, names.manifest)];
    candidates.push({ firstId, lastId, rows, times: { start: minTimestamp, end: maxTimestamp }, files });
  }
  return candidates;
}
