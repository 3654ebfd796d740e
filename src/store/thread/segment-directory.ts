/**
 * Keeps the directory of segments: what is in it after a start, what rotation and sealing add, what a crash left behind.
 *
 * Runs in the writer thread, so that a snapshot and the list of segments beside it are granted in one step.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../runtime/errors.ts';
import { type Damage, setAsidePath } from '../damage.ts';
import { durableRename } from '../durable-rename.ts';
import { type Segment, type SegmentManifest, restoredSuffix, restoringSuffix, segmentFileNames } from '../segments.ts';
import { closeAlias, openAlias } from './alias.ts';
import { foreignReasonOf, isDamage, readHeader } from './damage.ts';
import type { Sqlite } from './sqlite.ts';

export class SegmentDirectory {
  readonly path: string;
  #segments: readonly Segment[] = [];
  /** Closed files that a sealed one has replaced. */
  #replaced: string[] = [];
  readonly #foundAt: string;
  readonly #damages: Damage[] = [];

  /**
   * Reads the directory, made if it is missing, and removes what an interrupted sealing left. A segment that cannot be read is set
   * aside as `*.corrupt-<time>` and told in `damages`: the others, and the start, do not depend on it.
   */
  constructor(path: string, nowMs: number) {
    this.path = path;
    this.#foundAt = new Date(nowMs).toISOString();
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

  /** What was set aside when the directory was read. */
  get damages(): readonly Damage[] {
    return this.#damages;
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

  /**
   * Completes what archive/bring-back.ts began before a kill.
   * @param firstIds of the segments that count as live again; what waits of others is removed: bringing it back begins anew.
   */
  takeRestored(firstIds: ReadonlySet<number>): void {
    const left = readdirSync(this.path).filter(
      (name) => name.endsWith(restoringSuffix) || name.endsWith(restoredSuffix),
    );
    if (left.length === 0) return;
    const taken = new Set<number>();
    // In this order a manifest follows its segment.
    for (const name of left.sort()) {
      const firstId = Number.parseInt(name, 10);
      if (name.endsWith(restoringSuffix) || !firstIds.has(firstId)) {
        rmSync(join(this.path, name), { recursive: true, force: true });
        continue;
      }
      durableRename(join(this.path, name), join(this.path, name.slice(0, -restoredSuffix.length)));
      taken.add(firstId);
    }
    const names = new Set(readdirSync(this.path));
    const segments = [...taken].map((firstId) => this.#recover(firstId, names)).filter((segment) => segment !== null);
    this.#segments = [...this.#segments, ...segments].sort((a, b) => a.firstId - b.firstId);
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
      const known = readManifest(join(this.path, manifest));
      if (typeof known !== 'string') {
        rmSync(join(this.path, closed), { force: true });
        return sealedSegment(known, this.path);
      }
      if (!names.has(closed)) return this.#setAside(firstId, known);
    }
    if (!names.has(closed)) return null; // a sealed file whose manifest is gone is nobody's: it is left alone
    const foreignReason = foreignReasonOf(readHeader(join(this.path, closed)));
    if (foreignReason !== null) return this.#setAside(firstId, foreignReason);
    try {
      const segment = describeClosed(join(this.path, closed));
      // Its manifest did not follow, or is torn: it is sealed again. The manifest first, as in `remove`.
      for (const name of [manifest, sealed]) rmSync(join(this.path, name), { force: true });
      return segment;
    } catch (error) {
      if (!isDamage(error)) throw error;
      return this.#setAside(firstId, messageOf(error));
    }
  }

  #setAside(firstId: number, reason: string): null {
    const { manifest, sealed, closed } = segmentFileNames(firstId);
    let setAsideAs = '';
    for (const path of [manifest, sealed, closed].map((name) => join(this.path, name))) {
      if (!existsSync(path)) continue;
      setAsideAs = setAsidePath(path, this.#foundAt);
      durableRename(path, setAsideAs);
    }
    // How many rows it held stands in what cannot be read.
    this.#damages.push({ foundAt: this.#foundAt, setAsideAs, reason, salvagedRows: 0, lostRows: null });
    return null;
  }
}

function sealedSegment(manifest: SegmentManifest, directory: string): Segment {
  const { bytes, firstId, lastId, minTimestamp, maxTimestamp } = manifest;
  const path = join(directory, segmentFileNames(firstId).sealed);
  return { state: 'sealed', path, bytes, firstId, lastId, minTimestamp, maxTimestamp };
}

/** In place of a manifest that is torn, what is wrong with it. */
function readManifest(path: string): SegmentManifest | string {
  const text = readFileSync(path, 'utf8');
  try {
    return JSON.parse(text) as SegmentManifest;
  } catch (error) {
    return `${path}: not a segment's manifest: ${messageOf(error)}`;
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
