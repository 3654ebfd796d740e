/**
 * Rows as this program prints them, one a line: `regression export`, `logs --json`, archives in NDJSON. An object that is none, by its very
 * keys, is left to `json`.
 *
 * What an entry cannot say, of which source it was and under which id, becomes metadata.
 */
import { withUniqueKeys } from '../record/unique-keys.ts';
import { severities } from '../record/severity.ts';
import { type TimestampContext, parseTimestamp } from '../record/timestamp.ts';
import { messageOf } from '../runtime/errors.ts';
import type { LogRow } from '../search/request.ts';
import type { ParseResult, ParserKind } from './parser.ts';

const keys = 'id timestamp severity application version environment source message metadata';

export const rows: ParserKind = {
  description: 'rows as `regression export` and archives in NDJSON have them',
  likelihood: (text) => (text.startsWith('{"id":') && text.endsWith('}}') ? 1 : 0),
  isSingleLine: true,
  create: (options) => ({ parse: (text) => parse(text, options) }),
};

function parse(text: string, context: TimestampContext): ParseResult {
  let row: unknown;
  try {
    row = JSON.parse(text);
  } catch (error) {
    return { ok: false, reason: messageOf(error) };
  }
  if (!isRow(row, context)) return { ok: false, reason: 'not a row of this program' };
  const { id, timestamp, severity, application, version, environment, source, message } = row;
  const metadata = [...Object.entries(row.metadata), ['source', source] as const, ['id', String(id)] as const];
  return {
    ok: true,
    entry: {
      timestamp,
      severity,
      applicationName: application,
      applicationVersion: version ?? undefined,
      environment: environment ?? undefined,
      message,
      metadata: withUniqueKeys(metadata),
    },
  };
}

function isRow(value: unknown, context: TimestampContext): value is LogRow {
  if (typeof value !== 'object' || value === null || Object.keys(value).join(' ') !== keys) return false;
  const row = value as Readonly<Record<keyof LogRow, unknown>>;
  const isText = (text: unknown): boolean => typeof text === 'string';
  return (
    Number.isSafeInteger(row.id) &&
    isText(row.timestamp) &&
    parseTimestamp(row.timestamp as string, context) === row.timestamp &&
    (severities as readonly unknown[]).includes(row.severity) &&
    [row.application, row.source, row.message].every(isText) &&
    [row.version, row.environment].every((text) => text === null || isText(text)) &&
    typeof row.metadata === 'object' &&
    row.metadata !== null &&
    Object.values(row.metadata).every(isText)
  );
}
