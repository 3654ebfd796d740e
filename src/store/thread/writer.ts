/**
 * What the one writer of the store does: appends, snapshots granted, segments put in and out.
 *
 * How the file that it writes is kept open, and what is done when a write failed, is hot-connection.ts; when it is closed for the next
 * one is rotator.ts.
 */
import { dirname, join } from 'node:path';
import type { IngestRequest, StoredGap, StoredPosition } from '../../record/batch.ts';
import type { Application } from '../../record/log-record.ts';
import { RegressionError, messageOf } from '../../runtime/errors.ts';
import type { Damage } from '../damage.ts';
import type { EncodedBatch, WriterNotice, WriterOptions, WriterStats } from '../protocol.ts';
import { type RemovalReason, type Segment, type SegmentManifest, segmentsDirectoryName } from '../segments.ts';
import type { StoredPatterns } from '../patterns.ts';
import type { StateCalls } from '../state.ts';
import { appendRows, applicationIdOf, findRequest, readGaps, readPositions } from './append-rows.ts';
import { isDamage } from './damage.ts';
import { HotConnection } from './hot-connection.ts';
import { rowBytesIn } from './hot-file.ts';
import { readPatterns } from './pattern-rows.ts';
import { Pins } from './pins.ts';
import { Rotator } from './rotator.ts';
import { SegmentDirectory } from './segment-directory.ts';
import type { Sqlite } from './sqlite.ts';
import { recordDamage } from './state/damages.ts';
import { recordRemoval, removedIds } from './state/removals.ts';
import { callState } from './state/state-calls.ts';

export interface WriterSurroundings {
  readonly notify?: (notice: WriterNotice) => void;
  readonly nowMs?: () => number;
}

export class Writer {
  readonly #options: WriterOptions;
  readonly #notify: (notice: WriterNotice) => void;
  readonly #nowMs: () => number;
  readonly #pins = new Pins();
  /** Null for `:memory:`. */
  readonly #segments: SegmentDirectory | null;
  readonly #hot: HotConnection;
  readonly #rotator: Rotator | null;
  #lastId = 0;
  #failedRun = -1;
  /** The last id that a failed append would have given out; null when none failed, or the file has told since. */
  #uncertainLastId: number | null = null;
  /** A damaged file was replaced in this life; when that happens again it is not the file's fault. */
  #isReplaced = false;

  /** @throws RegressionError `STORE_UNSAFE`, `STORE_CORRUPT`, `STORE_TOO_NEW`, or what sqlite.ts throws. */
  constructor(options: WriterOptions, { notify = () => undefined, nowMs = Date.now }: WriterSurroundings = {}) {
    this.#options = options;
    this.#notify = notify;
    this.#nowMs = nowMs;
    const isInMemory = options.path === ':memory:';
    this.#segments = isInMemory
      ? null
      : new SegmentDirectory(join(dirname(options.path), segmentsDirectoryName), nowMs());
    this.#hot = new HotConnection({
      writer: options,
      pins: this.#pins,
      notify,
      nowMs,
      lastSegmentId: () => this.#segments?.lastId ?? 0,
      onDamage: (database, damage) => this.#recordDamage(database, damage),
    });
    this.#rotator =
      this.#segments === null
        ? null
        : new Rotator({
            limits: options,
            hot: this.#hot,
            pins: this.#pins,
            segments: this.#segments,
            nowMs,
            onRotated: () => this.#announceSegments(),
          });
    this.#settleSegments();
    for (const damage of this.#segments?.damages ?? []) this.#recordDamage(this.database, damage);
    this.#continueIds();
    this.#announceSegments();
    if (this.#hot.isUnchecked) notify({ notice: 'file_unchecked' });
  }

  applicationIds(applications: readonly Application[]): readonly number[] {
    return this.database.transaction(() =>
      applications.map((application) => applicationIdOf(this.database, application)),
    );
  }

  /**
   * @throws RegressionError `STORE_FULL`, `STORE_WRITE_FAILED` (both retryable, nothing of the batch is stored); the rest of
   * the batch's run is refused then. `DATA_DIR_UNUSABLE` when the file is gone.
   */
  append(batch: EncodedBatch): { readonly firstId: number } {
    if (batch.run <= this.#failedRun) {
      throw new RegressionError('STORE_WRITE_FAILED', 'an append before this one failed', { retryable: true });
    }
    if (this.#hot.isInDoubt && this.#settle(batch)) return { firstId: this.#lastId - batch.rowCount + 1 };
    const firstId = this.#lastId + 1;
    try {
      this.database.transaction(() => appendRows(this.database, batch, firstId));
    } catch (error) {
      this.#uncertainLastId = this.#lastId + batch.rowCount;
      this.#hot.doubt();
      if (!this.#trySettle(batch)) {
        this.#failedRun = batch.run;
        throw isDamage(error) && !this.#isReplaced ? this.#replaceLater(messageOf(error)) : error;
      }
      return { firstId };
    }
    this.#lastId += batch.rowCount;
    this.#hot.watchWal();
    this.rotateIfDue();
    return { firstId: batch.rowCount === 0 ? 0 : firstId };
  }

  positions(): readonly StoredPosition[] {
    return readPositions(this.database);
  }

  gaps(): readonly StoredGap[] {
    return readGaps(this.database);
  }

  findRequest(key: string): IngestRequest | null {
    return findRequest(this.database, key);
  }

  patterns(): StoredPatterns {
    return readPatterns(this.database);
  }

  state(method: keyof StateCalls, args: readonly unknown[]): unknown {
    return callState(this.database, method, args);
  }

  /** Resolves once a snapshot may be opened. It sees the hot file beside the segments as last announced. */
  async pin(): Promise<{ readonly pin: number }> {
    return { pin: await this.#pins.grant() };
  }

  unpin(pin: number): void {
    this.#pins.release(pin);
    if (this.#hot.walBytes() > this.#options.checkpointBytes) this.checkpoint();
  }

  /** Moves the WAL's content into the database and empties it. Does nothing while a snapshot is pinned. */
  checkpoint(): void {
    this.#hot.checkpoint();
  }

  rotateIfDue(): void {
    if (this.#lastId !== this.#segments?.lastId) this.#rotator?.rotateIfDue();
  }

  /** As `Rotator.rotate`; null in memory. */
  async rotate(): Promise<Segment | null> {
    return this.#rotator?.rotate() ?? null;
  }

  /**
   * Puts a new file with what can be salvaged in the place of the hot one, which was found damaged, once no snapshot is pinned.
   * Appends wait meanwhile.
   */
  replaceDamaged(reason: string): Promise<void> {
    return this.#pins.whenFreeDo(() => {
      this.#isReplaced = true;
      this.#hot.replaceDamaged(reason);
      this.#uncertainLastId = null;
      this.#continueIds();
    });
  }

  /** The sealed file takes the place of the closed one, which is removed once nobody can have it open. */
  segmentSealed(manifest: SegmentManifest): void {
    const segments = this.#segments;
    if (segments === null) return;
    segments.sealed(manifest);
    this.#segmentsChanged(segments);
  }

  /** Takes segments out of the store; unknown ids are no error. */
  removeSegments(firstIds: readonly number[], reason: RemovalReason): void {
    const segments = this.#segments;
    const removed = this.segments.filter(({ firstId }) => firstIds.includes(firstId));
    if (segments === null || removed.length === 0) return;
    this.database.transaction(() => recordRemoval(this.database, removed, reason, this.#nowMs()));
    segments.remove(new Set(removed.map(({ firstId }) => firstId)));
    this.#segmentsChanged(segments);
  }

  get segments(): readonly Segment[] {
    return this.#segments?.segments ?? [];
  }

  stats(): WriterStats {
    return {
      lastId: this.#lastId,
      databaseBytes: this.#hot.databaseBytes(),
      walBytes: this.#hot.walBytes(),
      hotRowBytes: rowBytesIn(this.database),
      checkpoints: this.#hot.checkpoints,
      pins: this.#pins.count,
      segments: this.segments.length,
      unsealedSegments: this.segments.filter(({ state }) => state === 'closed').length,
      lostRows: this.database.get<{ rows: number }>('SELECT total(lost_rows) AS rows FROM store_damage')?.rows ?? 0,
      segmentBytes: this.segments.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }

  close(): void {
    this.#hot.close();
  }

  /** For queries of the same thread (`:memory:`, tests). */
  get database(): Sqlite {
    return this.#hot.database;
  }

  #recordDamage(database: Sqlite, damage: Damage): void {
    recordDamage(database, damage);
    this.#notify({ notice: 'damage_found', damage });
  }

  #readLastId(): number {
    const row = this.database.get<{ seq: number }>(`SELECT seq FROM sqlite_sequence WHERE name = 'logs'`);
    return row?.seq ?? 0;
  }

  /** Ids are never used twice, not even when the hot file was lost: they go on behind the last segment. */
  #continueIds(): void {
    const lastId = this.#segments?.lastId ?? 0;
    this.#lastId = this.#readLastId();
    if (this.#lastId >= lastId) return;
    this.database.transaction(() => {
      this.database.run(`DELETE FROM sqlite_sequence WHERE name = 'logs'`);
      this.database.run(`INSERT INTO sqlite_sequence (name, seq) VALUES ('logs', ?)`, [lastId]);
    });
    this.#lastId = lastId;
  }

  /** What a crash interrupted is completed, before it is clear whose a sealed file without a manifest is. */
  #settleSegments(): void {
    this.#segments?.takeRestored(removedIds(this.database, { isRestored: true }));
    this.#segments?.completeRemovals(removedIds(this.database, { isRestored: false }));
    this.#segments?.adoptSealed();
  }

  /** Snapshots that are open may still read the files that were replaced. */
  #segmentsChanged(segments: SegmentDirectory): void {
    this.#announceSegments();
    this.#pins.afterOpenPins(() => segments.removeReplaced());
  }

  #announceSegments(): void {
    this.#notify({ notice: 'segments_changed', segments: this.segments });
  }

  /**
   * @param batch the failed batch, or its unchanged repetition: senders repeat a failed batch before they send another.
   * @returns true when the batch is stored.
   * @throws RegressionError while that cannot be known (see HotConnection.settle).
   */
  #settle(batch: EncodedBatch): boolean {
    this.#hot.settle();
    const lastId = this.#readLastId();
    const isStored = batch.rowCount > 0 && lastId === this.#uncertainLastId;
    this.#uncertainLastId = null;
    this.#lastId = lastId;
    return isStored;
  }

  #trySettle(batch: EncodedBatch): boolean {
    try {
      return this.#settle(batch);
    } catch {
      return false; // the append's own error says more
    }
  }

  /** @returns the error for the sender, who repeats the batch: by then there is a sound file. */
  #replaceLater(reason: string): RegressionError {
    this.replaceDamaged(reason).catch((error: unknown) => {
      this.#notify({
        notice: 'file_disturbed',
        message: `the damaged file could not be replaced: ${messageOf(error)}`,
      });
    });
    return new RegressionError('STORE_WRITE_FAILED', `${reason}; the file is being replaced`, { retryable: true });
  }
}
