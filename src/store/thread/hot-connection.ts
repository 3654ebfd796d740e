/**
 * The one connection to the hot file that writes, kept through what can happen to the file: failed writes, checkpoints, foreign
 * programs. What is written is its caller's matter (writer.ts).
 *
 * Checkpoints are always TRUNCATE: after any other kind the next commit would restart the WAL over frames that a later snapshot
 * may have indexed. Whatever changes the database file waits until no snapshot is pinned (see pins.ts).
 */
import { statSync } from 'node:fs';
import { RegressionError } from '../../runtime/errors.ts';
import type { Damage } from '../damage.ts';
import type { WriterNotice, WriterOptions } from '../protocol.ts';
import { replaceDamaged } from './damage.ts';
import { type HotFileOptions, type OpenedHotFile, openHotFile } from './hot-file.ts';
import type { Pins } from './pins.ts';
import { refuseLeftWal } from './rotation.ts';
import { type Sqlite, asStoreError } from './sqlite.ts';
import { WalKeeper, forgetKeptWal, hasForeignReader } from './wal-keeper.ts';

const writeFailed = 'the database file was opened anew: a write to it failed';
const foreignReader = 'another program has the database file open; its WAL grows until that is closed';

export interface HotConnectionOptions {
  readonly writer: WriterOptions;
  readonly pins: Pins;
  readonly notify: (notice: WriterNotice) => void;
  readonly nowMs: () => number;
  /** Id of the last row in any segment. */
  readonly lastSegmentId: () => number;
  /** Told of the damaged file that opening has replaced. */
  readonly onDamage: (database: Sqlite, damage: Damage) => void;
}

export class HotConnection {
  readonly #options: HotConnectionOptions;
  #database: Sqlite;
  /** Null for `:memory:`. */
  #keeper: WalKeeper | null = null;
  #hotSinceMs = 0;
  #isUnchecked = false;
  #checkpoints = 0;
  /** A write failed: what the file holds is known only once it has been opened anew, and what its WAL held is in it. */
  #isInDoubt = false;
  /** The file has been opened anew since, without a failure. */
  #isReopened = false;
  /** Why what the WAL held when the file was opened is not in the file yet. */
  #unsettled: RegressionError | null = null;
  #isDoubtTold = false;
  #isReopeningWaiting = false;
  #isCheckpointWaiting = false;
  #isForeignReaderSeen = false;

  /** @throws RegressionError `STORE_UNSAFE`, `STORE_CORRUPT`, `STORE_TOO_NEW`, or what sqlite.ts throws. */
  constructor(options: HotConnectionOptions) {
    this.#options = options;
    this.#database = this.#open(true);
  }

  get database(): Sqlite {
    return this.#database;
  }

  /** When the file was begun; now, if the clock was set back since. */
  get hotSinceMs(): number {
    return this.#hotSinceMs;
  }

  get checkpoints(): number {
    return this.#checkpoints;
  }

  get isInDoubt(): boolean {
    return this.#isInDoubt;
  }

  /** True when the file was too large to be read through for damage before it was opened. */
  get isUnchecked(): boolean {
    return this.#isUnchecked;
  }

  get isInMemory(): boolean {
    return this.#path === ':memory:';
  }

  databaseBytes(): number {
    return this.isInMemory ? 0 : (statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0);
  }

  walBytes(): number {
    return this.isInMemory ? 0 : (statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0);
  }

  /** A write failed, and whether it took effect cannot be told: nothing is written before `settle`. */
  doubt(): void {
    this.#isInDoubt = true;
    this.#isReopened = false;
  }

  /**
   * A failed COMMIT is uncertain: its frames may stand complete in the WAL. A failed fsync is never believed when it is
   * repeated; so the file is opened anew, which recovers the WAL and checkpoints it (another write and fsync of the same
   * content), and then it says what it holds. That changes the database file, so it waits for open snapshots.
   * @throws RegressionError while snapshots are open, or what opening throws (the disk is still full): the doubt stays. Meanwhile the
   * file can be read.
   */
  settle(): void {
    if (!this.isInMemory && !this.#isReopened) {
      if (this.#options.pins.count > 0) {
        this.#reopenWhenFree();
        throw new RegressionError('STORE_WRITE_FAILED', 'waiting for open snapshots before the file is opened anew', {
          retryable: true,
        });
      }
      this.#reopenInDoubt();
      if (this.#unsettled !== null) throw this.#unsettled;
    }
    this.#isInDoubt = false;
    this.#isDoubtTold = false;
  }

  /** Moves the WAL's content into the database and empties it. Does nothing while a snapshot is pinned. */
  checkpoint(): void {
    if (this.#options.pins.count > 0 || this.#isInDoubt || this.walBytes() === 0) return;
    if (this.isForeignReaderPresent()) return;
    try {
      this.#database.all('PRAGMA wal_checkpoint(TRUNCATE)');
      this.#checkpoints++;
      // One that came in this very moment must not find the emptied WAL filled again: it is left with the old one.
      if (hasForeignReader(this.#path)) this.reopen(foreignReader);
    } catch {
      this.doubt(); // the next append opens the file anew and says what is wrong
    }
  }

  /**
   * After each commit: the WAL is kept short, and in its place (a native tool deletes it when it closes).
   * @throws RegressionError `DATA_DIR_UNUSABLE` when the file itself is gone: what was committed last is nowhere any more. Other errors
   * leave the commit safe and the file in doubt.
   */
  watchWal(): void {
    if (this.#keeper === null) return;
    const { checkpointBytes, maxWalBytes } = this.#options.writer;
    if (!this.#keeper.isFileInPlace) throw fileGone(this.#path);
    try {
      if (!this.#keeper.isInPlace) this.#restoreWal(this.#keeper);
      const walBytes = this.walBytes();
      if (walBytes > maxWalBytes && this.#options.pins.count > 0) this.#checkpointWhenFree();
      else if (walBytes > checkpointBytes) this.checkpoint();
    } catch {
      this.doubt(); // the commit is safe; the next append opens the file anew and says what is wrong
    }
  }

  /** Says so when that is new. */
  isForeignReaderPresent(): boolean {
    const isPresent = !this.isInMemory && hasForeignReader(this.#path);
    if (isPresent && !this.#isForeignReaderSeen) this.#disturbed(foreignReader);
    this.#isForeignReaderSeen = isPresent;
    return isPresent;
  }

  /** @throws RegressionError when the file is open by another program: it would go on in the closed one. */
  refuseForeignReader(): void {
    if (!this.isForeignReaderPresent()) return;
    throw new RegressionError('STORE_WRITE_FAILED', foreignReader, { retryable: true });
  }

  /**
   * Everything stands in the file, nothing in its WAL, and it is closed: it may be renamed. `openNext` or `reopen` comes next.
   * @throws RegressionError `STORE_FULL`, `STORE_WRITE_FAILED`.
   */
  release(): void {
    this.#database.all('PRAGMA wal_checkpoint(TRUNCATE)');
    this.#database.close();
    refuseLeftWal(this.#path);
    forgetKeptWal(this.#path); // it must not be taken for the next file's
    this.#keeper = null;
  }

  /** Opens the file that has taken the place of the one that was released. */
  openNext(): void {
    this.#database = this.#open();
  }

  /** Puts a new file, with what can be salvaged, in the place of this one. Nothing is pinned. */
  replaceDamaged(reason: string): void {
    const { writer, lastSegmentId, nowMs } = this.#options;
    this.#giveUp();
    this.#keeper = null;
    const damage = replaceDamaged(writer.path, reason, lastSegmentId(), nowMs());
    this.#disturbed(`the database file is damaged and was replaced: ${reason}`);
    this.#database = this.#open();
    this.#options.onDamage(this.#database, damage);
    this.#isInDoubt = this.#unsettled !== null;
    this.#isDoubtTold = false;
  }

  reopen(message: string): void {
    this.#giveUp();
    this.#disturbed(message);
    this.#database = this.#open();
  }

  close(): void {
    this.#database.close();
    if (!this.isInMemory) forgetKeptWal(this.#path);
  }

  get #path(): string {
    return this.#options.writer.path;
  }

  #open(checksFile = false): Sqlite {
    const { writer, nowMs, lastSegmentId, onDamage } = this.#options;
    if (this.#keeper?.isFileInPlace === false) throw fileGone(this.#path);
    const { database, damage, isUnchecked, unsettled } = opened(
      { ...writer, lastSegmentId: lastSegmentId(), checksFile },
      nowMs(),
    );
    this.#isUnchecked = isUnchecked;
    this.#unsettled = unsettled;
    if (unsettled !== null) this.#isInDoubt = true;
    if (damage !== null) onDamage(database, damage);
    this.#keeper = this.isInMemory ? null : new WalKeeper(this.#path);
    const [since] = database.all<{ value: string }>(`SELECT value FROM store_state WHERE key = 'hot_since'`);
    this.#hotSinceMs = Math.min(Date.parse(since?.value ?? ''), nowMs());
    return database;
  }

  #disturbed(message: string): void {
    this.#options.notify({ notice: 'file_disturbed', message });
  }

  #giveUp(): void {
    try {
      this.#database.close();
    } catch {
      // the connection is given up either way; what counts is what the file says when it is opened again
    }
  }

  /** Told once, however often it has to be tried: on a full disk that is every other second. */
  #reopenInDoubt(): void {
    this.#giveUp();
    if (!this.#isDoubtTold) this.#disturbed(writeFailed);
    this.#isDoubtTold = true;
    this.#database = this.#open();
    this.#isReopened = this.#unsettled === null;
  }

  #reopenWhenFree(): void {
    if (this.#isReopeningWaiting) return;
    this.#isReopeningWaiting = true;
    this.#options.pins.whenFree(() => {
      this.#isReopeningWaiting = false;
      if (!this.#isInDoubt) return;
      try {
        this.#reopenInDoubt();
      } catch {
        // the disk is still full, or worse: the repeated append finds out
      }
    });
  }

  /**
   * At once, whoever reads: what was acknowledged has no name. The tool has changed the database file under the snapshots already;
   * their readers see that and ask again (see snapshot.ts).
   */
  #restoreWal(keeper: WalKeeper): void {
    const message = 'another program opened the database file and removed its WAL; nothing is lost';
    if (keeper.restore()) return this.#disturbed(message);
    this.#database.all('PRAGMA wal_checkpoint(TRUNCATE)');
    this.#options.pins.invalidate();
    this.reopen(message);
  }

  #checkpointWhenFree(): void {
    if (this.#isCheckpointWaiting) return;
    this.#isCheckpointWaiting = true;
    this.#options.pins.whenFree(() => {
      this.#isCheckpointWaiting = false;
      this.checkpoint();
    });
  }
}

/** On a disk that takes no writes the file system itself answers, on the way to the engine. */
function opened(options: HotFileOptions, nowMs: number): OpenedHotFile {
  try {
    return openHotFile(options, nowMs);
  } catch (error) {
    throw asStoreError(options.path, error);
  }
}

function fileGone(path: string): RegressionError {
  return new RegressionError('DATA_DIR_UNUSABLE', `${path} was removed or replaced while the daemon had it open`, {
    hint: 'Rows of the last moments may be lost. Put the data back (regression restore), or start anew on what is there.',
  });
}
