/**
 * OTLP/HTTP in JSON: the proto3 JSON mapping, but trace and span ids in hex, enums as numbers, unknown fields passed over
 * (opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding").
 */
import { messageOf } from '../../runtime/errors.ts';
import {
  checkDepth,
  entryOfOtlp,
  type OtlpAttributes,
  type OtlpRecord,
  type OtlpResource,
  type OtlpScope,
  type OtlpValue,
  resourceOf,
} from './otlp.ts';
import { type Posted, type PostedEntry, type ReadEntry, type Rejected, UnreadableBody } from './posted.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/** @throws UnreadableBody when the body is not an ExportLogsServiceRequest. */
export function readOtlpJson(body: string): Posted {
  const entries: PostedEntry[] = [];
  const rejected: Rejected[] = [];
  let index = 0;
  for (const resourceLogs of listOf(requestOf(body), 'resourceLogs', 'resource_logs')) {
    const resource = readOr('resource', () => resourceOf(attributesOf(objectOf(objectOf(resourceLogs)['resource']))));
    for (const scopeLogs of listOf(objectOf(resourceLogs), 'scopeLogs', 'scope_logs')) {
      const scope = readOr('scope', () => scopeOf(objectOf(objectOf(scopeLogs)['scope'])));
      for (const record of listOf(objectOf(scopeLogs), 'logRecords', 'log_records')) {
        const entry = readRecord(record, scope, resource);
        if (typeof entry === 'string') rejected.push({ index, reason: entry });
        else entries.push({ index, ...entry });
        index++;
      }
    }
  }
  return { entries, rejected };
}

function requestOf(body: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    throw new UnreadableBody(`not JSON: ${messageOf(error)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UnreadableBody('not an ExportLogsServiceRequest: expected an object with resourceLogs');
  }
  return value as JsonObject;
}

/** What the records of a list have in common, or why none of them can be stored. */
function readOr<Common extends object>(what: string, read: () => Common): Common | string {
  try {
    return read();
  } catch (error) {
    return `${what}: ${messageOf(error)}`;
  }
}

function readRecord(record: unknown, scope: OtlpScope | string, resource: OtlpResource | string): ReadEntry | string {
  if (typeof resource === 'string') return resource;
  if (typeof scope === 'string') return scope;
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return 'not an object';
  try {
    return entryOfOtlp(recordOf(record as JsonObject), scope, resource);
  } catch (error) {
    return messageOf(error);
  }
}

function recordOf(record: JsonObject): OtlpRecord {
  const text = (key: string): string => {
    const value = record[key];
    return typeof value === 'string' ? value : typeof value === 'number' ? BigInt(Math.trunc(value)).toString() : '';
  };
  return {
    timeUnixNano: text('timeUnixNano'),
    observedTimeUnixNano: text('observedTimeUnixNano'),
    severityNumber: Number(record['severityNumber'] ?? 0),
    severityText: text('severityText'),
    body: valueOf(record['body'], 0),
    attributes: attributesOf(record),
    droppedAttributesCount: Number(record['droppedAttributesCount'] ?? 0),
    traceId: text('traceId').toLowerCase(),
    spanId: text('spanId').toLowerCase(),
    eventName: text('eventName'),
  };
}

function scopeOf(scope: JsonObject): OtlpScope {
  return {
    name: textOf(scope['name'] ?? ''),
    version: textOf(scope['version'] ?? ''),
    attributes: attributesOf(scope),
  };
}

function attributesOf(owner: JsonObject): OtlpAttributes {
  return keyValues(owner['attributes'], 0);
}

function keyValues(list: unknown, depth: number): OtlpAttributes {
  const attributes = new Map<string, OtlpValue>();
  for (const pair of Array.isArray(list) ? (list as unknown[]) : []) {
    const { key, value } = objectOf(pair);
    if (typeof key === 'string') attributes.set(key, valueOf(value, depth));
  }
  return attributes;
}

function valueOf(value: unknown, depth: number): OtlpValue {
  checkDepth(depth);
  const object = objectOf(value);
  if (object['stringValue'] !== undefined) return textOf(object['stringValue']);
  if (object['boolValue'] !== undefined) return object['boolValue'] === true || object['boolValue'] === 'true';
  if (object['intValue'] !== undefined) return textOf(object['intValue']); // int64 is text in proto3 JSON
  if (object['doubleValue'] !== undefined) return Number(object['doubleValue']);
  if (object['bytesValue'] !== undefined) return textOf(object['bytesValue']); // base64 already
  if (object['arrayValue'] !== undefined) {
    return listOf(objectOf(object['arrayValue']), 'values').map((one) => valueOf(one, depth + 1));
  }
  if (object['kvlistValue'] !== undefined) return keyValues(objectOf(object['kvlistValue'])['values'], depth + 1);
  return null;
}

/** A string; of what should have been one, its JSON. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function objectOf(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

/** The list under the first of `keys` that is there; proto3 JSON readers accept the field's own name too. */
function listOf(object: JsonObject, ...keys: readonly string[]): readonly unknown[] {
  const value = keys.map((key) => object[key]).find((found) => found !== undefined && found !== null);
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new UnreadableBody(`${keys[0]}: expected a list`);
  return value as readonly unknown[];
}
