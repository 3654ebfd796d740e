/**
 * Keeps the directory of segments: what is in it after a start, what rotation and sealing add, what a crash left behind.
 *
 * Runs in the writer thread, so that a snapshot and the list of segments beside it are granted in one step.
 */
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { RegressionError, messageOf } from '../../runtime/errors.ts';
import { type Segment, type SegmentManifest, segmentFileNames } from '../segments.ts';
import { closeAlias, openAlias } from './alias.ts';
import type { Sqlite } from './sqlite.ts';

export class SegmentDirectory {
  readonly path: string;
  #segments: readonly Segment[] = [];
  /** Closed files that a sealed one has replaced. */
  #replaced: string[] = [];

  /**
   * Reads the directory, made if it is missing, and removes what an interrupted sealing left.
   * @throws RegressionError `STORE_CORRUPT` for a manifest or a closed file that cannot be read.
   */
  constructor(path: string) {
    this.path = path;
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const names = new Set(readdirSync(path));
    const firstIds = new Set([...names].map((name) => Number.parseInt(name, 10)).filter((firstId) => firstId > 0));
    this.#segments = [...firstIds]
      .sort((a, b) => a - b)
      .map((firstId) => this.#recover(firstId, names))
      .filter((segment) => segment !== null);
  }

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /** Id of the last row in any segment; 0 without segments. */
  get lastId(): number {
    return this.#segments.at(-1)?.lastId ?? 0;
  }

  add(segment: Segment): void {
    this.#segments = [...this.#segments, segment];
  }

  /** The sealed file takes the place of the closed one in the list; that stays on disk until `removeReplaced`. */
  sealed(manifest: SegmentManifest): void {
    const { firstId } = manifest;
    this.#segments = this.#segments.map((segment) =>
      segment.firstId === firstId ? sealedSegment(manifest, this.path) : segment,
    );
    this.#replaced.push(join(this.path, segmentFileNames(firstId).closed));
  }

  /** They are gone from the list; their files stay on disk until `removeReplaced`. */
  remove(firstIds: ReadonlySet<number>): void {
    this.#segments = this.#segments.filter(({ firstId }) => !firstIds.has(firstId));
    for (const firstId of firstIds) {
      const { manifest, sealed, closed } = segmentFileNames(firstId);
      // The manifest first: without it the sealed file is nobody's.
      for (const name of [manifest, sealed, closed]) this.#replaced.push(join(this.path, name));
    }
  }

  /** Nobody opens the replaced files any more. */
  removeReplaced(): void {
    for (const path of this.#replaced) rmSync(path, { force: true });
    this.#replaced = [];
  }

  #recover(firstId: number, names: ReadonlySet<string>): Segment | null {
    const { closed, sealed, manifest, unfinished, unfinishedManifest } = segmentFileNames(firstId);
    for (const name of [unfinished, `${unfinished}-journal`, `${unfinished}-wal`, unfinishedManifest]) {
      rmSync(join(this.path, name), { force: true });
    }
    for (const name of [`${unfinished}.lock`, `${closed}.alias`]) {
      rmSync(join(this.path, name), { recursive: true, force: true });
    }
    if (names.has(manifest)) {
      rmSync(join(this.path, closed), { force: true });
      return sealedSegment(readManifest(join(this.path, manifest)), this.path);
    }
    if (!names.has(closed)) return null; // a sealed file whose manifest is gone is nobody's: it is left alone
    rmSync(join(this.path, sealed), { force: true }); // renamed, but its manifest did not follow: it is sealed again
    return describeClosed(join(this.path, closed));
  }
}

function sealedSegment(manifest: SegmentManifest, directory: string): Segment {
  const { bytes, firstId, lastId, minTimestamp, maxTimestamp } = manifest;
  const path = join(directory, segmentFileNames(firstId).sealed);
  return { state: 'sealed', path, bytes, firstId, lastId, minTimestamp, maxTimestamp };
}

function readManifest(path: string): SegmentManifest {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as SegmentManifest;
  } catch (error) {
    throw new RegressionError('STORE_CORRUPT', `${path}: not a segment's manifest: ${messageOf(error)}`, {
      cause: error,
      hint: 'Move the segment and its manifest out of the directory, or restore them from a backup.',
    });
  }
}

/** Reads a closed file's ranges out of it. Nobody else has it open. */
function describeClosed(path: string): Segment | null {
  const directory = `${path}.alias`;
  rmSync(directory, { recursive: true, force: true });
  const database = openAlias(path, directory, { withWal: false, cacheBytes: 1024 * 1024 });
  try {
    const ranges = rangesOf(database);
    return ranges === null ? null : { state: 'closed', path, bytes: statSync(path).size, ...ranges };
  } finally {
    closeAlias(database, directory);
  }
}

/** Null for a file without rows. */
export function rangesOf(
  database: Sqlite,
): Pick<Segment, 'firstId' | 'lastId' | 'minTimestamp' | 'maxTimestamp'> | null {
  const first = <Value>(sql: string): Value | undefined => database.get<{ value: Value }>(sql)?.value;
  const firstId = first<number>('SELECT id AS value FROM logs ORDER BY id LIMIT 1');
  const lastId = first<number>('SELECT id AS value FROM logs ORDER BY id DESC LIMIT 1');
  const minTimestamp = first<string>('SELECT timestamp AS value FROM logs ORDER BY timestamp LIMIT 1');
  const maxTimestamp = first<string>('SELECT timestamp AS value FROM logs ORDER BY timestamp DESC LIMIT 1');
  if (firstId === undefined || lastId === undefined || minTimestamp === undefined || maxTimestamp === undefined)
    return null;
  return { firstId, lastId, minTimestamp, maxTimestamp };
}
