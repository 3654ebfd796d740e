/**
 * Makes an entry of named fields, for the structured formats: finds which of them say the time, the severity, the message and
 * the application, in the names the common loggers use; every other field is metadata.
 *
 * Names: pino, bunyan, winston, zap, logrus, zerolog, log/slog, Serilog compact (`@t @mt @l`), log4j2 JsonLayout, Logstash
 * (`@timestamp`), Elastic Common Schema, python-json-logger, Google Cloud structured logging, journald export
 * (`__REALTIME_TIMESTAMP PRIORITY`), MongoDB 4.4+ (`t s msg`), HashiCorp (`@level`), OpenTelemetry, .NET JSON console.
 */
import type { Metadata } from '../record/log-record.ts';
import { withUniqueKeys } from '../record/unique-keys.ts';
import { type ReadSeverity, severityOfNumber, severityOfOtlpNumber, severityOfWord } from '../record/severity.ts';
import { type TimestampContext, parseTimestamp, timestampOfEpoch } from '../record/timestamp.ts';
import { fillTemplate, renderingsOf } from './message-template.ts';
import type { Entry } from './parser.ts';

type Role = 'time' | 'severity' | 'message' | 'application' | 'version' | 'environment' | 'name';

/**
 * Keys of each role, the most telling first: where an entry has several, the first that can be read takes the role and the others
 * are metadata.
 */
// oxfmt-ignore
const keysOfRoles: Readonly<Record<Role, readonly string[]>> = {
  time: [
    '@timestamp', 'timestamp', 'time', 'ts', '@t', 't.$date', 'Timestamp', 'datetime', 'timeMillis', 'instant', '__REALTIME_TIMESTAMP',
    'timeUnixNano', 'asctime', 'eventTime', 'time_iso8601', 'time_local', 'date', 'datetime.date', 'dt', 'T', 't', 'observedTimeUnixNano',
  ],
  severity: [
    'level', 'severity', 'log.level', 'levelname', 'level_name', 'loglevel', 'logLevel', 'LogLevel', 'Level', '@l', '@level', 'lvl', 'severityText',
    'severity_text', 'SeverityText', 'PRIORITY', 'severityNumber', 'severity_number', 'SeverityNumber', 'levelName', 'L', 's', 'at',
  ],
  message: [
    'msg', 'message', '@m', '@message', 'Message', 'MESSAGE', 'RenderedMessage', '@mt', 'MessageTemplate', 'short_message', 'textPayload',
    'fields.message', 'body', 'body.stringValue', 'Body', 'event', 'log', 'text', 'M',
  ],
  application: [
    'service.name', 'service', 'app', 'application', 'app_name', 'appName', 'app.name', 'service_name', 'serviceName', 'application_name',
    'resource.service.name', 'SYSLOG_IDENTIFIER',
  ],
  version: ['service.version', 'app_version', 'appVersion', 'app.version', 'service_version', 'serviceVersion', 'resource.service.version', 'version'],
  environment: [
    'service.environment', 'deployment.environment.name', 'deployment.environment', 'resource.deployment.environment', 'environment', 'env',
  ],
  /** The application in pino and bunyan, which write numeric levels; a plain field elsewhere. */
  name: ['name'],
};

/** Keys of messages whose values are still to be put in. */
const templateKeys: ReadonlySet<string> = new Set(['@mt', 'MessageTemplate']);

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
  /** The next best of the role. */
  next: Candidate | undefined;
}

/** Fields beyond this many are not asked for a role: an entry that repeats `level` ten thousand times is read in linear time too. */
const maxCandidates = 64;

export class EntryFields {
  readonly #context: TimestampContext;
  readonly #metadata: [string, string][] = [];
  /** True when a key may have come twice. */
  #mayRepeat: boolean;
  #candidates = 0;
  #time: Candidate | undefined;
  #severity: Candidate | undefined;
  #message: Candidate | undefined;
  #application: Candidate | undefined;
  #version: Candidate | undefined;
  #environment: Candidate | undefined;
  #name: Candidate | undefined;

  /** @param mayRepeat keys may come more than once: the second is kept under a numbered key. */
  constructor(context: TimestampContext, mayRepeat = false) {
    this.#context = context;
    this.#mayRepeat = mayRepeat;
  }

  get count(): number {
    return this.#metadata.length;
  }

  expectRepeats(): void {
    this.#mayRepeat = true;
  }

  add(key: string, value: Scalar): void {
    const place = places.get(key);
    if (place === undefined || this.#candidates >= maxCandidates) this.#metadata.push([key, textOf(value)]);
    else this.#addCandidate(place, key, value);
  }

  /** A field that has no role whatever its name. */
  addMetadata(key: string, value: Scalar): void {
    this.#metadata.push([key, textOf(value)]);
  }

  /** @param fallbackMessage the message of an entry that names none. */
  toEntry(fallbackMessage: string): Entry {
    const hasNumericLevel = typeof this.#severity?.value === 'number';
    const severity = this.#take(this.#severity, readSeverity, null);
    if (severity?.text !== undefined) {
      this.#metadata.push(['severity_text', severity.text]);
      if (this.#severity?.next !== undefined) this.#mayRepeat = true;
    }
    const timestamp = this.#take(this.#time, readTime, this.#context);
    const message = this.#take(this.#message, readMessage, null);
    const name = this.#take(this.#name, hasNumericLevel ? readName : readNothing, null);
    const applicationName = this.#take(this.#application, readName, null);
    // An entry that names a service and a logger: the service is the application.
    if (name !== null && applicationName !== null) this.#metadata.push(['name', name]);
    return {
      timestamp: timestamp ?? undefined,
      severity: severity?.severity,
      applicationName: applicationName ?? name ?? undefined,
      applicationVersion: this.#take(this.#version, readRelease, null) ?? undefined,
      environment: this.#take(this.#environment, readName, null) ?? undefined,
      message: message === null ? fallbackMessage : this.#rendered(message),
      metadata: this.#mayRepeat ? withUniqueKeys(this.#metadata) : (this.#metadata satisfies Metadata),
    };
  }

  /** The message with its values, when what took the role is a template; the template is then kept as well. */
  #rendered(message: string): string {
    const key = this.#message?.key ?? '';
    if (!templateKeys.has(key) || !message.includes('{')) return message;
    const values = new Map(this.#metadata);
    const filled = fillTemplate(message, (name) => values.get(name), renderingsOf(values.get('@r')));
    if (filled !== message) this.addMetadata(key, message);
    return filled;
  }

  #addCandidate({ role, rank }: Place, key: string, value: Scalar): void {
    this.#candidates++;
    const candidate: Candidate = { key, value, rank, next: undefined };
    switch (role) {
      case 'time':
        this.#time = ranked(this.#time, candidate);
        return;
      case 'severity':
        this.#severity = ranked(this.#severity, candidate);
        return;
      case 'message':
        this.#message = ranked(this.#message, candidate);
        return;
      case 'application':
        this.#application = ranked(this.#application, candidate);
        return;
      case 'version':
        this.#version = ranked(this.#version, candidate);
        return;
      case 'environment':
        this.#environment = ranked(this.#environment, candidate);
        return;
      case 'name':
        this.#name = ranked(this.#name, candidate);
        return;
      default:
        role satisfies never;
    }
  }

  /** What `read` makes of the role's first candidate it can read; all the others are metadata like any field. */
  #take<Result, Context>(
    first: Candidate | undefined,
    read: (candidate: Candidate, context: Context) => Result | null,
    context: Context,
  ): Result | null {
    let result: Result | null = null;
    for (let candidate = first; candidate !== undefined; candidate = candidate.next) {
      const taken: Result | null = result === null ? read(candidate, context) : null;
      if (taken === null) this.addMetadata(candidate.key, candidate.value);
      else result = taken;
    }
    return result;
  }
}

function ranked(first: Candidate | undefined, candidate: Candidate): Candidate {
  if (first === undefined) return candidate;
  if (candidate.rank < first.rank) {
    candidate.next = first;
    return candidate;
  }
  let before = first;
  while (before.next !== undefined && before.next.rank <= candidate.rank) before = before.next;
  candidate.next = before.next;
  before.next = candidate;
  return first;
}

/** How a value is stored: text as it is, everything else as JSON writes it; null as empty text. */
export function textOf(value: Scalar): string {
  return typeof value === 'string' ? value : value === null ? '' : String(value);
}

function readSeverity({ key, value }: Candidate): ReadSeverity | null {
  if (typeof value === 'string' && !/^\d+$/.test(value)) return severityOfWord(value.trim());
  if (typeof value === 'boolean' || value === null) return null;
  const level = Number(value);
  return /^severity_?number$/i.test(key) ? severityOfOtlpNumber(level) : severityOfNumber(level);
}

function readTime({ value }: Candidate, context: TimestampContext): string | null {
  if (typeof value === 'string') return parseTimestamp(value, context) ?? timestampOfEpoch(value);
  return typeof value === 'number' ? timestampOfEpoch(value) : null;
}

function readMessage({ value }: Candidate): string | null {
  return textOf(value);
}

function readName({ value }: Candidate): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function readNothing(): null {
  return null;
}

/** A release name, not prose: Prometheus writes `version="(version=2.27.1, branch=HEAD)"`. */
function readRelease({ value }: Candidate): string | null {
  return typeof value === 'string' && /^v?\d+\.\d[\w.+-]*$/.test(value) ? value : null;
}
