/** Options of every sink, and those that sinks share which speak HTTP. */
import { z } from 'zod';
import { severities } from '../record/severity.ts';
import { bytes, duration } from '../runtime/units.ts';
import { parseQuery } from '../search/parse-query.ts';
import { messageOf } from '../runtime/errors.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

const severity = z
  .string()
  .transform((word) => word.toUpperCase())
  .pipe(z.enum(severities));

/** The forwarder's own: which rows, how many at once, what happens to a backlog. */
export const commonOptions = z.strictObject({
  name: z
    .string()
    .regex(/^[\w.-]{1,64}$/, { error: 'expected letters, digits, `.`, `_` or `-`' })
    .optional()
    .describe(
      'Names the sink and its place in the store for ever; its type by default. Two sinks of a type need names',
    ),
  severity: severity.optional().describe('Only rows of this severity and above'),
  application: z.string().min(1).optional().describe('Only rows of this application'),
  query: z
    .string()
    .min(1)
    .superRefine((text, context) => {
      try {
        parseQuery(text, 0);
      } catch (error) {
        context.addIssue({ code: 'custom', message: messageOf(error) });
      }
    })
    .optional()
    .describe('Only rows that this finds, in the search language (docs/search.md)'),
  from: z
    .enum(['beginning', 'end'])
    .default('beginning')
    .describe('Where a new sink begins: with the oldest row that is stored, or with the next one'),
  batch_rows: z.int().min(1).max(50_000).default(2000).describe('Rows sent at once, at most'),
  batch_bytes: bytes({ min: KiB, max: 64 * MiB })
    .prefault('4MiB')
    .describe('Text sent at once, at most, before compression; a longer row goes alone'),
  concurrency: z
    .int()
    .min(1)
    .max(16)
    .default(1)
    .describe('Requests at once. 1 keeps all rows in order; more keep the rows of each source in order'),
  timeout: duration({ min: 100, max: 600_000 })
    .prefault('30s')
    .describe('A request that takes longer is given up and repeated'),
  max_backlog: bytes({ min: MiB })
    .optional()
    .describe(
      'How much may wait, about, as it lies in the store; what happens past it says `when_full`. Without it everything waits',
    ),
  when_full: z
    .enum(['drop_oldest', 'drop_newest', 'block'])
    .default('drop_oldest')
    .describe(
      'Past `max_backlog`: the oldest rows that wait go unsent, or those that come, each counted; or inputs wait, files on disk and senders with 429, until there is room',
    ),
  keep_severity: severity
    .optional()
    .describe('Rows of this severity and above are sent all the same, whatever `when_full` drops'),
});

export const secret = z.union(
  [z.strictObject({ file: z.string().min(1) }), z.strictObject({ env: z.string().min(1) })],
  { error: 'expected `file: PATH` or `env: NAME`: secrets do not stand in the configuration' },
);

export const tlsOptions = z
  .strictObject({
    ca: z.string().min(1).optional().describe("PEM file: the authorities trusted instead of the system's"),
    cert: z.string().min(1).optional().describe('PEM file: the client certificate and its chain'),
    key: z.string().min(1).optional().describe('PEM file: its private key'),
    server_name: z
      .string()
      .min(1)
      .optional()
      .describe("The name expected in the server's certificate, if not the URL's"),
  })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), { error: '`cert` and `key` go together' })
  .optional()
  .describe("How the upstream's certificate is checked, and our own");

const httpUrl = z.url({ protocol: /^https?$/, error: 'expected http://... or https://...' });

/** Of sinks that speak HTTP. */
export const httpOptions = {
  url: httpUrl.describe('Where rows are sent to'),
  compression: z.enum(['none', 'gzip', 'zstd']).default('gzip').describe('Of request bodies'),
  headers: z
    .record(z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, { error: 'not the name of a header' }), z.string())
    .default({})
    .describe('Sent with every request'),
  auth: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('basic'), username: z.string(), password: secret }),
      z.strictObject({ type: z.literal('bearer'), token: secret }),
      z.strictObject({ type: z.literal('header'), name: z.string().min(1), value: secret }),
    ])
    .optional()
    .describe(
      'How we show who we are: `{type: basic, username, password}`, `{type: bearer, token}` or `{type: header, name, value}`; secrets as `{file: PATH}` or `{env: NAME}`',
    ),
  tls: tlsOptions,
} as const;

export type CommonSinkOptions = z.output<typeof commonOptions>;
export type HttpOptions = z.output<z.ZodObject<typeof httpOptions>>;
export type TlsOptions = z.output<typeof tlsOptions>;
