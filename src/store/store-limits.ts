/** What the store works with when its caller does not say otherwise. */
import type { WriterOptions } from './protocol.ts';

const MiB = 1024 * 1024;
const dayMs = 86_400_000;

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
