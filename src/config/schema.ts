/**
 * The configuration: every option with its type, default, bounds and description in one expression. Types, error messages,
 * config/regression.yaml and docs/configuration.md are derived from it (see load.ts and describe.ts).
 */
import { z } from 'zod';
import { inputs } from '../inputs/registry.ts';
import { defaultDataDir } from './data-dir.ts';
import { besideOthers, entriesIn, refuseIncompleteTls, refuseOpenAddress, refuseSameNames } from './refinements.ts';
import { logFormats, logLevels } from '../runtime/log-levels.ts';
import { bytes, duration } from '../runtime/units.ts';
import { commonOptions } from '../sinks/options.ts';
import { sinks } from '../sinks/registry.ts';
import { tasks } from '../tasks/registry.ts';
import { type TransformConfig, transformSchemas } from '../transforms/registry.ts';

const MiB = 1024 * 1024;

type InputKinds = typeof inputs;
export type InputConfig = {
  [Type in keyof InputKinds]: { readonly type: Type } & z.output<InputKinds[Type]['options']>;
}[keyof InputKinds];

/** One schema per input kind, told apart by `type`. */
export const inputSchemas = Object.entries(inputs).map(([type, { options }]) =>
  z.strictObject({ type: z.literal(type), ...options.shape }),
);

const [firstInput, ...otherInputs] = inputSchemas;
if (firstInput === undefined) throw new Error('no inputs are registered');
const inputSchema = z.discriminatedUnion('type', [firstInput, ...otherInputs]) as unknown as z.ZodType<InputConfig>;

const [firstTransform, ...otherTransforms] = transformSchemas;
if (firstTransform === undefined) throw new Error('no transforms are registered');
const transformSchema = z.discriminatedUnion('type', [
  firstTransform,
  ...otherTransforms,
]) as unknown as z.ZodType<TransformConfig>;

type SinkKinds = typeof sinks;
export type SinkConfig = {
  [Type in keyof SinkKinds]: { readonly type: Type } & z.output<typeof commonOptions> &
    z.output<SinkKinds[Type]['options']>;
}[keyof SinkKinds];

/** One schema per sink kind, told apart by `type`. */
export const sinkSchemas = Object.entries(sinks).map(([type, { options }]) =>
  z.strictObject({ type: z.literal(type), ...options.shape, ...commonOptions.shape }),
);

const [firstSink, ...otherSinks] = sinkSchemas;
if (firstSink === undefined) throw new Error('no sinks are registered');
const sinkSchema = z.discriminatedUnion('type', [firstSink, ...otherSinks]) as unknown as z.ZodType<SinkConfig>;

/** ADDRESS:PORT */
const port = String.raw`(?:\d{1,4}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])`;
const address = String.raw`(?:\[[\da-fA-F:.]+\]|[^[\]:/]+):${port}`;
const addressPattern = new RegExp(`^${address}$`);

/** What is followed when no configuration says otherwise: the text logs of /var/log, and syslog on an unprivileged port. */
export const defaultInputs = [
  { type: 'file', include: ['/var/log/**/*.log', '/var/log/{syslog,messages,secure,maillog,cron}'] },
  { type: 'syslog', listen: 'udp://127.0.0.1:5514' },
];

export const configSchema = z.strictObject({
  data_dir: z
    .string()
    .min(1)
    .default(defaultDataDir)
    .describe('Directory of the database, the admin token and all state'),
  application: z
    .strictObject({
      name: z
        .string()
        .min(1)
        .optional()
        .describe('Application of entries that name none; else it is guessed from the path'),
      version: z.string().min(1).optional().describe('Its version: what `compare` tells releases apart by'),
      environment: z.string().min(1).optional().describe('Its environment, e.g. `production`'),
    })
    .prefault({})
    .describe('For entries and inputs that do not say'),
  inputs: z
    .array(inputSchema)
    .superRefine((inputs, context) => {
      for (const [index, { format, pattern }] of entriesIn(inputs)) {
        if (format !== 'regex' || pattern !== undefined) continue;
        context.addIssue({ code: 'custom', path: [index, 'pattern'], message: 'the format `regex` needs a pattern' });
      }
      refuseSameNames(
        entriesIn(inputs).map(([, { name }]) => name),
        'input',
        context,
      );
      refuseIncompleteTls(inputs, context);
    }, besideOthers)
    .prefault(defaultInputs as never)
    .describe('Where lines come from'),
  transforms: z
    .array(transformSchema)
    .default([])
    .describe('What is done with records before they are stored, in this order: each may keep, change or drop one'),
  sinks: z
    .array(sinkSchema)
    .superRefine((sinks, context) => {
      refuseSameNames(
        entriesIn(sinks).map(([, { name, type }]) => name ?? type),
        'sink',
        context,
      );
      for (const [index, { max_backlog: bound, when_full: whenFull, keep_severity: kept }] of entriesIn(sinks)) {
        if (whenFull === 'block' && bound === undefined) {
          context.addIssue({ code: 'custom', path: [index, 'when_full'], message: '`block` needs `max_backlog`' });
        }
        if (kept !== undefined && (bound === undefined || whenFull === 'block')) {
          const message = 'nothing is dropped here: it goes with `max_backlog` and a `when_full` that drops';
          context.addIssue({ code: 'custom', path: [index, 'keep_severity'], message });
        }
      }
    }, besideOthers)
    .default([])
    .describe('Where rows are forwarded to; each sink has a filter, a place and a pace of its own'),
  server: z
    .strictObject({
      listen: z
        .string()
        .regex(new RegExp(`^(?:unix:/.+|${address})$`), {
          error: 'expected ADDRESS:PORT, e.g. 127.0.0.1:8514, or unix:/PATH',
        })
        .default('127.0.0.1:8514')
        .describe('Address of the query endpoint, or `unix:/PATH`'),
      health_listen: z
        .string()
        .regex(addressPattern, { error: 'expected ADDRESS:PORT, e.g. 127.0.0.1:8515' })
        .optional()
        .describe(
          'Where a thread of its own answers `/health/live` and `/health/ready`, also while the main loop is stuck, e.g. 127.0.0.1:8515',
        ),
      allow_remote: z
        .boolean()
        .default(false)
        .describe('Permit an address that other hosts can reach without TLS; tokens and rows are not encrypted then'),
      tls: z
        .strictObject({
          cert: z.string().min(1).describe('PEM file: the certificate and its chain'),
          key: z.string().min(1).describe('PEM file: its private key'),
        })
        .optional()
        .describe('HTTPS; with it other hosts may reach the address'),
      socket_mode: z
        .string()
        .regex(/^0?[0-7]{3}$/, { error: "expected an octal mode, e.g. '0660'" })
        .default('0600')
        .describe('`unix:`: who may connect to the socket; a token is needed all the same'),
      allowed_hosts: z
        .array(z.string().min(1))
        .default([])
        .describe('Names accepted in the Host header beside loopback names and the listening address'),
      query_timeout: duration({ min: 100, max: 600_000 })
        .prefault('10s')
        .describe('A query that takes longer is ended'),
      max_ingest_bytes: bytes({ min: 1024, max: 256 * MiB })
        .prefault('16MiB')
        .describe('Longest body of a request that sends entries, also after decompression; more is answered with 413'),
      requests_per_second: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(500)
        .describe('Requests of one token, sustained; twice as many at once. Beyond it 429'),
      max_requests: z.int().min(1).max(10_000).default(128).describe('Requests worked on at once; beyond it 429'),
    })
    .superRefine(refuseOpenAddress, besideOthers)
    .prefault({})
    .describe('The query endpoint'),
  store: z
    .strictObject({
      durability: z
        .enum(['full', 'normal'])
        .default('full')
        .describe(
          '`full`: a row is on disk before its position moves; `normal`: a power cut may cost the last commits',
        ),
      queue_bytes: bytes({ min: MiB, max: 4096 * MiB })
        .prefault('16MiB')
        .describe('What is read but not yet committed, in memory; beyond it inputs wait'),
      batch_rows: z
        .int()
        .min(1)
        .max(50_000)
        .default(2000)
        .describe('Rows of a transaction under load; an import takes four times as many'),
      cache_bytes: bytes({ min: MiB, max: 1024 * MiB })
        .prefault('16MiB')
        .describe('Page cache of the writer, at most'),
      min_free: bytes({ min: 0 })
        .prefault('64MiB')
        .describe(
          'With less free than this on the disk, no rows are taken: what is left is for others. Of a small disk a twentieth at most',
        ),
    })
    .prefault({})
    .describe('The local database'),
  patterns: z
    .strictObject({
      enabled: z
        .boolean()
        .default(true)
        .describe(
          'Group messages into patterns as they are stored; without it `patterns`, `compare` and `digest` know nothing',
        ),
      max_patterns: z
        .int()
        .min(100)
        .max(100_000)
        .default(20_000)
        .describe('Patterns of all applications; what fits none of them is counted under `<anything>` then'),
      max_per_application: z.int().min(10).max(100_000).default(5000).describe('The same for one application'),
      keep: duration({ min: 3_600_000, max: 3650 * 86_400_000 })
        .prefault('90d')
        .describe('How long the counts of patterns are kept, also when the rows have gone'),
    })
    .prefault({})
    .describe('What the messages say'),
  tasks: z
    .strictObject({
      rotate: tasks.rotate.options.prefault({}).describe(tasks.rotate.summary),
      archive: tasks.archive.options.prefault({}).describe(tasks.archive.summary),
      backup: tasks.backup.options.prefault({}).describe(tasks.backup.summary),
      verify: tasks.verify.options.prefault({}).describe(tasks.verify.summary),
      prune: tasks.prune.options.prefault({}).describe(tasks.prune.summary),
    })
    .prefault({})
    .describe('What the daemon does to its files on a schedule'),
  log: z
    .strictObject({
      level: z.enum(logLevels).default('info').describe("Level of the daemon's own log, on standard error"),
      format: z
        .enum(logFormats)
        .default('auto')
        .describe(
          "`json`: a line each; `text`: for people. `auto`: text on a terminal and in systemd's journal, which also gets the severity of each; else JSON",
        ),
      rows: z
        .boolean()
        .default(false)
        .describe('Store its entries as well, as rows of the application `regression` with the source `log`'),
    })
    .prefault({})
    .describe("The daemon's own log"),
});

export type Config = z.output<typeof configSchema>;
