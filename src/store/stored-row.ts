/** The row that a record becomes, made without asking the store: live tail shows it the moment it is committed. */
import type { LogRecord } from '../record/log-record.ts';
import type { LogRow } from '../search/request.ts';
import { cleanText, storedMetadata } from './batch-encoding.ts';

export function storedRow(
  { timestamp, severity, application, source, message, metadata }: LogRecord,
  id: number,
): LogRow {
  const { name, version, environment } = application;
  const clean = cleanText(message);
  return {
    id,
    timestamp,
    severity,
    application: cleanText(name),
    version: version === null ? null : cleanText(version),
    environment: environment === null ? null : cleanText(environment),
    source: cleanText(source),
    message: clean,
    // fromEntries defines, it does not assign: `__proto__` is a key like any other
    metadata: Object.fromEntries(storedMetadata(metadata, clean !== message)),
  };
}
