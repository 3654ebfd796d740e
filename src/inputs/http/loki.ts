/**
 * Reads the body of Loki's push API in JSON: streams of labels, each with `[nanoseconds, line, structured metadata?]`
 * (grafana.com/docs/loki, "Ingest logs").
 *
 * The line is read like a file's: JSON, logfmt and the rest say their severity and fields. What the stream says goes first: its time,
 * its level; labels that name the application do; all other labels are metadata.
 */
import { createParser } from '../../parsers/registry.ts';
import type { Entry, Parser, ParserOptions } from '../../parsers/parser.ts';
import { severityOfWord } from '../../record/severity.ts';
import { messageOf } from '../../runtime/errors.ts';
import { timestampOfNanos } from './otlp.ts';
import {
  type Posted,
  type PostedEntry,
  type ReadEntry,
  type Rejected,
  UnreadableBody,
  maxEntryBytes,
} from './posted.ts';

const applicationLabels = ['service_name', 'app', 'application', 'service', 'job'];
const versionLabels = ['service_version', 'version'];
const environmentLabels = ['deployment_environment', 'environment', 'env'];
const levelLabels = ['level', 'severity', 'detected_level'];

type Labels = ReadonlyMap<string, string>;

/** @throws UnreadableBody when the body is not `{"streams":[{"stream":{...},"values":[...]}]}`. */
export function readLokiPush(body: string, options: ParserOptions): Posted {
  const entries: PostedEntry[] = [];
  const rejected: Rejected[] = [];
  let index = 0;
  for (const { labels, values } of streamsIn(body)) {
    const parser = createParser('auto', options); // one a stream: a stream has one format
    for (const value of values) {
      const entry = readValue(value, labels, parser);
      if (typeof entry === 'string') rejected.push({ index, reason: entry });
      else entries.push({ index, ...entry });
      index++;
    }
  }
  return { entries, rejected };
}

function streamsIn(body: string): { labels: Labels; values: readonly unknown[] }[] {
  let request: unknown;
  try {
    request = JSON.parse(body);
  } catch (error) {
    throw new UnreadableBody(`not JSON: ${messageOf(error)}`);
  }
  const { streams } = (request ?? {}) as { streams?: unknown };
  if (!Array.isArray(streams)) throw new UnreadableBody('streams: expected a list');
  return (streams as unknown[]).map((stream, place) => {
    const { stream: labels, values } = (stream ?? {}) as { stream?: unknown; values?: unknown };
    if (!Array.isArray(values)) throw new UnreadableBody(`streams[${place}].values: expected a list`);
    const read = labelsOf(labels);
    if (typeof read === 'string') throw new UnreadableBody(`streams[${place}].stream: ${read}`);
    return { labels: read, values: values as unknown[] };
  });
}

function shown(value: unknown): string {
  return typeof value === 'object' && value !== null
    ? 'a list or an object'
    : JSON.stringify(value ?? null).slice(0, 40);
}

/** The labels, or why they are none. */
function labelsOf(value: unknown): Labels | string {
  const pairs = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  try {
    return new Map(pairs.map(([key, one]) => [key, typeof one === 'string' ? one : JSON.stringify(one)]));
  } catch {
    return 'a value is nested too deep'; // to be written as text again: a RangeError
  }
}

function readValue(value: unknown, labels: Labels, parser: Parser): ReadEntry | string {
  if (!Array.isArray(value)) return 'expected [time, line]';
  const [nanos, line, structured] = value as unknown[];
  if (typeof line !== 'string') return 'the line is not text';
  if (line.length > maxEntryBytes) return `longer than ${maxEntryBytes} bytes`;
  const timestamp = typeof nanos === 'string' ? timestampOfNanos(nanos) : null;
  if (timestamp === null) return `the time is not nanoseconds since 1970 as text: ${shown(nanos)}`;
  const result = parser.parse(line);
  const entry: Entry = result.ok ? result.entry : { message: line, metadata: [] };
  const ofEntry = labelsOf(structured);
  if (typeof ofEntry === 'string') return ofEntry;
  const said = new Map([...labels, ...ofEntry]);
  const take = (keys: readonly string[]): string | undefined => {
    const key = keys.find((name) => said.get(name));
    const found = key === undefined ? undefined : said.get(key);
    if (key !== undefined) said.delete(key);
    return found;
  };
  const level = levelLabels.find((name) => severityOfWord(said.get(name) ?? '') !== null);
  const severity = level === undefined ? null : severityOfWord(said.get(level) ?? '');
  if (level !== undefined) said.delete(level);
  const applicationName = take(applicationLabels) ?? entry.applicationName;
  const applicationVersion = take(versionLabels) ?? entry.applicationVersion;
  const environment = take(environmentLabels) ?? entry.environment;
  const metadata = new Map(entry.metadata);
  if (severity?.text !== undefined) metadata.set('severity_text', severity.text);
  for (const [key, label] of said) metadata.set(key, label);
  return {
    entry: {
      timestamp,
      severity: severity?.severity ?? entry.severity,
      applicationName,
      applicationVersion,
      environment,
      message: entry.message,
      metadata: [...metadata],
    },
    source: labels.get('filename'),
  };
}
