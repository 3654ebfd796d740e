/**
 * Keeps the directory of segments: what is in it after a start, what rotation and sealing add, what a crash left behind.
 *
 * Runs in the writer thread, so that a snapshot and the list of segments beside it are granted in one step.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../runtime/errors.ts';
import { type Damage, setAsidePath } from '../damage.ts';
import { durableRename } from '../durable-rename.ts';
import { type Segment, type SegmentManifest, restoredSuffix, restoringSuffix, segmentFileNames } from '../segments.ts';
import { closeAlias, openAlias } from './alias.ts';
import { foreignReasonOf, isDamage, readHeader } from './damage.ts';
import { rangesOf } from './file-checks.ts';
import { describeSealed, readManifest, writeManifest } from './segment-manifest.ts';

export class SegmentDirectory {
  readonly path: string;
  #segments: readonly Segment[] = [];
  /** Closed files that a sealed one has replaced. */
  #replaced: string[] = [];
  readonly #foundAt: string;
  readonly #damages: Damage[] = [];
  /** First ids of sealed files whose manifest is torn or gone: `adoptSealed` looks at them. */
  readonly #orphans: number[] = [];

  /**
   * Reads the directory, made if it is missing, and removes what an interrupted sealing left. A segment that cannot be read is set
   * aside as `*.corrupt-<time>` and told in `damages`: the others, and the start, do not depend on it. Call `takeRestored`,
   * `completeRemovals` and `adoptSealed` once the hot file is open, which knows what was taken out of the store.
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

  /** A removal that a crash interrupted is completed. */
  completeRemovals(removedIds: ReadonlySet<number>): void {
    const left = [...this.#segments.map(({ firstId }) => firstId), ...this.#orphans];
    this.remove(new Set(left.filter((firstId) => removedIds.has(firstId))));
    this.removeReplaced();
  }

  /** A sealed file is complete when it gets its name: what its manifest said can be read out of it again. */
  adoptSealed(): void {
    for (const firstId of this.#orphans.splice(0)) {
      const path = join(this.path, segmentFileNames(firstId).sealed);
      const isBroughtBack = this.#segments.some((segment) => segment.firstId === firstId);
      if (isBroughtBack || !existsSync(path)) continue; // or taken out of the store
      const described = describeSealed(path, this.#foundAt);
      const known = typeof described === 'string' ? described : (this.#conflictOf(firstId, described) ?? described);
      if (typeof known === 'string') {
        this.#setAside(firstId, known);
        continue;
      }
      writeManifest(this.path, known);
      this.#segments = [...this.#segments, sealedSegment(known, this.path)].sort((a, b) => a.firstId - b.firstId);
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
      // With what stands beside one while it is written or checked.
      (name) => name.includes(restoringSuffix) || name.endsWith(restoredSuffix),
    );
    if (left.length === 0) return;
    const taken = new Set<number>();
    // In this order a manifest follows its segment.
    for (const name of left.sort()) {
      const firstId = Number.parseInt(name, 10);
      if (name.includes(restoringSuffix) || !firstIds.has(firstId)) {
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
      if (known !== null) {
        rmSync(join(this.path, closed), { force: true });
        return sealedSegment(known, this.path);
      }
    }
    if (!names.has(closed)) {
      if (names.has(sealed)) this.#orphans.push(firstId);
      else if (names.has(manifest)) this.#setAside(firstId, 'a torn manifest without its segment');
      return null;
    }
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

  /** Why a file cannot be the segment its name says; null when it can. */
  #conflictOf(firstId: number, found: SegmentManifest): string | null {
    if (found.firstId !== firstId) return `its rows begin with ${found.firstId}`;
    const other = this.#segments.find(({ firstId: first, lastId }) => first <= found.lastId && lastId >= firstId);
    return other === undefined ? null : `its rows are also in ${other.path}`;
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
