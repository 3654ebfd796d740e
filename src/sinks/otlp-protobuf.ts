/**
 * Rows as an ExportLogsServiceRequest in protobuf, and what stands in its response; the field numbers stand where they are used (see
 * otlp-request.ts).
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { LogRow } from '../search/request.ts';
import { nanosOf } from './nanos.ts';
import { type Attributes, type PartialSuccess, attributesOf, groupsOf, severityNumberOf } from './otlp-request.ts';

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

/** ExportLogsServiceResponse: partial_success = 1 { rejected_log_records = 1, error_message = 2 }. @throws when the bytes are none. */
export function readPartialSuccess(bytes: Uint8Array): PartialSuccess {
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
