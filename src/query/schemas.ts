/**
 * The API's schemas: validation, types and the OpenAPI document come from them.
 */
import { z } from 'zod';
import { severities } from '../record/severity.ts';
import { patternId } from '../search/parse-query.ts';
import { rowFormats } from './row-formats.ts';

export const maxLimit = 10_000;
/** Of an answer that is sent while it is read. */
export const maxStreamedRows = 1_000_000;
export const defaultLimit = 100;
export const maxBuckets = 10_000;

const time = (what: string) =>
  z
    .string()
    .optional()
    .describe(`${what}: RFC 3339, a date, unix time (s, ms, us, ns), \`now\`, or back from now (\`-24h\`, \`-15m\`)`);

const severityNames = severities.flatMap((severity) => [severity, severity.toLowerCase()]) as [string, ...string[]];

export const filterParameters = {
  start: time('Earliest timestamp, inclusive'),
  end: time('Latest timestamp, exclusive'),
  severity: z.enum(severityNames).optional().describe('Lowest severity wanted: TRACE, DEBUG, INFO, WARN, ERROR, FATAL'),
  application: z.string().min(1).optional().describe('Name of the application'),
  version: z.string().min(1).optional().describe("The application's version"),
  environment: z.string().min(1).optional().describe("The application's environment"),
  source: z.string().min(1).optional().describe('Where the entry came from: a file path, `udp://127.0.0.1:5514`'),
  pattern: z
    .string()
    .regex(patternId, { error: 'the id of a pattern: 16 hexadecimal digits' })
    .optional()
    .describe('Messages of this pattern (`id` of /api/v1/patterns); the same as `pattern:<id>` in `q`'),
  q: z
    .string()
    .max(4096)
    .optional()
    .describe(
      'The search language: `severity:>=warn app:checkout userId:42 -path:/health "connection reset" conn* /re[gG]ex/i (a OR b) cpu:>0.5`; terms side by side must all hold',
    ),
  after_id: z.coerce
    .number()
    .int()
    .min(0)
    .optional()
    .describe('Only rows that arrived after the row of this id; see `order=arrival`'),
};

export const logsParameters = {
  ...filterParameters,
  order: z
    .enum(['asc', 'desc', 'arrival'])
    .default('desc')
    .describe(
      '`desc`: newest first; `asc`: oldest first; `arrival`: as they came in, whatever their timestamps say: ask again with `after_id` = `stats.last_id` to follow',
    ),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(maxStreamedRows)
    .default(defaultLimit)
    .describe(`Rows of a page, at most ${maxLimit}; as NDJSON at most ${maxStreamedRows}`),
  cursor: z.string().max(512).optional().describe('`next` of the page before, with the same filters and order'),
  format: z
    .enum(rowFormats)
    .optional()
    .describe('`ndjson`: one row a line; also by `Accept: application/x-ndjson`, `text/csv` or `text/plain`'),
  fields: z
    .string()
    .max(4096)
    .optional()
    .describe(
      'Only these columns and metadata keys, in this order: `timestamp,message,userId`; a key named like a column is written `meta.<key>`',
    ),
};

export const hitsParameters = {
  ...filterParameters,
  step: z.string().optional().describe('Width of a bucket: `60s`, `5m`, `1h`, `1d`; by default about 60 buckets'),
};

export const rowSchema = z
  .object({
    id: z.int().describe('Order of arrival; never reused'),
    timestamp: z.string().describe('ISO 8601 UTC, microseconds'),
    severity: z.enum(severities),
    application: z.string(),
    version: z.string().nullable(),
    environment: z.string().nullable(),
    source: z.string(),
    message: z.string(),
    metadata: z.record(z.string(), z.string()),
  })
  .describe('A log entry');

export const pageSchema = z.object({
  rows: z.array(rowSchema),
  next: z.string().nullable().describe('Cursor of the next page; null on the last'),
  truncated: z.boolean().describe('True when `limit`, or the 16 MiB that a page may be long, cut the answer'),
  stats: z.object({
    rows: z.int(),
    last_id: z.int().describe('Id of the row that had arrived last, matching or not'),
    elapsed_ms: z.number(),
  }),
});

/** The shape of VictoriaLogs' /select/logsql/hits. */
export const hitsSchema = z.object({
  hits: z.array(
    z.object({
      fields: z.record(z.string(), z.string()),
      timestamps: z.array(z.string()),
      values: z.array(z.int()),
      total: z.int(),
    }),
  ),
});

export const ingestedSchema = z.object({
  accepted: z.int().describe('Entries that are stored'),
  rejected_count: z.int(),
  rejected: z
    .array(z.object({ index: z.int().describe('Place in the request, from 0'), reason: z.string() }))
    .describe('Entries that are not, the first 1000'),
});

/** RFC 9457 problem details, with our stable code. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  hint: z.string().optional(),
  parameter: z.string().optional(),
});

/** What every asking route may answer instead. */
export const problems = {
  400: problemSchema.describe('The request is wrong; `parameter` and `hint` say where and how'),
  401: problemSchema.describe('No valid token'),
  403: problemSchema.describe('The token may not do this'),
  429: problemSchema.describe('Too many requests; `Retry-After` says when to come again'),
  503: problemSchema.describe('The store does not answer now'),
  504: problemSchema.describe('The deadline passed and the query was ended'),
} as const;

/** Of everything that is asked, whatever it asks for. */
export const misdirected = { 421: problemSchema.describe('The `Host` header names another host') } as const;

/** What a name in the address may be answered with. */
export const namedProblems = {
  414: problemSchema.describe('A name in the address is longer than 500 characters'),
} as const;

/** What a body may be answered with. */
export const bodyProblems = {
  413: problemSchema.describe('The body is too long'),
  415: problemSchema.describe('The body is of a type that is not read here'),
} as const;

/** What every route that takes rows may answer instead. */
export const ingestProblems = {
  400: problemSchema.describe('Nothing of it can be read'),
  401: problems[401],
  403: problems[403],
  ...bodyProblems,
  422: problemSchema.describe('The `Idempotency-Key` came with another body before'),
  429: problems[429],
  503: problemSchema.describe('The store takes no rows now; `Retry-After` says when to come again'),
  508: problemSchema.describe('The rows come from this store'),
} as const;

export const notFound = { 404: problemSchema.describe('There is no such thing') } as const;

const countsOf = (fallback: number, most: number) => z.coerce.number().int().min(0).max(most).default(fallback);

export const maxCountedRows = 1_000_000;

export const fieldCountsParameters = {
  ...filterParameters,
  limit: z.coerce.number().int().min(1).max(1000).default(10).describe('Values of a field, the most frequent first'),
  max_rows: z.coerce
    .number()
    .int()
    .min(1)
    .max(maxCountedRows)
    .default(100_000)
    .describe(`The newest rows are counted, at most this many; \`truncated\` says that there are more`),
};

const hitCounts = z.array(z.object({ value: z.string(), hits: z.int() }));

export const valuesSchema = z.object({ values: hitCounts, rows: z.int(), truncated: z.boolean() });

/** The shape of VictoriaLogs' /select/logsql/facets. */
export const facetsSchema = z.object({
  facets: z.array(
    z.object({
      field_name: z.string().describe('A column, or `meta.<key>`'),
      values: z.array(z.object({ field_value: z.string(), hits: z.int() })),
    }),
  ),
  rows: z.int().describe('Rows counted'),
  truncated: z.boolean(),
});

export const rowIdParameters = z.object({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) });

export const contextParameters = {
  before: countsOf(10, 1000).describe('Rows before it'),
  after: countsOf(10, 1000).describe('Rows after it'),
  scope: z
    .enum(['source', 'application', 'all'])
    .default('source')
    .describe('Neighbours of the same source, the same application, or any'),
};

export const contextSchema = z.object({
  before: z.array(rowSchema).describe('Oldest first'),
  row: rowSchema,
  after: z.array(rowSchema),
});

export const tailParameters = {
  ...filterParameters,
  format: z
    .enum(['sse', 'ndjson'])
    .optional()
    .describe('Server-sent events, or one JSON object a line; also by `Accept`'),
};

export const healthSchema = z.object({
  status: z.enum(['ok', 'degraded', 'not_ready']),
  parts: z.array(
    z.object({
      name: z.string(),
      ok: z.boolean(),
      reason: z.string().optional(),
      warning: z.string().optional(),
      hint: z.string().optional().describe('What to do about it'),
    }),
  ),
});
