/**
 * Brings single segments back into a data directory, out of an archive or a backup, beside what is there. They come as closed files
 * or sealed ones; the next start takes them into the store and seals what has to be sealed.
 *
 * The files are written and proven under names that count for nothing; one transaction says that the rows are live again; then they get
 * their names. A kill before the transaction leaves nothing, one behind it leaves what the next start completes.
 */
import { existsSync, readdirSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '../backup/manifest.ts';
import { RegressionError } from '../runtime/errors.ts';
import type { FileJobRunner } from '../store/file-jobs.ts';
import { openStore } from '../store/remote-store.ts';
import { restoredSuffix, restoringSuffix, segmentsDirectoryName } from '../store/segments.ts';
import type { Store } from '../store/store.ts';
import { type Candidate, type CandidateFile, type Span, candidatesOf } from './candidates.ts';

export interface BringBackOptions extends Span {
  /** An archive's or a backup's directory. */
  readonly source: string;
  /** The caller holds its lock. */
  readonly dataDir: string;
  readonly nowMs: number;
  readonly jobs: FileJobRunner;
  readonly progress: (share: number, doing: string) => void;
  /** A stand-in for tests. */
  readonly open?: (dataDir: string) => Promise<Store>;
}

export interface BroughtBack {
  readonly segments: number;
  readonly rows: number;
  /** In the span, but in the store already. */
  readonly present: number;
}

/** @throws RegressionError `BACKUP_INVALID`, `CONFLICT` when ids of the source are those of other rows here. */
export async function bringBack(options: BringBackOptions): Promise<BroughtBack> {
  const { source, dataDir, nowMs, open = (path) => openStore({ dataDir: path }) } = options;
  const candidates = await candidatesOf(source, options);
  const segmentsPath = join(dataDir, segmentsDirectoryName);
  const store = await open(dataDir);
  let coming: readonly Candidate[];
  let present: number;
  try {
    const live = await liveRanges(store);
    const missing = candidates.filter((candidate) => !isAmong(live, candidate));
    present = candidates.length - missing.length;
    for (const candidate of missing) refuseOverlap(candidate, live, source);
    coming = await copyAll(missing, segmentsPath, options);
    await syncDirectory(segmentsPath);
    await store.state.noteRestored(coming, new Date(nowMs).toISOString());
  } finally {
    await store.close();
  }
  for (const { files } of coming) {
    for (const { as } of files) await rename(join(segmentsPath, `${as}${restoredSuffix}`), join(segmentsPath, as));
    await syncDirectory(segmentsPath);
  }
  return { segments: coming.length, rows: coming.reduce((sum, { rows }) => sum + rows, 0), present };
}

/** What `bringBack` would do, as far as that can be told without opening the store; every checksum is proven, nothing is written. */
export async function wouldBringBack(options: Omit<BringBackOptions, 'nowMs'>): Promise<BroughtBack> {
  const { source, dataDir, jobs, progress } = options;
  const candidates = await candidatesOf(source, options);
  const segmentsPath = join(dataDir, segmentsDirectoryName);
  const names = new Set(existsSync(segmentsPath) ? readdirSync(segmentsPath) : []);
  const missing = candidates.filter(({ files }) => !files.some(({ as }) => names.has(as)));
  for (const [index, { files }] of missing.entries()) {
    progress(index / missing.length, `segment ${index + 1} of ${missing.length}`);
    for (const { path, sha256, packedSha256 } of files) {
      const found = await jobs.run({ job: 'hash', path });
      if (found.sha256 !== (packedSha256 ?? sha256)) throw changed(path);
    }
  }
  const rows = missing.reduce((sum, candidate) => sum + candidate.rows, 0);
  return { segments: missing.length, rows, present: candidates.length - missing.length };
}

interface Range {
  readonly firstId: number;
  readonly lastId: number;
  readonly times: Span | null;
}

interface Live {
  /** The segments, and the file being written if it has rows. */
  readonly ranges: readonly Range[];
  /** Of the last row ever stored; 0 in a new directory. */
  readonly lastId: number;
}

async function liveRanges(store: Store): Promise<Live> {
  const { lastId } = await store.stats();
  const segments = (await store.segments()).map((segment) => ({
    firstId: segment.firstId,
    lastId: segment.lastId,
    times: { start: segment.minTimestamp, end: segment.maxTimestamp },
  }));
  const page = await store.sql(
    { sql: 'SELECT min(id) FROM main.logs', maxRows: 1, maxBytes: 1000 },
    { deadlineMs: 60_000 },
  );
  const firstHotId = page.rows[0]?.[0];
  const hot = typeof firstHotId === 'number' ? [{ firstId: firstHotId, lastId, times: null }] : [];
  return { ranges: [...segments, ...hot], lastId };
}

/** The rows of a hot file are the first of the file being written now, or of the segment that it has become. */
function isAmong({ ranges }: Live, candidate: Range): boolean {
  return ranges.some(({ firstId, lastId, times }) => {
    if (firstId !== candidate.firstId || lastId < candidate.lastId) return false;
    const isSameFile = lastId === candidate.lastId && times !== null && candidate.times !== null;
    return !isSameFile || (times.start === candidate.times.start && times.end === candidate.times.end);
  });
}

function refuseOverlap({ firstId, lastId }: Range, live: Live, source: string): void {
  const isFree = live.ranges.every((range) => lastId < range.firstId || firstId > range.lastId);
  if (isFree && (lastId <= live.lastId || live.lastId === 0)) return;
  throw new RegressionError(
    'CONFLICT',
    `rows ${firstId} to ${lastId} of ${source} would stand beside other rows of these ids`,
    { hint: 'It is from another data directory. Restore it to one of its own: --to DIR.' },
  );
}

/** @returns those of the span, all whole and on disk. */
async function copyAll(
  missing: readonly Candidate[],
  segmentsPath: string,
  { jobs, progress, start, end }: BringBackOptions,
): Promise<readonly Candidate[]> {
  const coming: Candidate[] = [];
  for (const [index, candidate] of missing.entries()) {
    progress(index / missing.length, `segment ${index + 1} of ${missing.length}`);
    for (const file of candidate.files) await copy(file, segmentsPath, jobs);
    const paths = candidate.files.map(({ as }) => join(segmentsPath, `${as}${restoringSuffix}`));
    if (candidate.times === null && !(await isOfSpan(paths[0] ?? '', { start, end }, jobs))) {
      for (const path of paths) await rm(path);
      continue;
    }
    for (const path of paths) await rename(path, `${path.slice(0, -restoringSuffix.length)}${restoredSuffix}`);
    coming.push(candidate);
  }
  return coming;
}

async function copy({ path, as, sha256, packedSha256 }: CandidateFile, segmentsPath: string, jobs: FileJobRunner) {
  const to = join(segmentsPath, `${as}${restoringSuffix}`);
  const found = await (packedSha256 === null
    ? jobs.run({ job: 'copy', from: path, to })
    : jobs.run({ job: 'unpack', path, to }));
  if (found.sha256 !== sha256) throw changed(path);
}

async function isOfSpan(path: string, { start, end }: Span, jobs: FileJobRunner): Promise<boolean> {
  const { minTimestamp, maxTimestamp } = await jobs.run({ job: 'check', path, isFull: false });
  return minTimestamp !== null && maxTimestamp !== null && maxTimestamp >= start && minTimestamp <= end;
}

function changed(path: string): RegressionError {
  return new RegressionError('BACKUP_INVALID', `${path} is not what its manifest says`, {
    hint: 'Nothing was changed. Take it from another copy: the object store, an older backup.',
  });
}
