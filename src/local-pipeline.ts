/**
 * The part of the daemon that every command needs which stores rows: the data directory's lock, the store, the ingest.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config/schema.ts';
import { createFormat } from './parsers/registry.ts';
import { PatternMiner } from './pattern/miner.ts';
import { DiskReserve } from './pipeline/disk-reserve.ts';
import { Admission } from './pipeline/forward/admission.ts';
import { RecentRows } from './pipeline/forward/recent-rows.ts';
import { Ingest } from './pipeline/ingest.ts';
import { LiveFeed } from './query/live-feed.ts';
import type { Clock } from './runtime/clock.ts';
import { type DataDirLock, lockDataDir } from './runtime/data-dir-lock.ts';
import { diskSpace } from './runtime/disk-space.ts';
import { makeDataDir } from './runtime/data-dir.ts';
import { type MemoryBudget, atMost, memoryBudget } from './runtime/memory-budget.ts';
import type { Logger } from './runtime/logger.ts';
import type { Metrics } from './runtime/metrics.ts';
import type { Damage } from './store/damage.ts';
import { openStore } from './store/remote-store.ts';
import type { Store } from './store/store.ts';
import { transformsOf } from './transforms/registry.ts';

export interface LocalPipeline {
  readonly store: Store;
  /** Told of every batch that the ingest has committed. */
  readonly feed: LiveFeed;
  /** The rows committed last; empty where the configuration has no sinks. */
  readonly recent: RecentRows;
  /** Closed while a sink has the daemon take no rows. */
  readonly admission: Admission;
  readonly ingest: Ingest;
  readonly lock: DataDirLock;
  /** Files of the store that could not be used, in this run or an earlier one. */
  readonly damages: readonly Damage[];
  /** Takes over what a running pipeline can: transforms, the default application, whether rows are kept for sinks. */
  change(config: Config): void;
  /** Commits what is queued (within a few seconds), closes the store, gives the directory back. */
  close(): Promise<void>;
}

export interface LocalPipelineOptions {
  readonly config: Config;
  /** The command that holds the directory, for those who are refused. */
  readonly command: string;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Transactions of so many times the configured rows: where nobody waits for a single one. */
  readonly batchesAtOnce?: number;
  readonly onFatal: (error: unknown) => void;
  /** What the process is granted unless a test says otherwise. */
  readonly memory?: MemoryBudget;
}

/** Text of rows that sinks find in memory; those that are further behind read the store. */
const maxRecentBytes = 4 * 1024 * 1024;

/** @throws RegressionError `DATA_DIR_LOCKED`, `DATA_DIR_UNUSABLE`, and what opening the store throws. */
export async function openLocalPipeline(options: LocalPipelineOptions): Promise<LocalPipeline> {
  const { config, clock, metrics, logger, onFatal, memory = memoryBudget() } = options;
  const lock = await takeDataDir(config.data_dir, options.command);
  /** Null until the store is open: then it says itself what this start and earlier ones have found. */
  let damages: readonly Damage[] | null = null;
  const noteDamages = (known: readonly Damage[]): void => {
    damages = known;
    metrics.damagedFiles.set(known.length);
    metrics.lostRows.set(known.reduce((sum, { lostRows }) => sum + (lostRows ?? 0), 0));
  };
  let store: Store;
  try {
    store = await openStore({
      dataDir: config.data_dir,
      durability: config.store.durability,
      cacheBytes: atMost(config.store.cache_bytes, memory.parts.cacheBytes),
      checkpointBytes: memory.parts.checkpointBytes,
      readers: memory.readers,
      maxHotBytes: atMost(config.tasks.rotate.max_size, memory.parts.hotBytes),
      maxHotAgeMs: config.tasks.rotate.max_age,
      keepPatternsMs: config.patterns.keep,
      clock,
      onSealFailed: (segment, error) =>
        logger.error({ err: error, path: segment.path }, 'a segment could not be sealed; it is tried again'),
      onDamage(damage) {
        const { reason, setAsideAs, salvagedRows, lostRows } = damage;
        logger.error(
          { set_aside_as: setAsideAs, salvaged_rows: salvagedRows, lost_rows: lostRows },
          `a database file could not be used and was set aside: ${reason}; ${lostRows ?? 'an unknown number of'} rows are lost`,
        );
        if (damages !== null) noteDamages([...damages, damage]);
      },
      onDisturbed: (message) => logger.warn({ path: config.data_dir }, message),
    });
  } catch (error) {
    await lock.release();
    throw error;
  }
  noteDamages(await store.state.damages());
  const miner = config.patterns.enabled ? await minerOf(config, store) : undefined;
  const feed = new LiveFeed();
  const recent = new RecentRows(atMost(maxRecentBytes, memory.parts.recentBytes), config.sinks.length > 0);
  const admission = new Admission();
  const reserve = new DiskReserve(config.store.min_free, () => diskSpace(config.data_dir), clock);
  const append = feed.appendTo(store);
  const admitted: Store['append'] = async (batch) => {
    await admission.wait();
    await reserve.check();
    return append(batch);
  };
  const transformOf = ({ transforms }: Config) =>
    transformsOf(transforms, clock, (transform) => metrics.transformDropped.inc({ transform }));
  let current = config;
  const ingest = new Ingest({
    store: { append: recent.appendTo({ append: admitted }) },
    createFormat,
    transform: transformOf(config),
    defaults: config.application,
    clock,
    metrics,
    logger,
    maxQueuedBytes: atMost(config.store.queue_bytes, memory.parts.queueBytes),
    rowsPerBatch: config.store.batch_rows * (options.batchesAtOnce ?? 1),
    patterns: miner,
    onFatal,
  });
  return {
    store,
    feed,
    recent,
    admission,
    ingest,
    lock,
    get damages() {
      return damages ?? [];
    },
    change(next) {
      // Transforms that stay keep what they remember: a rate, a sample.
      const isSame = isDeepStrictEqual(current.transforms, next.transforms);
      ingest.change({ defaults: next.application, ...(isSame ? {} : { transform: transformOf(next) }) });
      recent.keep(next.sinks.length > 0);
      current = next;
    },
    async close() {
      admission.release();
      await ingest.stop();
      await store.close();
      await lock.release();
    },
  };
}

async function minerOf({ patterns: options }: Config, store: Store): Promise<PatternMiner> {
  const { patterns, lastNumber } = await store.patterns();
  const bounds = { maxPatterns: options.max_patterns, maxPatternsPerApplication: options.max_per_application };
  return new PatternMiner(bounds, patterns, lastNumber);
}

async function takeDataDir(dataDir: string, command: string): Promise<DataDirLock> {
  await makeDataDir(dataDir);
  return lockDataDir(dataDir, command);
}
