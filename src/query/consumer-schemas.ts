/** Schemas of consumers. */
import { z } from 'zod';
import { digestSchema } from './pattern-schemas.ts';
import { filterParameters, maxLimit, problemSchema, rowSchema } from './schemas.ts';

const maxBatchBytes = 16 * 1024 * 1024;
/** Rows of a batch that is pulled as a digest. */
export const maxDigestedRows = 100_000;

export const consumerName = z.object({
  name: z.string().regex(/^(?!\.{1,2}$)[\w.-]{1,100}$/, { error: 'letters, digits, _ . -, at most 100; not . or ..' }),
});

const place = z.string().min(1).max(64).describe('`beginning`, `end`, an id (`id:918273`), or a time as in `start`');

const { after_id: _afterId, ...filter } = filterParameters;

export const consumerSettings = z.strictObject({
  ...filter,
  meta: z.record(z.string(), z.string()).optional().describe('Metadata pairs that must all hold'),
  from: place.default('beginning'),
  ack_wait: z.string().default('60s').describe('How long a batch is leased, `1s` to `24h`'),
  max_deliver: z.int().min(1).max(1000).default(5).describe('Deliveries of a batch before it is parked'),
});

export const consumerSchema = z
  .object({
    name: z.string(),
    owner: z.string(),
    position: z.int().describe('Rows up to this id are done with'),
    lag: z.int().describe('Ids behind the newest row, wanted or not'),
    batch: z
      .object({
        id: z.string(),
        first_id: z.int(),
        last_id: z.int(),
        rows: z.int(),
        deliveries: z.int(),
        leased_until: z.string(),
      })
      .nullable()
      .describe('The batch that is out'),
    ack_wait_ms: z.int(),
    max_deliver: z.int(),
    acked_rows: z.int(),
    parked_batches: z.int(),
    lost_ids: z.int().describe('Ids that went to retention before they were read, or while their batch was out'),
    created_at: z.string(),
    updated_at: z.string(),
  })
  .describe('A consumer');

export const pullViews = ['rows', 'digest'] as const;

export const pullSchema = z
  .strictObject({
    view: z
      .enum(pullViews)
      .default('rows')
      .describe('`digest`: instead of its rows, what the batch says, as `GET /api/v1/digest` would'),
    max_rows: z
      .int()
      .min(1)
      .max(maxDigestedRows)
      .optional()
      .describe(`500 without it, at most ${maxLimit}; of a digest ${maxDigestedRows}, which is also the most`),
    max_bytes: z
      .int()
      .min(1)
      .max(maxBatchBytes)
      .default(1024 * 1024)
      .describe("Of the rows' JSON; a digest has no such bound"),
    max_tokens: z
      .int()
      .min(1)
      .optional()
      .describe('Of a language model, reckoned at 4 bytes each; of a digest at 3 bytes, 4000 without it, at least 300'),
    wait: z.string().optional().describe('How long to wait for rows when there are none, at most `60s`'),
  })
  .prefault({});

export const pulledSchema = z.object({
  batch: z.string().nullable().describe('What `ack` and `nak` take; null when there are no rows'),
  deliveries: z.int().describe('1 the first time'),
  leased_until: z.string().nullable(),
  gap: z
    .object({ first_id: z.int(), last_id: z.int() })
    .nullable()
    .describe(
      'Ids that went to retention before this consumer read them, or, of a batch that was out, before it read them again',
    ),
  over_limit: z.boolean().describe('True when a single row is larger than the limits: it comes all the same'),
  lag: z.int().describe('Ids behind the newest row once this batch is done with'),
  row_count: z.int().describe('Rows of the batch'),
  digest: digestSchema.nullable().describe('With `view: "digest"`, unless there are no rows'),
  rows: z.array(rowSchema).describe('Empty with `view: "digest"`'),
});

export const batchIdSchema = z.strictObject({ batch: z.string().min(1).max(64) });
export const nakSchema = z.strictObject({
  batch: z.string().min(1).max(64),
  delay: z.string().default('0').describe('How long before it comes again: `30s`'),
});
export const seekSchema = z.strictObject({ from: place });

export const parkedSchema = z.object({
  first_id: z.int(),
  last_id: z.int(),
  rows: z.int(),
  parked_at: z.string(),
});

export const conflict = {
  409: problemSchema.describe('The batch is not out, or the consumer is another'),
} as const;
