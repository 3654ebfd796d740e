/**
 * Rows as JSON, CSV (RFC 4180) or text for people, whole or only some fields of them. The endpoint and the command line print
 * with it; rows asked for whole as JSON never come here, they leave the store as text.
 */
import { RegressionError } from '../runtime/errors.ts';
import type { LogRow } from '../search/request.ts';
import { printable, rowText } from './row-text.ts';

export const rowFormats = ['json', 'ndjson', 'csv', 'text'] as const;

const columns = [
  'id',
  'timestamp',
  'severity',
  'application',
  'version',
  'environment',
  'source',
  'message',
  'metadata',
] as const;

/** Names of columns and metadata keys, in the order wanted; a key named like a column is written `meta.<key>`. */
export type Fields = readonly string[];

const maxFields = 100;

/** @throws RegressionError `QUERY_INVALID` for an empty list, or one with a name twice. */
export function readFields(text: string): Fields {
  const fields = text.split(',').map((name) => name.trim());
  if (fields.length > maxFields || new Set(fields).size < fields.length || fields.includes('')) {
    throw new RegressionError('QUERY_INVALID', `fields: ${JSON.stringify(text)} is no list of names`, {
      hint: `At most ${maxFields}, each once: timestamp,severity,message,userId`,
    });
  }
  return fields;
}

/** JSON text of a row's fields, in their order; what a row does not have is null. */
export function fieldsJson(row: LogRow, fields: Fields): string {
  // Written by hand: an object would take a key named `__proto__` for something else, and put numbers first.
  const members = fields.map((name) => `${JSON.stringify(name)}:${JSON.stringify(valueOf(row, name))}`);
  return `{${members.join(',')}}`;
}

/** With a header line. Lines end in CRLF; metadata as a whole is a cell of JSON text. */
export function csvOf(rows: readonly LogRow[], fields: Fields = columns): string {
  return csvHeader(fields) + rows.map((row) => csvLine(row, fields)).join('');
}

export function csvHeader(fields: Fields = columns): string {
  return `${fields.map(csvCell).join(',')}\r\n`;
}

export function csvLine(row: LogRow, fields: Fields = columns): string {
  const cells = fields.map((name) => {
    const value = valueOf(row, name);
    return csvCell(typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? ''));
  });
  return `${cells.join(',')}\r\n`;
}

/** One line a row; with `fields` their values alone, separated by tabs. */
export function textLine(row: LogRow, fields: Fields | undefined, isColoured: boolean): string {
  if (fields === undefined) return `${rowText(row, isColoured)}\n`;
  const values = fields.map((name) => {
    const value = valueOf(row, name);
    return printable(typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? ''));
  });
  return `${values.join('\t')}\n`;
}

function valueOf(row: LogRow, name: string): string | number | object | null {
  if ((columns as readonly string[]).includes(name)) return row[name as keyof LogRow];
  const key = name.startsWith('meta.') ? name.slice(5) : name;
  return Object.hasOwn(row.metadata, key) ? (row.metadata[key] ?? null) : null;
}

export function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
