/** Records of loggers, web servers and container runtimes, each through a command line of its own, with the format found by `auto`. */
import { join } from 'node:path';
import { type Row, parseByCommand } from './command.ts';
import type { Case } from './run.ts';
import { atOurPrecision, readVectors, severityNames, wordsOf } from './vectors.ts';

type Expected = Record<string, unknown>;

export function recordCases(folder: string): Promise<Case[]> {
  return Promise.all(
    readVectors(join(folder, 'records/records.jsonl')).map(async (vector) => {
      const { kind, name } = vector;
      const lines = vector['input_lines'] as string[];
      // Cases of a few characters are meant for the parser itself: see the data's README.
      const flags = kind.startsWith('logfmt') ? ['--format', 'logfmt'] : [];
      const { rows, exitCode } = await parseByCommand(Buffer.from(`${lines.join('\n')}\n`), flags);
      if (exitCode !== 0) return { kind, name, failure: `exit code ${exitCode}` };
      const records = (vector['expect'] as { records?: Expected[] } | undefined)?.records;
      if (records === undefined) return { kind, name, failure: isKept(lines, rows) };
      if (rows.length !== records.length) return { kind, name, failure: `${rows.length} rows, not ${records.length}` };
      const failures = records.map((record, index) => differenceFrom(record, rows[index]));
      return { kind, name, failure: failures.find((failure) => failure !== undefined) };
    }),
  );
}

/** What is not of its format is one row all the same, with all of its text. */
function isKept(lines: readonly string[], rows: readonly Row[]): string | undefined {
  if (rows.length !== lines.length) return `${rows.length} rows of ${lines.length} lines`;
  const kept = wordsOf(JSON.stringify(rows));
  const lost = [...wordsOf(lines.map(valuesOf).join(' '))].find((word) => !kept.has(word));
  return lost === undefined ? undefined : `lost ${lost}`;
}

/** Of JSON its values: a key that has a role is not repeated. */
function valuesOf(line: string): string {
  try {
    return leaves(JSON.parse(line)).join(' ');
  } catch {
    return line;
  }
}

function differenceFrom(expected: Expected, row: Row | undefined): string | undefined {
  if (row === undefined) return 'no row';
  const wanted = (key: string): unknown[] | undefined =>
    key in expected ? [expected[key]] : (expected[`${key}_any`] as unknown[] | undefined);
  const isOneOf = (accepted: unknown[] | undefined, actual: string | undefined): boolean =>
    accepted === undefined || accepted.some((value) => (value === null ? !actual : String(value) === actual));
  const times = wanted('timestamp')?.map((time) => (time === null ? null : atOurPrecision(String(time))));
  const time = row.metadata['timestamp_origin'] === 'observed' ? undefined : row.timestamp;
  if (!isOneOf(times, time)) return `timestamp ${row.timestamp}`;
  const noYear = expected['timestamp_noyear'];
  if (noYear !== undefined && !row.timestamp.slice(5).startsWith(String(noYear))) return `timestamp ${row.timestamp}`;
  const severities = wanted('severity')?.map((name) => severityNames[String(name)] ?? 'INFO');
  if (!isOneOf(severities, row.severity)) return `severity ${row.severity}`;
  const application = row.application === 'stdin' ? undefined : row.application;
  if (!isOneOf(wanted('application'), application)) return `application ${row.application}`;
  if (!isOneOf(wanted('message'), row.message)) return `message ${JSON.stringify(row.message)}`;
  const prefix = expected['message_prefix'];
  if (prefix !== undefined && !row.message.includes(String(prefix))) return `message ${JSON.stringify(row.message)}`;
  return lostField(expected, row) ?? lostPair(expected, row);
}

function lostField(expected: Expected, row: Row): string | undefined {
  const { metadata, application, message, environment, version } = row;
  const values = new Set([...Object.values(metadata), application, message, environment ?? '', version ?? '']);
  const numbers = new Set([...values].filter((value) => value !== '').map(Number));
  const lost = leaves(expected['fields']).find(
    (value) => value !== '' && !values.has(value) && !(Number.isFinite(Number(value)) && numbers.has(Number(value))),
  );
  return lost === undefined ? undefined : `lost field value ${JSON.stringify(lost)}`;
}

function lostPair(expected: Expected, { metadata, message, severity, timestamp }: Row): string | undefined {
  const pairs = (expected['pairs'] as [string, string | null][] | undefined) ?? [];
  const read = [...Object.entries(metadata).flat(), message, severity, timestamp].join('\u0000').toLowerCase();
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
