/**
 * Makes the record of an entry: what the entry says, completed by what is known of its source.
 */
import type { Line, SourceDescription } from '../inputs/input.ts';
import type { ParseResult } from '../parsers/parser.ts';
import type { Application, LogRecord, Metadata } from '../record/log-record.ts';

/** The configuration's `application`: for entries and inputs that do not say. */
export interface ApplicationDefaults {
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  readonly environment?: string | undefined;
}

/**
 * Name, version and environment fall back one by one: entry, input, configuration; the name at last to the source's hint.
 * An entry that was not of its format keeps its whole text as the message.
 *
 * @param observedAt the time of reading, `LogRecord.timestamp` form; it dates entries that carry no time, and such rows
 * say so with metadata `timestamp_origin` = `observed`.
 */
export function recordOf(
  line: Line,
  result: ParseResult,
  source: SourceDescription,
  defaults: ApplicationDefaults,
  observedAt: string,
): LogRecord {
  const entry = result.ok ? result.entry : { message: line.text, metadata: [] };
  const application: Application = {
    name: entry.applicationName || source.application?.name || defaults.name || source.applicationHint,
    version: entry.applicationVersion ?? source.application?.version ?? defaults.version ?? null,
    environment: entry.environment ?? source.application?.environment ?? defaults.environment ?? null,
  };
  let metadata: Metadata = entry.metadata;
  if (line.metadata !== undefined) metadata = [...metadata, ...line.metadata];
  if (entry.timestamp === undefined) metadata = [...metadata, ['timestamp_origin', 'observed']];
  return {
    timestamp: entry.timestamp ?? observedAt,
    severity: entry.severity ?? 'INFO',
    application,
    source: source.source,
    message: entry.message,
    metadata,
  };
}
