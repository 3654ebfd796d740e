/** What the store works with when its caller does not say otherwise. */
import type { WriterOptions } from './protocol.ts';

const MiB = 1024 * 1024;
const dayMs = 86_400_000;

export const defaultLimits: Omit<WriterOptions, 'path'> = {
  durability: 'full',
  checkpointBytes: 16 * MiB,
  maxWalBytes: 128 * MiB,
  cacheBytes: 16 * MiB,
  maxHotBytes: 128 * MiB,
  maxHotAgeMs: dayMs,
  maxBytesCheckedFirst: 128 * MiB,
  keepPatternsMs: 90 * dayMs,
};
