/**
 * OTLP/HTTP in protobuf: the fields of opentelemetry-proto 1.x that a log row can keep, by their numbers, straight from the wire;
 * fields that are not known are passed over.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { messageOf } from '../../runtime/errors.ts';
import {
  NestedTooDeep,
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

const noScope: OtlpScope = { name: '', version: '', attributes: new Map() };

/** A scope with its records. */
interface ScopeLogs {
  /** Or why no record of it can be stored. */
  readonly scope: OtlpScope | string;
  readonly records: readonly (OtlpRecord | string)[];
}

/** @throws UnreadableBody when the bytes are not an ExportLogsServiceRequest. */
export function readOtlpProtobuf(body: Buffer): Posted {
  const entries: PostedEntry[] = [];
  const rejected: Rejected[] = [];
  let index = 0;
  try {
    // ExportLogsServiceRequest: resource_logs = 1
    eachField(readerOf(body), {
      1: (request) => {
        const { resource, scopes } = readResourceLogs(inner(request));
        for (const { scope, records } of scopes) {
          for (const record of records) {
            const entry = readEntry(record, scope, resource);
            if (typeof entry === 'string') rejected.push({ index, reason: entry });
            else entries.push({ index, ...entry });
            index++;
          }
        }
      },
    });
  } catch (error) {
    throw new UnreadableBody(`not an ExportLogsServiceRequest: ${messageOf(error)}`);
  }
  return { entries, rejected };
}

function readEntry(
  record: OtlpRecord | string,
  scope: OtlpScope | string,
  resource: OtlpResource | string,
): ReadEntry | string {
  if (typeof resource === 'string') return resource;
  if (typeof scope === 'string') return scope;
  return typeof record === 'string' ? record : entryOfOtlp(record, scope, resource);
}

/** ExportLogsServiceResponse: partial_success = 1 { rejected_log_records = 1, error_message = 2 }. */
export function writeOtlpResponse(rejectedCount: number, message: string): Uint8Array {
  const writer = new BinaryWriter();
  if (rejectedCount === 0) return writer.finish();
  writer.tag(1, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.Varint).int64(rejectedCount);
  writer.tag(2, WireType.LengthDelimited).string(message);
  return writer.join().finish();
}

/** google.rpc.Status: code = 1, message = 2, the body of OTLP's error answers. */
export function writeRpcStatus(code: number, message: string): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Varint).int32(code);
  return writer.tag(2, WireType.LengthDelimited).string(message).finish();
}

type FieldReaders = Readonly<Record<number, (reader: BinaryReader) => void>>;

function eachField(reader: BinaryReader, readers: FieldReaders): void {
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const read = readers[field];
    if (read === undefined) reader.skip(wireType, field);
    else read(reader);
  }
}

function readerOf(bytes: Uint8Array): BinaryReader {
  return new BinaryReader(bytes, (text) => Buffer.from(text.buffer, text.byteOffset, text.length).toString('utf8'));
}

/** A reader of the message that the field holds. */
function inner(reader: BinaryReader): BinaryReader {
  return readerOf(reader.bytes());
}

/** ResourceLogs: resource = 1 { attributes = 1 }, scope_logs = 2. The resource may stand behind its logs. */
function readResourceLogs(reader: BinaryReader): {
  resource: OtlpResource | string;
  scopes: readonly ScopeLogs[];
} {
  const attributes = new Map<string, OtlpValue>();
  let refusal: string | null = null;
  const scopes: ScopeLogs[] = [];
  eachField(reader, {
    1: (field) => {
      const read = shallow('resource: ', () => readResource(inner(field), attributes));
      if (typeof read === 'string') refusal = read;
    },
    2: (field) => scopes.push(readScopeLogs(inner(field))),
  });
  return { resource: refusal ?? resourceOf(attributes), scopes };
}

function readResource(reader: BinaryReader, into: Map<string, OtlpValue>): OtlpAttributes {
  eachField(reader, { 1: (attribute) => readKeyValue(inner(attribute), into, 0) });
  return into;
}

/** What `read` gives; why not where a value is nested too deep. The bytes behind its field are read on. */
function shallow<Read extends object>(prefix: string, read: () => Read): Read | string {
  try {
    return read();
  } catch (error) {
    if (error instanceof NestedTooDeep) return prefix + error.message;
    throw error;
  }
}

/** ScopeLogs: scope = 1, log_records = 2. */
function readScopeLogs(reader: BinaryReader): ScopeLogs {
  let scope: OtlpScope | string = noScope;
  const records: (OtlpRecord | string)[] = [];
  eachField(reader, {
    1: (field) => (scope = shallow('scope: ', () => readScope(inner(field)))),
    2: (field) => records.push(shallow('', () => readRecord(inner(field)))),
  });
  return { scope, records };
}

/** InstrumentationScope: name = 1, version = 2, attributes = 3. */
function readScope(reader: BinaryReader): OtlpScope {
  let name = '';
  let version = '';
  const attributes = new Map<string, OtlpValue>();
  eachField(reader, {
    1: (field) => (name = field.string()),
    2: (field) => (version = field.string()),
    3: (field) => readKeyValue(inner(field), attributes, 0),
  });
  return { name, version, attributes };
}

/**
 * LogRecord: time_unix_nano = 1, severity_number = 2, severity_text = 3, body = 5, attributes = 6, dropped_attributes_count = 7,
 * trace_id = 9, span_id = 10, observed_time_unix_nano = 11, event_name = 12.
 */
function readRecord(reader: BinaryReader): OtlpRecord {
  const attributes = new Map<string, OtlpValue>();
  const record = {
    timeUnixNano: '',
    observedTimeUnixNano: '',
    severityNumber: 0,
    severityText: '',
    body: null as OtlpValue,
    attributes,
    droppedAttributesCount: 0,
    traceId: '',
    spanId: '',
    eventName: '',
  };
  eachField(reader, {
    1: (field) => (record.timeUnixNano = String(field.fixed64())),
    2: (field) => (record.severityNumber = field.int32()),
    3: (field) => (record.severityText = field.string()),
    5: (field) => (record.body = readValue(inner(field), 0)),
    6: (field) => readKeyValue(inner(field), attributes, 0),
    7: (field) => (record.droppedAttributesCount = field.uint32()),
    9: (field) => (record.traceId = Buffer.from(field.bytes()).toString('hex')),
    10: (field) => (record.spanId = Buffer.from(field.bytes()).toString('hex')),
    11: (field) => (record.observedTimeUnixNano = String(field.fixed64())),
    12: (field) => (record.eventName = field.string()),
  });
  return record;
}

/** KeyValue: key = 1, value = 2. */
function readKeyValue(reader: BinaryReader, into: Map<string, OtlpValue>, depth: number): void {
  let key = '';
  let value: OtlpValue = null;
  eachField(reader, {
    1: (field) => (key = field.string()),
    2: (field) => (value = readValue(inner(field), depth)),
  });
  into.set(key, value);
}

/** AnyValue: string = 1, bool = 2, int = 3, double = 4, array = 5 { values = 1 }, kvlist = 6 { values = 1 }, bytes = 7. */
function readValue(reader: BinaryReader, depth: number): OtlpValue {
  checkDepth(depth);
  let value: OtlpValue = null;
  eachField(reader, {
    1: (field) => (value = field.string()),
    2: (field) => (value = field.bool()),
    3: (field) => (value = String(field.int64())),
    4: (field) => (value = field.double()),
    5: (field) => {
      const values: OtlpValue[] = [];
      eachField(inner(field), { 1: (element) => values.push(readValue(inner(element), depth + 1)) });
      value = values;
    },
    6: (field) => {
      const pairs = new Map<string, OtlpValue>();
      eachField(inner(field), { 1: (pair) => readKeyValue(inner(pair), pairs, depth + 1) });
      value = pairs;
    },
    7: (field) => (value = field.bytes()),
  });
  return value;
}
