/**
 * Makes an entry of named fields, for the structured formats: finds which of them say the time, the severity, the message and
 * the application, in the names the common loggers use; every other field is metadata.
 *
 * Names: pino, bunyan, winston, zap, logrus, zerolog, log/slog, Serilog compact (`@t @mt @l`), log4j2 JsonLayout, Logstash
 * (`@timestamp`), Elastic Common Schema, python-json-logger, Google Cloud structured logging, journald export
 * (`__REALTIME_TIMESTAMP PRIORITY`), MongoDB 4.4+ (`t s msg`), HashiCorp (`@level`), OpenTelemetry, .NET JSON console.
 */
import type { Metadata } from '../record/log-record.ts';
import { type ReadSeverity, severityOfNumber, severityOfOtlpNumber, severityOfWord } from '../record/severity.ts';
import { type TimestampContext, parseTimestamp, timestampOfEpoch } from '../record/timestamp.ts';
import type { Entry } from './parser.ts';

type Role = 'time' | 'severity' | 'message' | 'application' | 'version' | 'environment' | 'name';

/** Keys of each role, the most telling first: where an entry has several, the first takes the role and the others are metadata. */
// oxfmt-ignore
const keysOfRoles: Readonly<Record<Role, readonly string[]>> = {
  time: [
    '@timestamp', 'timestamp', 'time', 'ts', '@t', 't.$date', 'Timestamp', 'datetime', 'timeMillis', '__REALTIME_TIMESTAMP', 'timeUnixNano',
    'asctime', 'eventTime', 'date', 't',
  ],
  severity: [
    'level', 'severity', 'log.level', 'levelname', 'level_name', 'loglevel', 'LogLevel', 'Level', '@l', '@level', 'lvl', 'severityText', 'severity_text',
    'PRIORITY', 'severityNumber', 'severity_number', 's',
  ],
  message: ['msg', 'message', '@m', '@message', 'Message', 'MESSAGE', '@mt', 'short_message', 'textPayload', 'body', 'body.stringValue', 'event'],
  application: ['service.name', 'service', 'app', 'application', 'SYSLOG_IDENTIFIER'],
  version: ['service.version', 'app_version', 'appVersion', 'version'],
  environment: ['service.environment', 'deployment.environment.name', 'deployment.environment', 'environment', 'env'],
  /** The application in pino and bunyan, which write numeric levels; a plain field elsewhere. */
  name: ['name'],
};

interface Place {
  readonly role: Role;
  readonly rank: number;
}

const places = new Map<string, Place>(
  Object.entries(keysOfRoles).flatMap(([role, keys]) => keys.map((key, rank) => [key, { role: role as Role, rank }])),
);

export type Scalar = string | number | boolean | null;

interface Candidate {
  readonly key: string;
  readonly value: Scalar;
  readonly rank: number;
}

export class EntryFields {
  readonly #context: TimestampContext;
  readonly #candidates: Partial<Record<Role, Candidate>> = {};
  readonly #metadata: [string, string][] = [];

  constructor(context: TimestampContext) {
    this.#context = context;
  }

  get count(): number {
    return this.#metadata.length;
  }

  add(key: string, value: Scalar): void {
    const place = places.get(key);
    if (place === undefined) {
      this.#metadata.push([key, textOf(value)]);
      return;
    }
    const { role, rank } = place;
    const held = this.#candidates[role];
    if (held !== undefined && held.rank <= rank) {
      this.addMetadata(key, value);
      return;
    }
    if (held !== undefined) this.addMetadata(held.key, held.value);
    this.#candidates[role] = { key, value, rank };
  }

  /** A field that has no role whatever its name. */
  addMetadata(key: string, value: Scalar): void {
    this.#metadata.push([key, textOf(value)]);
  }

  /** @param fallbackMessage the message of an entry that names none. */
  toEntry(fallbackMessage: string): Entry {
    const severity = this.#take('severity', ({ key, value }) => readSeverity(key, value));
    if (severity?.text !== undefined) this.#metadata.push(['severity_text', severity.text]);
    const hasNumericLevel = typeof this.#candidates.severity?.value === 'number';
    const timestamp = this.#take('time', ({ value }) => readTime(value, this.#context));
    const message = this.#take('message', ({ value }) => textOf(value));
    const name = this.#take('name', ({ value }) => (hasNumericLevel ? nameOf(value) : null));
    const applicationName = this.#take('application', ({ value }) => nameOf(value));
    // An entry that names a service and a logger: the service is the application.
    if (name !== null && applicationName !== null) this.#metadata.push(['name', name]);
    return {
      timestamp: timestamp ?? undefined,
      severity: severity?.severity,
      applicationName: applicationName ?? name ?? undefined,
      applicationVersion: this.#take('version', ({ value }) => releaseOf(value)) ?? undefined,
      environment: this.#take('environment', ({ value }) => nameOf(value)) ?? undefined,
      message: message ?? fallbackMessage,
      metadata: this.#metadata satisfies Metadata,
    };
  }

  /** What `read` makes of the role's candidate; a candidate it makes nothing of is metadata like any other. */
  #take<Result>(role: Role, read: (candidate: Candidate) => Result | null): Result | null {
    const candidate = this.#candidates[role];
    if (candidate === undefined) return null;
    const result = read(candidate);
    if (result === null) this.addMetadata(candidate.key, candidate.value);
    return result;
  }
}

/** How a value is stored: text as it is, everything else as JSON writes it; null as empty text. */
export function textOf(value: Scalar): string {
  return typeof value === 'string' ? value : value === null ? '' : String(value);
}

function readSeverity(key: string, value: Scalar): ReadSeverity | null {
  if (typeof value === 'string' && !/^\d+$/.test(value)) return severityOfWord(value.trim());
  if (typeof value === 'boolean' || value === null) return null;
  const level = Number(value);
  return key === 'severityNumber' || key === 'severity_number' ? severityOfOtlpNumber(level) : severityOfNumber(level);
}

function readTime(value: Scalar, context: TimestampContext): string | null {
  if (typeof value === 'string') return parseTimestamp(value, context) ?? timestampOfEpoch(value);
  return typeof value === 'number' ? timestampOfEpoch(value) : null;
}

function nameOf(value: Scalar): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** A release name, not prose: Prometheus writes `version="(version=2.27.1, branch=HEAD)"`. */
function releaseOf(value: Scalar): string | null {
  return typeof value === 'string' && /^v?\d+(?:\.\d+)+[\w.+-]*$/.test(value) ? value : null;
}
