/**
 * Makes the record of an entry: what the entry says, completed by what is known of its source.
 */
import type { SourceDescription } from '../inputs/input.ts';
import type { ParseResult } from '../parsers/parser.ts';
import type { Application, LogRecord, Metadata } from '../record/log-record.ts';
import { Remembered } from '../record/remembered.ts';
import { withUniqueKeys } from '../record/unique-keys.ts';
import type { FramedEntry } from './framing/framer.ts';

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
 * The entry's own time comes before its envelope's (the container runtime's, metadata `envelope_time` then).
 *
 * @param text what was parsed.
 * @param observedAt the time of reading, `LogRecord.timestamp` form; it dates entries that carry no time, and such rows
 * say so with metadata `timestamp_origin` = `observed`.
 */
export function recordOf(
  framed: Pick<FramedEntry, 'timestamp' | 'metadata'>,
  text: string,
  result: ParseResult,
  source: SourceDescription,
  defaults: ApplicationDefaults,
  observedAt: string,
): LogRecord {
  const entry = result.ok ? result.entry : { message: text, metadata: [] };
  const application = applicationOf(
    entry.applicationName || source.application?.name || defaults.name || source.applicationHint,
    entry.applicationVersion ?? source.application?.version ?? defaults.version ?? null,
    entry.environment ?? source.application?.environment ?? defaults.environment ?? null,
  );
  return {
    timestamp: entry.timestamp ?? framed.timestamp ?? observedAt,
    severity: entry.severity ?? 'INFO',
    application,
    source: source.source,
    message: entry.message,
    metadata: metadataOf(entry.metadata, entry.timestamp, framed),
  };
}

/** By name, the release that was met last. */
const lastReleases = new Remembered((name): { release: Application } => ({
  release: { name, version: null, environment: null },
}));

/** Rows of one release share it. */
function applicationOf(name: string, version: string | null, environment: string | null): Application {
  const last = lastReleases.of(name);
  if (last.release.version !== version || last.release.environment !== environment) {
    last.release = { name: last.release.name, version, environment };
  }
  return last.release;
}

function metadataOf(
  ofEntry: Metadata,
  timestamp: string | undefined,
  framed: Pick<FramedEntry, 'timestamp' | 'metadata'>,
): Metadata {
  if (framed.metadata === undefined && framed.timestamp === undefined) {
    return timestamp === undefined ? [...ofEntry, ['timestamp_origin', 'observed']] : ofEntry;
  }
  const metadata: (readonly [string, string])[] = [...ofEntry, ...(framed.metadata ?? [])];
  if (framed.timestamp !== undefined && timestamp !== undefined) metadata.push(['envelope_time', framed.timestamp]);
  if (framed.timestamp === undefined && timestamp === undefined) metadata.push(['timestamp_origin', 'observed']);
  return withUniqueKeys(metadata);
}
