/**
 * The cases of `regression test`: read from YAML, run through the very framing, parsers and transforms of the daemon, compared with what is
 * expected. Only what a case names is compared, but there must be as many records as it expects.
 */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Config, InputConfig } from '../config/schema.ts';
import { problemsOf } from '../config/problems.ts';
import { placeText, readYamlText } from '../config/yaml-text.ts';
import { fileSourceOf } from '../inputs/file/file-work.ts';
import { FileGlobs } from '../inputs/file/glob.ts';
import { LineSplitter } from '../inputs/file/line-splitter.ts';
import type { Line, SourceDescription } from '../inputs/input.ts';
import { syslogSourceOf } from '../inputs/syslog/syslog-input.ts';
import { createFormat } from '../parsers/registry.ts';
import { RecordReader } from '../pipeline/record-reader.ts';
import type { LogRecord } from '../record/log-record.ts';
import { severities } from '../record/severity.ts';
import { systemClock } from '../runtime/clock.ts';
import { RegressionError } from '../runtime/errors.ts';
import { LinearPattern } from '../runtime/linear-pattern.ts';
import { pattern } from '../runtime/pattern-schema.ts';
import { transformsOf } from '../transforms/registry.ts';

/** The text itself, or a pattern found in it. */
const textSchema = z.union([z.string(), z.strictObject({ matches: pattern() })]);
const maybeTextSchema = textSchema.nullable();

const expectationSchema = z.strictObject({
  timestamp: textSchema.optional(),
  severity: z.enum(severities).optional(),
  application: textSchema.optional(),
  version: maybeTextSchema.optional(),
  environment: maybeTextSchema.optional(),
  source: textSchema.optional(),
  message: textSchema.optional(),
  /** Null: there must be no such key. */
  metadata: z.record(z.string(), maybeTextSchema).optional(),
});

const caseSchema = z.strictObject({
  name: z.string().min(1),
  /** Whose input reads it: a path that an input's globs match, or a listening address. */
  source: z.string().min(1),
  /** When the lines are read: for timestamps without a year, and entries without a timestamp. */
  now: z.iso.datetime({ offset: true, error: 'expected a time like 2026-11-24T03:00:00Z' }).optional(),
  lines: z.array(z.string()).min(1),
  expect: z.array(expectationSchema),
});

const fileSchema = z.strictObject({ cases: z.array(caseSchema).min(1) });

type Expectation = z.output<typeof expectationSchema>;
export type Case = z.output<typeof caseSchema> & {
  /** `cases.yaml:12` */
  readonly place: string;
};

export interface Difference {
  /** `record 2, metadata.order` */
  readonly where: string;
  /** Null: nothing. */
  readonly expected: string | null;
  readonly got: string | null;
}

export interface CaseOutcome {
  readonly name: string;
  readonly place: string;
  readonly differences: readonly Difference[];
}

/** @throws RegressionError `CONFIG_INVALID`, every problem of the file with its place. */
export async function readCases(path: string): Promise<Case[]> {
  const { value, broken, lineOf } = await readYamlText(path, 'FILE_UNREADABLE');
  const placeOf = (keys: readonly PropertyKey[]): string => placeText(path, lineOf(keys));
  const result = fileSchema.safeParse(value);
  if (result.success) {
    return result.data.cases.map((given, index) => ({ ...given, place: placeOf(['cases', index]) }));
  }
  const problems =
    broken.length > 0
      ? broken.map(({ line, message }) => `${placeText(path, line)}: ${message}`)
      : problemsOf(result.error.issues, value, fileSchema).map(
          ({ keys, path: named, message }) => `${placeOf(keys)}: ${named === '' ? 'the file' : named}: ${message}`,
        );
  throw new RegressionError('CONFIG_INVALID', problems.join('\n'), {
    hint: 'A case has name, source, lines and expect; docs/operations.md has an example.',
  });
}

/** Transforms begin anew with each case: a rate or a sample does not go over from one to the next. */
export function runCase(given: Case, config: Config): CaseOutcome {
  const { name, place, expect, now } = given;
  const input = inputOf(given, config.inputs);
  if (input === null) {
    const where = `source: no input of the configuration reads ${given.source}`;
    return { name, place, differences: [{ where, expected: 'an input that reads it', got: null }] };
  }
  const nowMs = now === undefined ? null : Date.parse(now);
  const clock = { ...systemClock, nowMs: () => nowMs ?? Date.now() };
  const transform = transformsOf(config.transforms, clock, () => undefined);
  const reader = new RecordReader({ source: input.source, createFormat, defaults: config.application, clock });
  reader.push(input.lines);
  reader.closeAll();
  const records = reader
    .take()
    .map(({ record }) => transform(record))
    .filter((record) => record !== null);
  return { name, place, differences: differencesOf(expect, records) };
}

/** The first input that would read the source, and the lines as it would hand them on. */
function inputOf(
  { source, lines }: Case,
  inputs: readonly InputConfig[],
): { readonly source: SourceDescription; readonly lines: readonly Line[] } | null {
  for (const input of inputs) {
    if (input.type === 'file' && new FileGlobs(input.include, input.exclude).matches(source)) {
      const splitter = new LineSplitter(input.max_line_bytes, 0);
      const split = splitter.push(Buffer.from(lines.map((line) => `${line}\n`).join('')));
      return { source: fileSourceOf(input, source), lines: split };
    }
    if (input.type === 'syslog' && input.listen === source) {
      return { source: syslogSourceOf(input), lines: lines.map((text) => ({ text, endOffset: 0 })) };
    }
  }
  return null;
}

function differencesOf(expected: readonly Expectation[], records: readonly LogRecord[]): Difference[] {
  return Array.from({ length: Math.max(expected.length, records.length) }, (_, index) => {
    const where = `record ${index + 1}`;
    const [expectation, record] = [expected[index], records[index]];
    if (record === undefined) return [{ where, expected: JSON.stringify(expectation), got: null }];
    if (expectation === undefined) return [{ where, expected: null, got: recordText(record) }];
    return fieldDifferences(where, expectation, record);
  }).flat();
}

function fieldDifferences(where: string, { metadata = {}, ...fields }: Expectation, record: LogRecord): Difference[] {
  const { metadata: gotMetadata, ...got } = flat(record);
  const compared = [
    ...Object.entries(fields).map(([name, wanted]) => [name, wanted, got[name as keyof typeof got]] as const),
    ...Object.entries(metadata).map(([key, wanted]) => [`metadata.${key}`, wanted, gotMetadata.get(key)] as const),
  ];
  return compared.flatMap(([name, wanted, value = null]) =>
    isMet(wanted, value)
      ? []
      : [
          {
            where: `${where}, ${name}`,
            expected: wantedText(wanted),
            got: value === null ? null : JSON.stringify(value),
          },
        ],
  );
}

type Wanted = z.output<typeof maybeTextSchema> | undefined;

function isMet(wanted: Wanted, value: string | null): boolean {
  if (wanted === undefined) return true;
  if (wanted === null || typeof wanted === 'string') return isDeepStrictEqual(wanted, value);
  return value !== null && new LinearPattern(wanted.matches).test(value);
}

function wantedText(wanted: Wanted): string | null {
  if (wanted === undefined || wanted === null) return null;
  return typeof wanted === 'string' ? JSON.stringify(wanted) : `something that matches ${wanted.matches}`;
}

function recordText(record: LogRecord): string {
  const { metadata, ...fields } = flat(record);
  return JSON.stringify({ ...fields, metadata: Object.fromEntries(metadata) });
}

/** As the API names a row's fields. */
function flat({ timestamp, severity, application, source, message, metadata }: LogRecord) {
  const { name, version, environment } = application;
  return { timestamp, severity, application: name, version, environment, source, message, metadata: new Map(metadata) };
}
