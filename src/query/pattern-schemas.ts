/** Schemas of what the routes of patterns take and answer. */
import { z } from 'zod';
import type { Digest } from '../pattern/digest.ts';
import { severities } from '../record/severity.ts';
import { patternOrders } from './pattern-questions.ts';
import { filterParameters } from './schemas.ts';

const { start, end, severity, application, version, environment } = filterParameters;
const spanParameters = { start, end, application, version, environment };

export const patternsParameters = {
  ...spanParameters,
  severity,
  sort: z
    .enum(patternOrders)
    .default('count')
    .describe(
      '`count`: most frequent first; `rare`: least; `new`: seen first most recently; `burst`: those with an hour that stands out',
    ),
  limit: z.coerce.number().int().min(1).max(1000).default(100).describe('Patterns at most'),
};

const variableSchema = z.object({
  place: z.int().describe('Of the word in the template, from 0'),
  word: z.string(),
  values: z.array(
    z.object({
      value: z.string(),
      count: z.int().describe('At least four fifths of the truth'),
      first_seen: z.string(),
    }),
  ),
  is_many: z.boolean().describe('More values than are kept: those given are examples'),
  minimum: z.number().nullable().describe('Of a sample of the values that are numbers'),
  maximum: z.number().nullable(),
});

export const patternSchema = z.object({
  id: z.string().describe('The same in every run: a hash of the template'),
  application: z.string(),
  template: z.string().describe('`<...>` stands for what varies'),
  severity: z.enum(severities).describe('Of most of its records'),
  count: z.int(),
  by_severity: z.record(z.string(), z.int()),
  versions: z.array(z.object({ version: z.string().nullable(), environment: z.string().nullable(), count: z.int() })),
  first_seen: z.string().describe('Of its first record ever'),
  last_seen: z.string().describe('The minute of its last record in the span; the hour for what is older than two days'),
  histogram: z.array(z.int()).describe('Counts by bucket of the span'),
  burst: z
    .object({
      hour: z.string(),
      count: z.int(),
      expected: z.number(),
      days: z.int().describe('Earlier days whose same hour is the measure; 0: its own other hours'),
    })
    .nullable(),
  variables: z.array(variableSchema),
  exemplar_id: z.int().describe('A row of it: GET /api/v1/logs/{id}, unless it has gone to retention'),
  exemplar: z.string().describe('The first message ever, cut'),
});

export const patternsSchema = z.object({
  patterns: z.array(patternSchema),
  total: z.int().describe('Patterns of the span, shown or not'),
  records: z.int().describe('Records of the span'),
  truncated: z.boolean(),
  buckets: z.object({ start: z.string(), step_minutes: z.int(), count: z.int() }),
});

const side = (name: string) => ({
  [`${name}_start`]: z.string().optional().describe(`Begin of the ${name}, as \`start\` elsewhere`),
  [`${name}_end`]: z.string().optional().describe(`End of the ${name}, exclusive`),
});

export const diffParameters = {
  baseline: z.string().min(1).optional().describe('Version to compare with'),
  target: z.string().min(1).optional().describe('Version that is judged'),
  ...(side('baseline') as { readonly baseline_start: typeof start; readonly baseline_end: typeof start }),
  ...(side('target') as { readonly target_start: typeof start; readonly target_end: typeof start }),
  application,
  environment,
  min_support: z.coerce.number().int().min(1).max(1_000_000).default(3).describe('Fewer records are no change'),
  min_ratio: z.coerce.number().min(1.1).max(1000).default(2).describe('Rates that differ by less are no change'),
  limit: z.coerce.number().int().min(1).max(1000).default(200).describe('Changes at most'),
};

const sideSchema = z.object({
  count: z.int(),
  per_minute: z.number(),
  share: z.number(),
  exemplar_id: z.int().nullable().describe('A row of this side, unless it has gone to retention'),
  rows: z.string().nullable().describe('Path of the rows of this pattern on this side; null where there are none'),
});

export const changeSchema = z.object({
  kind: z.enum(['new', 'gone', 'more', 'less', 'severity_raised', 'severity_lowered', 'new_value']),
  application: z.string(),
  id: z.string(),
  template: z.string(),
  severity: z.enum(severities),
  baseline: sideSchema,
  target: sideSchema,
  ratio: z.number().nullable().describe('Times the rate that unchanged traffic would have'),
  score: z.number().describe('Log-likelihood ratio'),
  chance: z.number().describe('Probability of as much by chance'),
  because: z.string().describe('The verdict with its numbers'),
  variable: z.object({ place: z.int(), word: z.string(), value: z.string() }).nullable(),
  exemplar_id: z.int(),
  exemplar: z.string(),
  rows: z.string().describe('Path of all rows of this pattern'),
  context: z.string().describe('Path of what was logged around the exemplar'),
});

export const diffSchema = z.object({
  changes: z.array(changeSchema).describe('The gravest first'),
  total: z.int(),
  truncated: z.boolean(),
  patterns: z.int().describe('Patterns looked at'),
  baseline_records: z.int(),
  target_records: z.int(),
  scales: z
    .record(z.string(), z.number())
    .describe('By application: how much more was logged in the target, by the median of its patterns'),
});

export type PatternAnswer = z.output<typeof patternSchema>;
export type PatternsAnswer = z.output<typeof patternsSchema>;
export type ChangeAnswer = z.output<typeof changeSchema>;
export type DiffAnswer = z.output<typeof diffSchema>;

export const digestParameters = {
  ...spanParameters,
  tokens: z.coerce
    .number()
    .int()
    .min(300)
    .max(100_000)
    .default(4000)
    .describe('Budget: a token is counted as three bytes of UTF-8'),
  format: z
    .enum(['text', 'json'])
    .default('text')
    .describe('`text`: Markdown for a model; `json`: the same parts as data'),
};

export const digestSchema = z.object({
  text: z.string().describe('The digest as Markdown'),
  tokens: z.int().describe('Estimate: bytes of UTF-8 divided by three'),
  budget: z.int(),
  left_out: z.record(z.string(), z.int()).describe('By section, how many entries did not fit'),
  sections: z.array(z.object({ name: z.string(), entries: z.array(z.string()) })),
});

export type DigestAnswer = z.output<typeof digestSchema>;

export function digestAnswer({ leftOut, sections, ...digest }: Digest, budget: number): DigestAnswer {
  return {
    ...digest,
    budget,
    left_out: leftOut,
    sections: sections.map(({ name, entries }) => ({ name, entries: [...entries] })),
  };
}
