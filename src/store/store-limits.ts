/** What the store works with when its caller does not say otherwise. */
import type { WriterOptions } from './protocol.ts';

/** Of the threads that answer queries; what is absent is the store's own choice. */
export interface ReaderLimits {
  readonly maxThreads?: number;
  /** Page cache of each. */
  readonly cacheBytes?: number;
  /** Most memory that users' own SQL may take. */
  readonly sqlBytes?: number;
  /** One that nobody has needed for this long ends. */
  readonly idleMs?: number;
  /** Threads that answer queries or seal a segment, together. */
  readonly mostAtOnce?: number;
}

const MiB = 1024 * 1024;
const dayMs = 86_400_000;

const defaultReaderLimits: Required<ReaderLimits> = {
  maxThreads: 2,
  cacheBytes: 16 * MiB,
  sqlBytes: 192 * MiB,
  /** A thread takes some 30 MB, and is made anew in a tenth of a second. */
  idleMs: 60_000,
  mostAtOnce: Infinity,
};

export function readerLimitsOf(given: ReaderLimits = {}): Required<ReaderLimits> {
  return { ...defaultReaderLimits, ...given };
}

type Limits = Omit<WriterOptions, 'path'>;

export const defaultLimits: Limits = {
  durability: 'full',
  checkpointBytes: 16 * MiB,
  maxWalBytes: 128 * MiB,
  cacheBytes: 16 * MiB,
  maxHotBytes: 128 * MiB,
  maxHotAgeMs: dayMs,
  maxBytesCheckedFirst: 128 * MiB,
  keepPatternsMs: 90 * dayMs,
};

export function writerOptionsOf(path: string, given: Partial<Limits>): WriterOptions {
  const chosen = Object.entries(defaultLimits).map(([name, value]) => [name, given[name as keyof Limits] ?? value]);
  return { path, ...(Object.fromEntries(chosen) as Limits) };
}
