/**
 * Decides when the hot file is closed, and closes it: the order of the steps, and what becomes of one that fails. The steps are
 * rotation.ts.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { RegressionError, messageOf } from '../../runtime/errors.ts';
import type { WriterOptions } from '../protocol.ts';
import { type Segment, segmentFileNames } from '../segments.ts';
import { rangesOf } from './file-checks.ts';
import type { HotConnection } from './hot-connection.ts';
import { foldPatterns } from './pattern-rows.ts';
import type { Pins } from './pins.ts';
import { buildNext, swapHotFile } from './rotation.ts';
import type { SegmentDirectory } from './segment-directory.ts';

const rotationRetryMs = 30_000;

export interface RotatorOptions {
  readonly limits: WriterOptions;
  readonly hot: HotConnection;
  readonly pins: Pins;
  readonly segments: SegmentDirectory;
  readonly nowMs: () => number;
  /** Told when the closed file is among the segments. */
  readonly onRotated: () => void;
}

export class Rotator {
  readonly #options: RotatorOptions;
  /** One that waits for open snapshots. */
  #rotation: Promise<Segment | null> | null = null;
  #nextRotationAtMs = 0;

  constructor(options: RotatorOptions) {
    this.#options = options;
  }

  /** Rotates when the hot file is larger or older than the options say. */
  rotateIfDue(): void {
    const { hot, nowMs } = this.#options;
    const { maxHotBytes, maxHotAgeMs } = this.#options.limits;
    const isLarge = hot.databaseBytes() + hot.walBytes() >= maxHotBytes;
    // The clock may have been set back: then the age counts from now on.
    const isOld = nowMs() - hot.hotSinceMs >= maxHotAgeMs;
    if (!isLarge && !isOld) return;
    if (nowMs() < this.#nextRotationAtMs) return;
    // What went wrong is told by `#rotateNow`; the old file goes on.
    this.rotate().catch(() => {
      this.#nextRotationAtMs = nowMs() + rotationRetryMs;
    });
  }

  /**
   * Closes the hot file and starts a new one, once no snapshot is pinned; resolves to the closed segment, or null when there
   * is nothing to close.
   * @throws RegressionError `STORE_FULL`, `STORE_WRITE_FAILED`: the old hot file goes on.
   */
  rotate(): Promise<Segment | null> {
    if (this.#rotation !== null) return this.#rotation;
    let hasBegun = false;
    const rotation = this.#options.pins.whenFreeDo(() => {
      hasBegun = true;
      this.#rotation = null;
      return this.#rotateNow();
    });
    if (!hasBegun) this.#rotation = rotation;
    return rotation;
  }

  #rotateNow(): Segment | null {
    const { hot, segments, nowMs, onRotated } = this.#options;
    const { path, keepPatternsMs } = this.#options.limits;
    if (hot.isInDoubt) {
      throw new RegressionError('STORE_WRITE_FAILED', 'the outcome of a failed write is not known yet', {
        retryable: true,
        hint: '`regression status` says what keeps the store from writing; once it is mended, try again.',
      });
    }
    hot.refuseForeignReader();
    const ranges = rangesOf(hot.database);
    if (ranges === null) return null;
    const closedPath = join(segments.path, segmentFileNames(ranges.firstId).closed);
    try {
      foldPatterns(hot.database, nowMs(), keepPatternsMs);
      buildNext(hot.database, path, nowMs());
      hot.release();
      swapHotFile(path, closedPath);
      hot.openNext();
    } catch (error) {
      hot.reopen(`the database file could not be rotated: ${messageOf(error)}`);
      if (!existsSync(closedPath)) throw error; // undone; else the reopening has completed it
    }
    const segment: Segment = { state: 'closed', path: closedPath, bytes: statSync(closedPath).size, ...ranges };
    segments.add(segment);
    onRotated();
    return segment;
  }
}
