/** Reading the vector files, and the comparisons that more than one kind needs. */
import { readFileSync } from 'node:fs';
import type { Severity } from '../../src/record/severity.ts';

export interface Vector {
  readonly name: string;
  readonly kind: string;
  readonly [key: string]: unknown;
}

/** `run.ts FOLDER [KIND...]`: only kinds that begin with one of these. */
const only = process.argv.slice(3);

export function readVectors(path: string): Vector[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Vector)
    .filter((vector) => {
      const kind = path.includes('bad_input') ? `bad_${vector.kind}` : 'kind' in vector ? vector.kind : 'timestamps';
      return only.length === 0 || only.some((prefix) => kind.startsWith(prefix));
    });
}

/** Vectors without a year were made when nothing of them was far away; any wall clock does for month, day and time. */
export const options = { timezone: 'UTC', nowMs: () => Date.parse('2026-11-24T12:00:00Z') };

/** `2021-06-04T15:40:27.1384567Z` at our precision: microseconds, fixed width. */
export function atOurPrecision(instant: string): string {
  const [whole = '', fraction = ''] = instant.replace('Z', '').split('.');
  return `${whole}.${fraction.slice(0, 6).padEnd(6, '0')}Z`;
}

/** How the vectors' severity names stand on the scale of six. */
export const severityNames: Readonly<Record<string, Severity>> = {
  trace: 'TRACE', debug: 'DEBUG', info: 'INFO', notice: 'INFO', warning: 'WARN', error: 'ERROR',
  critical: 'FATAL', alert: 'FATAL', emergency: 'FATAL', fatal: 'FATAL',
}; // prettier-ignore

/** The first thing that differs, as `what: expected ..., got ...`. */
export function firstDifference(
  pairs: readonly (readonly [what: string, expected: unknown, actual: unknown])[],
): string | undefined {
  const [what, expected, actual] =
    pairs.find(([, wanted, got]) => JSON.stringify(wanted) !== JSON.stringify(got)) ?? [];
  return what === undefined
    ? undefined
    : `${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`;
}

/** Words of letters and digits: what must be found again wherever it has gone. */
export function wordsOf(text: string): Set<string> {
  return new Set(text.match(/[\p{L}\p{N}]+/gu) ?? []);
}
