/**
 * Rows as an ExportLogsServiceRequest, in protobuf and in JSON, and what its response says.
 *
 * opentelemetry-proto 1.x: collector/logs/v1/logs_service.proto, logs/v1/logs.proto, common/v1/common.proto; the field numbers stand
 * where they are used. The other direction is in inputs/http/.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { z } from 'zod';
import { severityRank } from '../record/severity.ts';
import type { LogRow } from '../search/request.ts';
import { type Answer, jsonOf } from './http-upstream.ts';
import { nanosOf } from './nanos.ts';

type Attributes = readonly (readonly [key: string, value: string])[];

interface Group {
  readonly resource: Attributes;
  readonly rows: LogRow[];
}

/** Rows of one release follow each other under one resource; rows keep their order within it. */
function groupsOf(rows: Iterable<LogRow>): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const { application, version, environment } = row;
    const key = `${application}\n${version ?? ''}\n${environment ?? ''}`;
    let group = groups.get(key);
    if (group === undefined) {
      const resource: [string, string][] = [['service.name', application]];
      if (version !== null) resource.push(['service.version', version]);
      if (environment !== null) resource.push(['deployment.environment.name', environment]);
      group = { resource, rows: [] };
      groups.set(key, group);
    }
    group.rows.push(row);
  }
  return [...groups.values()];
}

/** TRACE is 1, DEBUG 5, ... FATAL 21: Logs Data Model, "Field: SeverityNumber". */
function severityNumberOf({ severity }: LogRow): number {
  return severityRank(severity) * 4 + 1;
}

function attributesOf({ id, source, metadata }: LogRow, origin: string): Attributes {
  return [['log.record.uid', `${origin}-${id}`], ['log.source', source], ...Object.entries(metadata)];
}

export function otlpProtobuf(rows: Iterable<LogRow>, origin: string): Uint8Array {
  const writer = new BinaryWriter();
  for (const { resource, rows: records } of groupsOf(rows)) {
    message(writer, 1, () => {
      // ResourceLogs: resource = 1 { attributes = 1 }, scope_logs = 2 { scope = 1 { name = 1 }, log_records = 2 }
      message(writer, 1, () => writeAttributes(writer, 1, resource));
      message(writer, 2, () => {
        message(writer, 1, () => writer.tag(1, WireType.LengthDelimited).string('regression'));
        for (const row of records) message(writer, 2, () => writeRecord(writer, row, origin));
      });
    });
  }
  return writer.finish();
}

/** LogRecord: time_unix_nano = 1, severity_number = 2, severity_text = 3, body = 5, attributes = 6, observed_time_unix_nano = 11. */
function writeRecord(writer: BinaryWriter, row: LogRow, origin: string): void {
  const nanos = nanosOf(row.timestamp);
  // The type is unsigned: what happened before 1970 has no time in OTLP.
  if (!nanos.startsWith('-')) writer.tag(1, WireType.Bit64).fixed64(nanos);
  writer.tag(2, WireType.Varint).int32(severityNumberOf(row));
  writer.tag(3, WireType.LengthDelimited).string(row.severity);
  message(writer, 5, () => writer.tag(1, WireType.LengthDelimited).string(row.message));
  writeAttributes(writer, 6, attributesOf(row, origin));
  if (!nanos.startsWith('-')) writer.tag(11, WireType.Bit64).fixed64(nanos);
}

/** KeyValue: key = 1, value = 2 { string_value = 1 }. */
function writeAttributes(writer: BinaryWriter, field: number, attributes: Attributes): void {
  for (const [key, value] of attributes) {
    message(writer, field, () => {
      writer.tag(1, WireType.LengthDelimited).string(key);
      message(writer, 2, () => writer.tag(1, WireType.LengthDelimited).string(value));
    });
  }
}

function message(writer: BinaryWriter, field: number, write: () => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write();
  writer.join();
}

export function otlpJson(rows: Iterable<LogRow>, origin: string): string {
  const keyValues = (attributes: Attributes) =>
    attributes.map(([key, value]) => ({ key, value: { stringValue: value } }));
  const resourceLogs = groupsOf(rows).map(({ resource, rows: records }) => ({
    resource: { attributes: keyValues(resource) },
    scopeLogs: [
      {
        scope: { name: 'regression' },
        logRecords: records.map((row) => {
          const nanos = nanosOf(row.timestamp);
          return {
            ...(nanos.startsWith('-') ? {} : { timeUnixNano: nanos, observedTimeUnixNano: nanos }),
            severityNumber: severityNumberOf(row),
            severityText: row.severity,
            body: { stringValue: row.message },
            attributes: keyValues(attributesOf(row, origin)),
          };
        }),
      },
    ],
  }));
  return JSON.stringify({ resourceLogs });
}

export interface PartialSuccess {
  readonly rejected: number;
  readonly message: string;
}

/** JSON writes 64-bit numbers as text. */
const responseSchema = z.object({
  partialSuccess: z
    .object({
      rejectedLogRecords: z.union([z.string(), z.number()]).default(0),
      errorMessage: z.string().default(''),
    })
    .nullish(),
});

/** What an ExportLogsServiceResponse says of records that were not taken; an answer that is none says nothing. */
export function partialSuccessOf({ text, bytes, headers }: Answer): PartialSuccess {
  if (String(headers['content-type'] ?? '').includes('json')) {
    const parsed = responseSchema.safeParse(jsonOf(text));
    const partial = parsed.success ? parsed.data.partialSuccess : null;
    return { rejected: Number(partial?.rejectedLogRecords ?? 0), message: partial?.errorMessage ?? '' };
  }
  try {
    return readPartialSuccess(bytes);
  } catch {
    return { rejected: 0, message: '' }; // 2xx says that they were taken; what else it says is not for us
  }
}

/** ExportLogsServiceResponse: partial_success = 1 { rejected_log_records = 1, error_message = 2 }. */
function readPartialSuccess(bytes: Uint8Array): PartialSuccess {
  let rejected = 0;
  let text = '';
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field !== 1) {
      reader.skip(wireType, field);
      continue;
    }
    const partial = new BinaryReader(reader.bytes());
    while (partial.pos < partial.len) {
      const [name, type] = partial.tag();
      if (name === 1) rejected = Number(partial.int64());
      else if (name === 2) text = partial.string();
      else partial.skip(type, name);
    }
  }
  return { rejected, message: text };
}
