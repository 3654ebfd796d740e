/**
 * What an OTLP log record says, whatever it was encoded in (otlp-json.ts, otlp-protobuf.ts), as an entry.
 *
 * opentelemetry-proto 1.x, logs/v1/logs.proto; meaning by the Logs Data Model: `service.name` and `service.version` of the resource are
 * the application, the scope is the row's source, everything else is metadata under its own key; a record's attribute goes before the
 * scope's and the resource's of the same name.
 */
import type { Entry } from '../../parsers/parser.ts';
import { type ReadSeverity, severityOfOtlpNumber, severityOfWord } from '../../record/severity.ts';
import { timestampOfEpoch } from '../../record/timestamp.ts';
import type { ReadEntry } from './posted.ts';

/** AnyValue: bytes are `Uint8Array`, a key-value list is `Map`, an unset value is null. */
export type OtlpValue = string | boolean | number | bigint | Uint8Array | null | readonly OtlpValue[] | OtlpAttributes;
export type OtlpAttributes = ReadonlyMap<string, OtlpValue>;

export interface OtlpScope {
  readonly name: string;
  readonly version: string;
  readonly attributes: OtlpAttributes;
}

/** The application, and what else the resource says. */
export interface OtlpResource {
  readonly applicationName: string | undefined;
  readonly applicationVersion: string | undefined;
  readonly environment: string | undefined;
  readonly metadata: ReadonlyMap<string, string>;
}

export interface OtlpRecord {
  /** Nanoseconds since 1970 in decimal; `0` or empty when not known. */
  readonly timeUnixNano: string;
  readonly observedTimeUnixNano: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: OtlpValue;
  readonly attributes: OtlpAttributes;
  readonly droppedAttributesCount: number;
  /** Lower-case hex; empty when not set. */
  readonly traceId: string;
  readonly spanId: string;
  readonly eventName: string;
}

/** Keys are joined by dots so far down; what lies deeper stays JSON text. */
const maxDepth = 16;
/** Values nested deeper than this are not read: each level is a call. */
const maxValueDepth = 64;

/** Of a record, or of its scope or resource: it is rejected, and no other. */
export class NestedTooDeep extends Error {
  override readonly name = 'NestedTooDeep';
}

/** @throws NestedTooDeep */
export function checkDepth(depth: number): void {
  if (depth > maxValueDepth) throw new NestedTooDeep(`a value is nested deeper than ${maxValueDepth}`);
}

/** The entry, or why it is none. */
export function entryOfOtlp(record: OtlpRecord, scope: OtlpScope, resource: OtlpResource): ReadEntry | string {
  const metadata = new Map<string, string>();
  addAttributes(metadata, record.attributes, '', 0);
  const severity = severityOf(record);
  if (severity.text !== undefined && severity.text !== '') putNew(metadata, 'severity_text', severity.text);
  if (record.traceId !== '') putNew(metadata, 'trace_id', record.traceId);
  if (record.spanId !== '') putNew(metadata, 'span_id', record.spanId);
  if (record.eventName !== '') putNew(metadata, 'event.name', record.eventName);
  if (record.droppedAttributesCount > 0) putNew(metadata, 'dropped_attributes', String(record.droppedAttributesCount));
  if (scope.version !== '') putNew(metadata, 'scope.version', scope.version);
  addAttributes(metadata, scope.attributes, '', 0);

  const isTimed = isSet(record.timeUnixNano);
  const nanos = isTimed ? record.timeUnixNano : record.observedTimeUnixNano;
  const timestamp = isSet(nanos) ? timestampOfNanos(nanos) : undefined;
  if (timestamp === null) return `timeUnixNano: ${nanos} is not a time`;
  if (!isTimed && timestamp !== undefined) putNew(metadata, 'timestamp_origin', 'observed');

  const { applicationName, applicationVersion, environment } = resource;
  for (const [key, value] of resource.metadata) putNew(metadata, key, value);
  const entry: Entry = {
    timestamp,
    severity: severity.severity,
    applicationName,
    applicationVersion,
    environment,
    message: textOf(record.body),
    metadata: [...metadata],
  };
  return { entry, source: scope.name === '' ? undefined : scope.name };
}

/** What all records of a resource have in common, made once: there may be thousands. */
export function resourceOf(attributes: OtlpAttributes): OtlpResource {
  const metadata = new Map<string, string>();
  addAttributes(metadata, attributes, '', 0);
  const take = (key: string): string | undefined => {
    const value = metadata.get(key);
    metadata.delete(key);
    return value === '' ? undefined : value;
  };
  return {
    applicationName: take('service.name'),
    applicationVersion: take('service.version'),
    environment: take('deployment.environment.name') ?? take('deployment.environment'),
    metadata,
  };
}

/** The timestamp of nanoseconds since 1970 in decimal; null when that is no date of ours. */
export function timestampOfNanos(nanos: string): string | null {
  return /^\d{1,19}$/.test(nanos) ? timestampOfEpoch(nanos.padStart(19, '0')) : null;
}

/** SeverityNumber says which of the six; SeverityText is the word of the source and kept where it says more. */
function severityOf({ severityNumber, severityText }: OtlpRecord): ReadSeverity {
  const word = severityText === '' ? null : severityOfWord(severityText);
  const number = severityOfOtlpNumber(severityNumber);
  if (number === null) return word ?? { severity: 'INFO', text: severityText };
  if (word === null) return { severity: number.severity, text: severityText === '' ? number.text : severityText };
  return { severity: number.severity, text: word.text ?? number.text };
}

function isSet(nanos: string): boolean {
  return nanos !== '' && nanos !== '0';
}

function putNew(metadata: Map<string, string>, key: string, value: string): void {
  if (!metadata.has(key)) metadata.set(key, value);
}

/** Nested keys are joined by dots; lists stay JSON text. */
function addAttributes(metadata: Map<string, string>, attributes: OtlpAttributes, prefix: string, depth: number): void {
  for (const [key, value] of attributes) {
    if (value instanceof Map && value.size > 0 && depth < maxDepth) {
      addAttributes(metadata, value as OtlpAttributes, `${prefix}${key}.`, depth + 1);
    } else {
      putNew(metadata, prefix + key, textOf(value));
    }
  }
}

function textOf(value: OtlpValue): string {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  return typeof value === 'object' && !(value instanceof Uint8Array)
    ? JSON.stringify(plainOf(value))
    : scalarText(value);
}

function scalarText(value: boolean | number | bigint | Uint8Array): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : String(value);
}

/** As JSON has it: whole numbers that a double cannot hold become text. */
function plainOf(value: OtlpValue): unknown {
  if (Array.isArray(value)) return value.map(plainOf);
  if (value instanceof Map)
    return Object.fromEntries([...(value as OtlpAttributes)].map(([key, one]) => [key, plainOf(one)]));
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return value instanceof Uint8Array ? scalarText(value) : value;
}
