/**
 * The way rows have come: a Regression that takes rows from another one notes the other's origin in their metadata, behind those that are
 * there. Whoever finds itself on the way of a row that it is sent is part of a circle.
 */
import type { LogRecord } from '../record/log-record.ts';

/** Origins, from the first to the one that sent the row here, with commas between them. */
const pathType = 'regression.path';
const originForm = /^[\da-f]{1,64}$/;

/** The sender's origin; null when it is no Regression. */
export function originOf(header: string | readonly string[] | undefined): string | null {
  return typeof header === 'string' && originForm.test(header) ? header : null;
}

/** The records with `from` at the end of their ways; null when one of them has been at `own` before. */
export function withOrigin(records: readonly LogRecord[], from: string, own: string): readonly LogRecord[] | null {
  const passed: LogRecord[] = [];
  for (const record of records) {
    const before = record.metadata.find(([type]) => type === pathType)?.[1];
    const path = before === undefined ? from : `${before},${from}`;
    if (path.split(',').includes(own)) return null;
    const metadata = record.metadata.filter(([type]) => type !== pathType);
    passed.push({ ...record, metadata: [...metadata, [pathType, path]] });
  }
  return passed;
}
