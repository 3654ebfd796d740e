/**
 * The store in threads of its own: the only file that starts them (by way of ReaderPool for the readers).
 *
 * The writer thread owns the hot file; reader threads answer queries on snapshots of it. The caller holds the data
 * directory's lock (runtime/data-dir-lock.ts), which is what makes removing stale engine locks and aliases right.
 */
import { join, resolve } from 'node:path';
import type { Batch, IngestRequest, StoredGap, StoredPosition } from '../record/batch.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { RegressionError, messageOf } from '../runtime/errors.ts';
import { makeDirectory } from '../runtime/make-directory.ts';
import type { FieldCounts, FieldCountsRequest, HitsBucket, HitsRequest, SearchRequest } from '../search/request.ts';
import { ApplicationIds } from './application-ids.ts';
import { encodedRows } from './batch-encoding.ts';
import type { Damage } from './damage.ts';
import { searchIn } from './page-memory.ts';
import { encodePatterns } from './pattern-encoding.ts';
import type { PatternExtent, PatternHistory, PatternHistoryRequest, StoredPatterns } from './patterns.ts';
import type { SqlAnswer, SqlRequest, WriterCalls, WriterNotice } from './protocol.ts';
import { ReaderPool } from './reader-pool.ts';
import { remoteState } from './state.ts';
import { checkHotFile } from './hot-check.ts';
import { completeRestore } from './replaced-data.ts';
import { Sealing } from './sealing.ts';
import { removeStaleAliases } from './stale-aliases.ts';
import { type HotCopy, type RemovalReason, type Segment, hotFileName, segmentsDirectoryName } from './segments.ts';
import type { Appended, QueryLimits, Store, StoreStats } from './store.ts';
import { type ReaderLimits, readerLimitsOf, writerOptionsOf } from './store-limits.ts';
import { ThreadLink } from './thread-link.ts';
import { ThreadRoom } from './thread-room.ts';

export interface StoreOptions {
  readonly dataDir: string;
  /** `full`: each commit reaches the disk before it is acknowledged. `normal`: a power cut may take the last commits. */
  readonly durability?: 'full' | 'normal';
  readonly clock?: Clock;
  /** Told, in words for the operator, when the hot file had to be opened anew or another program has it open. */
  readonly onDisturbed?: (message: string) => void;
  /** Told of each file, hot or closed, that could not be used: at the start, or soon after when the hot file is large. */
  readonly onDamage?: (damage: Damage) => void;
  /** Told when a segment could not be sealed; it is tried again later. */
  readonly onSealFailed?: (segment: Segment, error: unknown) => void;
  readonly checkpointBytes?: number | undefined;
  readonly maxWalBytes?: number;
  readonly cacheBytes?: number;
  /** The hot file is closed and a new one begun once it is this long. */
  readonly maxHotBytes?: number;
  /** The same by age. */
  readonly maxHotAgeMs?: number;
  /** See `WriterOptions` in protocol.ts. */
  readonly maxBytesCheckedFirst?: number;
  /** How long roll-ups of patterns are kept. */
  readonly keepPatternsMs?: number;
  readonly readers?: ReaderLimits;
}

/** @throws RegressionError `DATA_DIR_UNUSABLE`, `STORE_UNSAFE`, `STORE_CORRUPT`, `STORE_TOO_NEW`. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const dataDir = resolve(options.dataDir);
  const snapshotsPath = join(dataDir, 'snapshots');
  try {
    await makeDirectory(dataDir);
    completeRestore(dataDir);
    await makeDirectory(snapshotsPath);
    removeStaleAliases(snapshotsPath);
  } catch (error) {
    throw new RegressionError('DATA_DIR_UNUSABLE', `cannot write to ${dataDir}: ${messageOf(error)}`, {
      cause: error,
      hint: 'Check the directory and its owner, or choose another with --data-dir.',
    });
  }
  const hotPath = join(dataDir, hotFileName);
  const writerOptions = writerOptionsOf(hotPath, options);
  let pools: readonly ReaderPool[] = [];
  let sealing: Sealing | undefined;
  let segments: readonly Segment[] = [];
  let isUnchecked = false;
  const writer = new ThreadLink<WriterCalls>('writer-thread', writerOptions, (notice: WriterNotice) => {
    if (notice.notice === 'segments_changed') {
      segments = notice.segments;
      sealing?.update(segments);
      return;
    }
    if (notice.notice === 'damage_found') {
      options.onDamage?.(notice.damage);
      return;
    }
    if (notice.notice === 'file_unchecked') {
      isUnchecked = true;
      return;
    }
    options.onDisturbed?.(notice.message);
    for (const pool of pools) void pool.invalidate();
  });
  try {
    await writer.ready();
  } catch (error) {
    await writer.terminate();
    throw error;
  }
  const { maxThreads, cacheBytes, sqlBytes, idleMs: idleThreadMs, mostAtOnce } = readerLimitsOf(options.readers);
  const { clock = systemClock } = options;
  const room = new ThreadRoom(mostAtOnce);
  const shared = { hotPath, snapshotsPath, writer, segments: () => segments, clock, cacheBytes, idleThreadMs, room };
  const readers = new ReaderPool({ ...shared, maxThreads, maxMemoryBytes: null });
  // Apart from the others: a statement that takes all the time and memory it may holds up only the next statement.
  const sqlReaders = new ReaderPool({ ...shared, maxThreads: 1, maxMemoryBytes: sqlBytes });
  // Long work for tasks; nobody's question waits behind it.
  const copyReaders = new ReaderPool({ ...shared, maxThreads: 1, maxMemoryBytes: null });
  pools = [readers, sqlReaders, copyReaders];
  sealing = new Sealing({
    directory: join(dataDir, segmentsDirectoryName),
    clock,
    room,
    cacheBytes: writerOptions.cacheBytes,
    onSealed: (manifest) => writer.call('segmentSealed', [manifest]),
    onFailed: (segment, error) => options.onSealFailed?.(segment, error),
  });
  sealing.update(segments);
  if (isUnchecked) {
    void checkHotFile(copyReaders).then(async (reason) => {
      // What goes wrong then is told as a disturbance, or the next append finds out.
      if (reason !== null) await writer.call('replaceDamaged', [reason]).catch(() => undefined);
    });
  }
  return new RemoteStore(writer, { readers, sqlReaders, copyReaders }, sealing);
}

interface Pools {
  readonly readers: ReaderPool;
  readonly sqlReaders: ReaderPool;
  readonly copyReaders: ReaderPool;
}

class RemoteStore implements Store {
  readonly #writer: ThreadLink<WriterCalls>;
  readonly #pools: Pools;
  readonly #sealing: Sealing;
  readonly #applications: ApplicationIds;
  readonly state = remoteState(async (method, args) => {
    this.#refuseWhenClosed();
    return this.#writer.call('state', [method, args]);
  });
  /** The appends before this one have been sent: encoding may wait for application ids, and must not be overtaken. */
  #sent: Promise<unknown> = Promise.resolve();
  #outstanding = 0;
  #run = 0;
  #hasFailed = false;
  #closed: Promise<void> | null = null;

  constructor(writer: ThreadLink<WriterCalls>, pools: Pools, sealing: Sealing) {
    this.#writer = writer;
    this.#sealing = sealing;
    this.#pools = pools;
    this.#applications = new ApplicationIds((applications) => writer.call('applicationIds', [applications]));
  }

  async append(batch: Batch): Promise<Appended> {
    this.#refuseWhenClosed();
    this.#outstanding++;
    const sending = this.#sent.then(() => this.#send(batch));
    this.#sent = sending.catch(() => undefined);
    try {
      const { answer } = await sending;
      const appended = await answer;
      this.#pools.readers.noteCommit();
      return appended;
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    } finally {
      this.#outstanding--;
      if (this.#outstanding === 0 && this.#hasFailed) {
        this.#hasFailed = false;
        this.#run++;
      }
    }
  }

  positions(): Promise<readonly StoredPosition[]> {
    return this.#writer.call('positions', []);
  }

  gaps(): Promise<readonly StoredGap[]> {
    return this.#writer.call('gaps', []);
  }

  async findRequest(key: string): Promise<IngestRequest | null> {
    this.#refuseWhenClosed();
    return this.#writer.call('findRequest', [key]);
  }

  search(request: SearchRequest, limits: QueryLimits): ReturnType<Store['search']> {
    this.#refuseWhenClosed();
    return this.#pools.readers.run((reader, snapshot) => searchIn(reader, snapshot, request), limits);
  }

  hits(request: HitsRequest, limits: QueryLimits): Promise<readonly HitsBucket[]> {
    this.#refuseWhenClosed();
    return this.#pools.readers.run((reader, snapshot) => reader.call('hits', [snapshot, request]), limits);
  }

  fieldCounts(request: FieldCountsRequest, limits: QueryLimits): Promise<FieldCounts> {
    this.#refuseWhenClosed();
    return this.#pools.readers.run((reader, snapshot) => reader.call('fieldCounts', [snapshot, request]), limits);
  }

  patternHistories(
    requests: readonly PatternHistoryRequest[],
    limits: QueryLimits,
  ): Promise<readonly PatternHistory[]> {
    this.#refuseWhenClosed();
    return this.#pools.readers.run((reader, snapshot) => reader.call('patternHistories', [snapshot, requests]), limits);
  }

  patternExtent(request: PatternHistoryRequest, limits: QueryLimits): Promise<PatternExtent | null> {
    this.#refuseWhenClosed();
    return this.#pools.readers.run((reader, snapshot) => reader.call('patternExtent', [snapshot, request]), limits);
  }

  patterns(): Promise<StoredPatterns> {
    return this.#writer.call('patterns', []);
  }

  rotate(): Promise<Segment | null> {
    this.#refuseWhenClosed();
    return this.#writer.call('rotate', []);
  }

  segments(): Promise<readonly Segment[]> {
    this.#refuseWhenClosed();
    return this.#writer.call('segments', []);
  }

  async removeSegments(firstIds: readonly number[], reason: RemovalReason): Promise<void> {
    this.#refuseWhenClosed();
    await this.#writer.call('removeSegments', [firstIds, reason]);
    // The snapshots that are open still have them, and hold their files.
    await Promise.all(Object.values(this.#pools).map((pool: ReaderPool) => pool.invalidate()));
  }

  async copyHot(path: string, limits: QueryLimits): Promise<HotCopy> {
    this.#refuseWhenClosed();
    // An answer may be a moment old; a backup has all that was committed when it was asked for.
    await this.#pools.copyReaders.invalidate();
    return this.#pools.copyReaders.run((reader, snapshot) => reader.call('copyHot', [snapshot, path]), limits);
  }

  sealed(): Promise<void> {
    this.#refuseWhenClosed();
    return this.#sealing.finished();
  }

  sql(request: SqlRequest, limits: QueryLimits): Promise<SqlAnswer> {
    this.#refuseWhenClosed();
    return this.#pools.sqlReaders.run((reader, snapshot) => reader.call('sql', [snapshot, request]), limits);
  }

  async stats(): Promise<StoreStats> {
    const { pins, ...stats } = await this.#writer.call('stats', []);
    return { ...stats, openSnapshots: pins };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#sent;
    // Together: each may wait for a thread of the others to end.
    await Promise.all([this.#sealing.stop(), ...Object.values(this.#pools).map((pool: ReaderPool) => pool.close())]);
    await this.#writer.call('close', []);
    await this.#writer.exited();
  }

  /** Wrapped in an object: a promise given back by an async function would be awaited, and sending would wait for it. */
  async #send(batch: Batch): Promise<{ readonly answer: Promise<Appended> }> {
    const { bytes, count: rowCount, applications } = encodedRows(batch.records);
    const ids = await this.#applications.resolve(applications);
    const patterns = encodePatterns(batch.patterns, applications, ids);
    const rows = bytes.slice(); // given away to the thread; the batch may have to be repeated
    const { positions, gaps, requests = [], counts = [] } = batch;
    const progress = { positions, gaps, requests, counts };
    const encoded = { rows, rowCount, applicationIds: JSON.stringify(ids), patterns, ...progress, run: this.#run };
    const answer = this.#writer.call('append', [encoded], [rows.buffer]);
    answer.catch(() => undefined); // its caller awaits it a moment later
    return { answer };
  }

  #refuseWhenClosed(): void {
    if (this.#closed !== null) throw new RegressionError('STORE_CLOSED', 'the store is closed');
  }
}
