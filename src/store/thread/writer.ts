/**
 * The one connection that writes the hot file: appends, checkpoints, rotations.
 *
 * Checkpoints are always TRUNCATE: after any other kind the next commit would restart the WAL over frames that a later snapshot
 * may have indexed. Whatever changes the database file waits until no snapshot is pinned (see pins.ts).
 */
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { IngestRequest, StoredGap, StoredPosition } from '../../record/batch.ts';
import type { Application } from '../../record/log-record.ts';
import { RegressionError } from '../../runtime/errors.ts';
import type { Damage } from '../damage.ts';
import type { EncodedBatch, WriterNotice, WriterOptions, WriterStats } from '../protocol.ts';
import {
  type RemovalReason,
  type Segment,
  type SegmentManifest,
  segmentFileNames,
  segmentsDirectoryName,
} from '../segments.ts';
import type { StoredPatterns } from '../patterns.ts';
import type { StateCalls } from '../state.ts';
import { appendRows, applicationIdOf, findRequest, readGaps, readPositions } from './append-rows.ts';
import { openHotFile } from './hot-file.ts';
import { foldPatterns, readPatterns } from './pattern-rows.ts';
import { Pins } from './pins.ts';
import { buildNext, refuseLeftWal, swapHotFile } from './rotation.ts';
import { SegmentDirectory, rangesOf } from './segment-directory.ts';
import type { Sqlite } from './sqlite.ts';
import { WalKeeper, forgetKeptWal, hasForeignReader } from './wal-keeper.ts';
import { recordDamage } from './state/damages.ts';
import { recordRemoval, removedIds } from './state/removals.ts';
import { callState } from './state/state-calls.ts';

/** Reopen before the next append, though no append is in doubt: no id is negative. */
const nothingUncertain = -1;

const rotationRetryMs = 30_000;
const writeFailed = 'the database file was opened anew: a write to it failed';
const foreignReader = 'another program has the database file open; its WAL grows until that is closed';

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
  #database: Sqlite;
  #keeper: WalKeeper | null = null;
  #lastId = 0;
  #hotSinceMs = 0;
  #checkpoints = 0;
  #isCheckpointWaiting = false;
  #rotation: Promise<Segment | null> | null = null;
  #failedRun = -1;
  /** Set after a failed append whose outcome the file could not tell yet: the last id it would have given out. */
  #uncertainLastId: number | null = null;
  /** Why what the WAL held when the file was opened is not in the file yet. */
  #unsettled: RegressionError | null = null;
  /** A reopening after a failed append waits for open snapshots. */
  #isReopeningWaiting = false;
  #isForeignReaderSeen = false;
  /** The file was opened anew since the failed append. */
  #isReopened = false;
  #nextRotationAtMs = 0;

  /** @throws RegressionError `STORE_UNSAFE`, `STORE_CORRUPT`, `STORE_TOO_NEW`, or what sqlite.ts throws. */
  constructor(options: WriterOptions, { notify = () => undefined, nowMs = Date.now }: WriterSurroundings = {}) {
    this.#options = options;
    this.#notify = notify;
    this.#nowMs = nowMs;
    this.#segments = this.#isInMemory
      ? null
      : new SegmentDirectory(join(dirname(options.path), segmentsDirectoryName), nowMs());
    this.#database = this.#open(true);
    this.#settleRemoved();
    for (const damage of this.#segments?.damages ?? []) this.#recordDamage(this.#database, damage);
    this.#continueIds();
    this.#announceSegments();
  }

  applicationIds(applications: readonly Application[]): readonly number[] {
    return this.#database.transaction(() =>
      applications.map((application) => applicationIdOf(this.#database, application)),
    );
  }

  /**
   * @throws RegressionError `STORE_FULL`, `STORE_WRITE_FAILED` (both retryable, nothing of the batch is stored); the rest of
   * the batch's run is refused then.
   */
  append(batch: EncodedBatch): { readonly firstId: number } {
    if (batch.run <= this.#failedRun) {
      throw new RegressionError('STORE_WRITE_FAILED', 'an append before this one failed', { retryable: true });
    }
    if (this.#uncertainLastId !== null && this.#settle(batch)) return { firstId: this.#lastId - batch.rowCount + 1 };
    const firstId = this.#lastId + 1;
    try {
      this.#database.transaction(() => appendRows(this.#database, batch, firstId));
    } catch (error) {
      this.#uncertainLastId = this.#lastId + batch.rowCount;
      this.#isReopened = false;
      if (!this.#trySettle(batch)) {
        this.#failedRun = batch.run;
        throw error;
      }
      return { firstId };
    }
    this.#lastId += batch.rowCount;
    try {
      this.#watchWal();
    } catch {
      this.#uncertainLastId = nothingUncertain; // the batch is safe; the next append opens the file anew and says what is wrong
    }
    this.rotateIfDue();
    return { firstId: batch.rowCount === 0 ? 0 : firstId };
  }

  positions(): readonly StoredPosition[] {
    return readPositions(this.#database);
  }

  gaps(): readonly StoredGap[] {
    return readGaps(this.#database);
  }

  findRequest(key: string): IngestRequest | null {
    return findRequest(this.#database, key);
  }

  patterns(): StoredPatterns {
    return readPatterns(this.#database);
  }

  state(method: keyof StateCalls, args: readonly unknown[]): unknown {
    return callState(this.#database, method, args);
  }

  /** Resolves once a snapshot may be opened. It sees the hot file beside the segments as last announced. */
  async pin(): Promise<{ readonly pin: number }> {
    return { pin: await this.#pins.grant() };
  }

  unpin(pin: number): void {
    this.#pins.release(pin);
    if (this.walBytes() > this.#options.checkpointBytes) this.checkpoint();
  }

  /** Moves the WAL's content into the database and empties it. Does nothing while a snapshot is pinned. */
  checkpoint(): void {
    if (this.#pins.count > 0 || this.#uncertainLastId !== null || this.walBytes() === 0) return;
    if (this.#isForeignReaderPresent()) return;
    try {
      this.#database.all('PRAGMA wal_checkpoint(TRUNCATE)');
      this.#checkpoints++;
      // One that came in this very moment must not find the emptied WAL filled again: it is left with the old one.
      if (hasForeignReader(this.#options.path)) this.#reopen(foreignReader);
    } catch {
      this.#uncertainLastId = nothingUncertain; // the next append opens the file anew and says what is wrong
    }
  }

  /** Rotates when the hot file is larger or older than the options say. */
  rotateIfDue(): void {
    const { maxHotBytes, maxHotAgeMs } = this.#options;
    if (this.#isInMemory || this.#lastId === this.#segments?.lastId) return;
    const isLarge = this.#hotBytes() >= maxHotBytes;
    // The clock may have been set back: then the age counts from now on.
    const isOld = this.#nowMs() - this.#hotSinceMs >= maxHotAgeMs;
    if (!isLarge && !isOld) return;
    if (this.#nowMs() < this.#nextRotationAtMs) return;
    // What went wrong is told by `#rotateNow`; the old file goes on.
    this.rotate().catch(() => {
      this.#nextRotationAtMs = this.#nowMs() + rotationRetryMs;
    });
  }

  /**
   * Closes the hot file and starts a new one, once no snapshot is pinned; resolves to the closed segment, or null when there
   * is nothing to close.
   * @throws RegressionError `STORE_FULL`, `STORE_WRITE_FAILED`: the old hot file goes on.
   */
  rotate(): Promise<Segment | null> {
    if (this.#rotation !== null) return this.#rotation;
    const { promise, resolve, reject } = Promise.withResolvers<Segment | null>();
    this.#rotation = promise;
    this.#pins.whenFree(() => {
      this.#rotation = null;
      try {
        resolve(this.#rotateNow());
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
    return promise;
  }

  /** The sealed file takes the place of the closed one, which is removed once nobody can have it open. */
  segmentSealed(manifest: SegmentManifest): void {
    const segments = this.#segments;
    if (segments === null) return;
    segments.sealed(manifest);
    this.#announceSegments();
    this.#pins.afterOpenPins(() => segments.removeReplaced());
  }

  /** Takes segments out of the store; unknown ids are no error. */
  removeSegments(firstIds: readonly number[], reason: RemovalReason): void {
    const segments = this.#segments;
    const removed = this.segments.filter(({ firstId }) => firstIds.includes(firstId));
    if (segments === null || removed.length === 0) return;
    this.#database.transaction(() => recordRemoval(this.#database, removed, reason, this.#nowMs()));
    segments.remove(new Set(removed.map(({ firstId }) => firstId)));
    this.#announceSegments();
    this.#pins.afterOpenPins(() => segments.removeReplaced());
  }

  get segments(): readonly Segment[] {
    return this.#segments?.segments ?? [];
  }

  walBytes(): number {
    return this.#isInMemory ? 0 : (statSync(`${this.#options.path}-wal`, { throwIfNoEntry: false })?.size ?? 0);
  }

  stats(): WriterStats {
    return {
      lastId: this.#lastId,
      databaseBytes: this.#databaseBytes(),
      walBytes: this.walBytes(),
      checkpoints: this.#checkpoints,
      pins: this.#pins.count,
      segments: this.segments.length,
      unsealedSegments: this.segments.filter(({ state }) => state === 'closed').length,
      lostRows: this.#database.get<{ rows: number }>('SELECT total(lost_rows) AS rows FROM store_damage')?.rows ?? 0,
      segmentBytes: this.segments.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }

  close(): void {
    this.#database.close();
    if (!this.#isInMemory) forgetKeptWal(this.#options.path);
  }

  /** For queries of the same thread (`:memory:`, tests). */
  get database(): Sqlite {
    return this.#database;
  }

  get #isInMemory(): boolean {
    return this.#options.path === ':memory:';
  }

  #databaseBytes(): number {
    return this.#isInMemory ? 0 : (statSync(this.#options.path, { throwIfNoEntry: false })?.size ?? 0);
  }

  #hotBytes(): number {
    return this.#databaseBytes() + this.walBytes();
  }

  #open(checksFile = false): Sqlite {
    const { path } = this.#options;
    const lastSegmentId = this.#segments?.lastId ?? 0;
    const { database, damage, unsettled } = openHotFile({ ...this.#options, lastSegmentId, checksFile }, this.#nowMs());
    this.#unsettled = unsettled;
    if (unsettled !== null) this.#uncertainLastId ??= nothingUncertain;
    if (damage !== null) this.#recordDamage(database, damage);
    this.#keeper = this.#isInMemory ? null : new WalKeeper(path);
    const [since] = database.all<{ value: string }>(`SELECT value FROM store_state WHERE key = 'hot_since'`);
    this.#hotSinceMs = Math.min(Date.parse(since?.value ?? ''), this.#nowMs());
    return database;
  }

  #recordDamage(database: Sqlite, damage: Damage): void {
    recordDamage(database, damage);
    this.#notify({ notice: 'damage_found', damage });
  }

  #reopen(message: string): void {
    try {
      this.#database.close();
    } catch {
      // the connection is given up either way; what counts is what the file says when it is opened again
    }
    this.#notify({ notice: 'file_disturbed', message });
    this.#database = this.#open();
  }

  #readLastId(): number {
    const row = this.#database.get<{ seq: number }>(`SELECT seq FROM sqlite_sequence WHERE name = 'logs'`);
    return row?.seq ?? 0;
  }

  /** Ids are never used twice, not even when the hot file was lost: they go on behind the last segment. */
  #continueIds(): void {
    const lastId = this.#segments?.lastId ?? 0;
    this.#lastId = this.#readLastId();
    if (this.#lastId >= lastId) return;
    this.#database.transaction(() => {
      this.#database.run(`DELETE FROM sqlite_sequence WHERE name = 'logs'`);
      this.#database.run(`INSERT INTO sqlite_sequence (name, seq) VALUES ('logs', ?)`, [lastId]);
    });
    this.#lastId = lastId;
  }

  /** Bringing segments back and removing them are completed where a crash interrupted them. */
  #settleRemoved(): void {
    const segments = this.#segments;
    if (segments === null) return;
    segments.takeRestored(removedIds(this.#database, { isRestored: true }));
    const removed = removedIds(this.#database, { isRestored: false });
    const left = this.segments.filter(({ firstId }) => removed.has(firstId));
    if (left.length === 0) return;
    segments.remove(new Set(left.map(({ firstId }) => firstId)));
    segments.removeReplaced();
  }

  #announceSegments(): void {
    this.#notify({ notice: 'segments_changed', segments: this.segments });
  }

  #rotateNow(): Segment | null {
    const segments = this.#segments;
    if (segments === null) return null;
    if (this.#uncertainLastId !== null) {
      throw new RegressionError('STORE_WRITE_FAILED', 'the outcome of a failed write is not known yet', {
        retryable: true,
      });
    }
    const { path } = this.#options;
    if (this.#isForeignReaderPresent())
      throw new RegressionError('STORE_WRITE_FAILED', foreignReader, { retryable: true });
    const ranges = rangesOf(this.#database);
    if (ranges === null) return null;
    const closedPath = join(segments.path, segmentFileNames(ranges.firstId).closed);
    try {
      foldPatterns(this.#database, this.#nowMs(), this.#options.keepPatternsMs);
      buildNext(this.#database, path, this.#nowMs());
      this.#database.all('PRAGMA wal_checkpoint(TRUNCATE)');
      this.#database.close();
      refuseLeftWal(path);
      forgetKeptWal(path); // it must not be taken for the next file's
      swapHotFile(path, closedPath);
      this.#database = this.#open();
    } catch (error) {
      this.#reopen(`the database file could not be rotated: ${error instanceof Error ? error.message : String(error)}`);
      if (!existsSync(closedPath)) throw error; // undone; else the reopening has completed it
    }
    const segment: Segment = { state: 'closed', path: closedPath, bytes: statSync(closedPath).size, ...ranges };
    segments.add(segment);
    this.#announceSegments();
    return segment;
  }

  /**
   * A failed COMMIT is uncertain: its frames may stand complete in the WAL. A failed fsync is never believed when it is
   * repeated; so the file is opened anew, which recovers the WAL and checkpoints it (another write and fsync of the same
   * content), and the ids tell whether the batch is there. That changes the database file, so it waits for open snapshots.
   *
   * @param batch the failed batch, or its unchanged repetition: senders repeat a failed batch before they send another.
   * @returns true when the batch is stored.
   * @throws RegressionError while snapshots are open, or what opening throws (the disk is still full): the outcome stays
   * uncertain.
   */
  #settle(batch: EncodedBatch): boolean {
    if (this.#isInMemory) {
      this.#uncertainLastId = null;
      return false;
    }
    if (this.#pins.count > 0 && !this.#isReopened) {
      this.#reopenWhenFree();
      throw new RegressionError('STORE_WRITE_FAILED', 'waiting for open snapshots before the file is opened anew', {
        retryable: true,
      });
    }
    if (!this.#isReopened) this.#reopen(writeFailed);
    if (this.#unsettled !== null) throw this.#unsettled;
    const isStored = batch.rowCount > 0 && this.#readLastId() === this.#uncertainLastId;
    this.#uncertainLastId = null;
    this.#lastId = this.#readLastId();
    return isStored;
  }

  #trySettle(batch: EncodedBatch): boolean {
    try {
      return this.#settle(batch);
    } catch {
      return false; // the append's own error says more
    }
  }

  #reopenWhenFree(): void {
    if (this.#isReopeningWaiting) return;
    this.#isReopeningWaiting = true;
    this.#pins.whenFree(() => {
      this.#isReopeningWaiting = false;
      if (this.#uncertainLastId === null) return;
      try {
        this.#reopen(writeFailed);
        this.#isReopened = this.#unsettled === null;
      } catch {
        // the disk is still full, or worse: the repeated append finds out
      }
    });
  }

  /** A native tool does not see our lock, and deletes the WAL when it closes: put everything into the file, start a new WAL. */
  #watchWal(): void {
    if (this.#isInMemory) return;
    const { checkpointBytes, maxWalBytes } = this.#options;
    if (this.#keeper?.isInPlace === false) this.#restoreWal(this.#keeper);
    const walBytes = this.walBytes();
    if (walBytes > maxWalBytes && this.#pins.count > 0) this.#checkpointWhenFree();
    else if (walBytes > checkpointBytes) this.checkpoint();
  }

  /**
   * At once, whoever reads: what was acknowledged stands in a file without its name. The tool has changed the database file under
   * the snapshots already; their readers see that and ask again (see snapshot.ts).
   */
  #restoreWal(keeper: WalKeeper): void {
    const message = 'another program opened the database file and removed its WAL; nothing is lost';
    if (keeper.restore()) {
      this.#notify({ notice: 'file_disturbed', message });
      return;
    }
    this.#database.all('PRAGMA wal_checkpoint(TRUNCATE)');
    this.#pins.invalidate();
    this.#reopen(message);
  }

  #isForeignReaderPresent(): boolean {
    const isPresent = !this.#isInMemory && hasForeignReader(this.#options.path);
    if (isPresent && !this.#isForeignReaderSeen) this.#notify({ notice: 'file_disturbed', message: foreignReader });
    this.#isForeignReaderSeen = isPresent;
    return isPresent;
  }

  #checkpointWhenFree(): void {
    if (this.#isCheckpointWaiting) return;
    this.#isCheckpointWaiting = true;
    this.#pins.whenFree(() => {
      this.#isCheckpointWaiting = false;
      this.checkpoint();
    });
  }
}
