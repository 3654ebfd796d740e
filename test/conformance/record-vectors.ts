import { join } from 'node:path';
import { createParser } from '../../src/parsers/registry.ts';
import type { Entry } from '../../src/parsers/parser.ts';
import type { Case } from './run.ts';
import { atOurPrecision, options, readVectors, severityNames } from './vectors.ts';

type Expected = Record<string, unknown>;

/** Kinds whose parsers come later (access logs, CRI, Docker, klog) are counted, not checked. */
const supported = /^(?:json_|logfmt)/;

export function recordCases(folder: string): Case[] {
  return readVectors(join(folder, 'records/records.jsonl')).map(({ kind, name, input_lines: lines, expect }) => {
    if (!supported.test(kind)) return { kind, name, failure: null };
    const parser = createParser(kind.startsWith('logfmt') ? 'logfmt' : 'auto', options);
    const entries = (lines as string[]).map((line) => {
      const result = parser.parse(line);
      return result.ok ? result.entry : { message: line, metadata: [] };
    });
    const records = (expect as { records?: Expected[] } | undefined)?.records;
    if (records === undefined) return { kind, name, failure: undefined }; // invalid input: not throwing was the test
    if (entries.length !== records.length) return { kind, name, failure: `${entries.length} entries` };
    const failures = records.map((record, index) =>
      differenceFrom(record, entries[index] ?? { message: '', metadata: [] }),
    );
    return { kind, name, failure: failures.find((failure) => failure !== undefined) };
  });
}

function differenceFrom(expected: Expected, entry: Entry): string | undefined {
  const wanted = (key: string): unknown[] | undefined =>
    key in expected ? [expected[key]] : (expected[`${key}_any`] as unknown[] | undefined);
  const isOneOf = (accepted: unknown[] | undefined, actual: string | undefined): boolean =>
    accepted === undefined || accepted.some((value) => (value === null ? !actual : String(value) === actual));
  const times = wanted('timestamp')?.map((time) => atOurPrecision(String(time)));
  if (!isOneOf(times, entry.timestamp)) return `timestamp ${entry.timestamp}`;
  const severities = wanted('severity')?.map((name) => severityNames[String(name)]);
  if (!isOneOf(severities, entry.severity ?? 'INFO')) return `severity ${entry.severity}`;
  if (!isOneOf(wanted('application'), entry.applicationName)) return `application ${entry.applicationName}`;
  if (!isOneOf(wanted('message'), entry.message)) return `message ${JSON.stringify(entry.message)}`;
  const values = new Set([
    ...entry.metadata.map(([, value]) => value),
    entry.applicationName,
    entry.message,
    entry.environment,
    entry.applicationVersion,
  ]);
  const lost = leaves(expected['fields']).find((value) => value !== '' && !values.has(value));
  if (lost !== undefined) return `lost field value ${JSON.stringify(lost)}`;
  const pairs = (expected['pairs'] as [string, string | null][] | undefined) ?? [];
  const read = [...entry.metadata.flat(), entry.message, entry.severity?.toLowerCase(), entry.timestamp]
    .join('\u0000')
    .toLowerCase();
  const missing = pairs.find(
    ([, value]) => value !== null && !read.includes(value.replace(/\.\d+Z$/, '').toLowerCase()),
  );
  return missing === undefined ? undefined : `lost pair ${JSON.stringify(missing)}`;
}

/** The scalar values of a field tree; lists count as one value, JSON text. */
function leaves(value: unknown): string[] {
  if (value === undefined || value === null) return [''];
  if (Array.isArray(value)) return [JSON.stringify(value)];
  return typeof value === 'object' ? Object.values(value).flatMap(leaves) : [String(value)];
}
