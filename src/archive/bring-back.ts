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
import type { Application } from '../record/log-record.ts';
import type { FileJobRunner, SegmentApplication } from '../store/file-jobs.ts';
import { openStore } from '../store/remote-store.ts';
import { restoredSuffix, restoringSuffix, segmentFileNames, segmentsDirectoryName } from '../store/segments.ts';
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
    coming = await copyAll(missing, segmentsPath, store, options);
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
    for (const { path, sha256 } of files) {
      const found = await jobs.run({ job: 'hash', path });
      if (found.sha256 !== sha256) throw changed(path);
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
    {
      hint: 'It is from another data directory (restore it to one of its own: --to DIR), or some of its rows came back before, cut otherwise.',
    },
  );
}

/** @returns those of the span, all whole and on disk. */
async function copyAll(
  missing: readonly Candidate[],
  segmentsPath: string,
  store: Store,
  { jobs, progress, start, end }: BringBackOptions,
): Promise<readonly Candidate[]> {
  const coming: Candidate[] = [];
  for (const [index, candidate] of missing.entries()) {
    progress(index / missing.length, `segment ${index + 1} of ${missing.length}`);
    for (const file of candidate.files) await copy(file, restoringPath(segmentsPath, file), jobs);
    if (!(await isAsDescribed(candidate, segmentsPath, { start, end }, jobs))) {
      for (const file of candidate.files) await rm(restoringPath(segmentsPath, file));
      continue;
    }
    const adopted = await adopt(candidate, segmentsPath, store, jobs);
    for (const file of adopted.files) {
      await rename(restoringPath(segmentsPath, file), join(segmentsPath, `${file.as}${restoredSuffix}`));
    }
    coming.push(adopted);
  }
  return coming;
}

const restoringPath = (segmentsPath: string, { as }: CandidateFile): string =>
  join(segmentsPath, `${as}${restoringSuffix}`);

async function copy({ path, sha256, format }: CandidateFile, to: string, jobs: FileJobRunner): Promise<void> {
  if (format === null) {
    if ((await jobs.run({ job: 'copy', from: path, to })).sha256 !== sha256) throw changed(path);
    return;
  }
  if ((await jobs.run({ job: 'hash', path })).sha256 !== sha256) throw changed(path);
  await jobs.run(format === 'sqlite.zst' ? { job: 'unpack', path, to } : { job: 'rebuild', path, to, format });
}

/** False when its times stood in no manifest, and are not of the span. @throws RegressionError `BACKUP_INVALID`. */
async function isAsDescribed(
  { files, firstId, lastId, rows, times }: Candidate,
  segmentsPath: string,
  { start, end }: Span,
  jobs: FileJobRunner,
): Promise<boolean> {
  const [file] = files;
  if (file === undefined || (file.format === null && times !== null)) return true; // its checksum has proven it
  const found = await jobs.run({ job: 'check', path: restoringPath(segmentsPath, file), isFull: false });
  const { verdict, minTimestamp, maxTimestamp } = found;
  const isSame = found.firstId === firstId && found.lastId === lastId && found.rows === rows;
  if (verdict !== 'ok' || !isSame) throw changed(file.path);
  return minTimestamp !== null && maxTimestamp !== null && maxTimestamp >= start && minTimestamp <= end;
}

/** Its applications get the ids that they have here. A sealed file whose own are others becomes a closed one. */
async function adopt(
  candidate: Candidate,
  segmentsPath: string,
  store: Store,
  jobs: FileJobRunner,
): Promise<Candidate> {
  const [file] = candidate.files;
  if (file === undefined) return candidate;
  const path = restoringPath(segmentsPath, file);
  const applications = await withIdsHere(await jobs.run({ job: 'applications', path }), store);
  if (applications.every(({ id, newId }) => id === newId)) return candidate;
  await jobs.run({ job: 'renumber', path, applications });
  const closed = { ...file, as: segmentFileNames(candidate.firstId).closed };
  if (closed.as === file.as) return candidate;
  await rename(path, restoringPath(segmentsPath, closed));
  for (const other of candidate.files.slice(1)) await rm(restoringPath(segmentsPath, other));
  return { ...candidate, files: [closed] };
}

async function withIdsHere(applications: readonly SegmentApplication[], store: Store) {
  const keyOf = ({ name, version, environment }: Application): string =>
    JSON.stringify([name, version ?? '', environment ?? '']);
  const known = new Map((await store.state.applications()).map((application) => [keyOf(application), application.id]));
  const numbered: (SegmentApplication & { readonly newId: number })[] = [];
  for (const application of applications) {
    const { name, version, environment } = application;
    const newId =
      known.get(keyOf(application)) ??
      (await store.state.registerApplication({ name, version, environment, owner: null })).id;
    numbered.push({ ...application, newId });
  }
  return numbered;
}

function changed(path: string): RegressionError {
  return new RegressionError('BACKUP_INVALID', `${path} is not what its manifest says`, {
    hint: 'Nothing was changed. Take it from another copy: the object store, an older backup.',
  });
}
