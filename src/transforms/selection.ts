/** Transforms that decide which records are stored: drop, keep, sample, rate_limit. */
import { z } from 'zod';
import { conditionOf, conditionOptions } from './condition.ts';
import type { TransformKind } from './transform.ts';

const when = conditionOptions.prefault({}).describe('Which records; every one when nothing is said');

const dropOptions = z.strictObject({ when: conditionOptions.describe('Which records are not stored') });

export const drop: TransformKind<typeof dropOptions> = {
  options: dropOptions,
  create(options) {
    const isMeant = conditionOf(options.when);
    return { apply: (record) => (isMeant(record) ? null : record) };
  },
};

const keepOptions = z.strictObject({ when: conditionOptions.describe('Which records are stored; no others are') });

export const keep: TransformKind<typeof keepOptions> = {
  options: keepOptions,
  create(options) {
    const isMeant = conditionOf(options.when);
    return { apply: (record) => (isMeant(record) ? record : null) };
  },
};

const sampleOptions = z.strictObject({
  one_in: z.int().min(2).max(1_000_000).describe('Of so many records that match, the first is stored'),
  when,
});

export const sample: TransformKind<typeof sampleOptions> = {
  options: sampleOptions,
  create({ one_in: oneIn, when }) {
    const isMeant = conditionOf(when);
    let met = 0;
    return { apply: (record) => (!isMeant(record) || met++ % oneIn === 0 ? record : null) };
  },
};

const rateLimitOptions = z.strictObject({
  per_second: z.number().positive().max(1_000_000).describe('Records of one source a second, on average'),
  burst: z.int().min(1).max(10_000_000).optional().describe('At most so many at once; default: those of one second'),
  when,
});

/** Beyond this many sources the oldest is forgotten, and begins again with a full bucket: memory stays bounded. */
const maxSources = 10_000;

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** A token bucket for each source. */
export const rateLimit: TransformKind<typeof rateLimitOptions> = {
  options: rateLimitOptions,
  create({ per_second: perSecond, burst = Math.max(1, Math.ceil(perSecond)), when }, clock) {
    const isMeant = conditionOf(when);
    const buckets = new Map<string, Bucket>();
    return {
      apply(record) {
        if (!isMeant(record)) return record;
        const nowMs = clock.monotonicMs();
        let bucket = buckets.get(record.source);
        if (bucket === undefined) {
          if (buckets.size >= maxSources) buckets.delete(buckets.keys().next().value ?? '');
          bucket = { tokens: burst, filledAtMs: nowMs };
          buckets.set(record.source, bucket);
        }
        bucket.tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.filledAtMs) / 1000) * perSecond);
        bucket.filledAtMs = nowMs;
        if (bucket.tokens < 1) return null;
        bucket.tokens--;
        return record;
      },
    };
  },
};
