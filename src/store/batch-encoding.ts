/**
 * Encodes records for the writer thread: one JSONB array, a row each:
 * `[timestamp, severity, place of the application, source, message, {metadata}]`.
 *
 * The writer inserts it with two statements however many rows there are; encoding costs the sender 1 to 2 us a record. A row names its
 * application by a place in a list beside the bytes, so that nobody has to know ids to encode it: the writer's are put in later.
 */
import type { Batch, EncodedRows } from '../record/batch.ts';
import { ApplicationPlaces } from '../record/application-places.ts';
import type { Application, LogRecord, Metadata } from '../record/log-record.ts';
import { JsonbWriter } from './jsonb.ts';

/** Metadata pairs of one log: their ids are `log_id * 1024 + place`. */
export const maxMetadataRows = 1024;

/** So many places are ASCII characters. */
const maxShortPairs = 0x7e;

const leastBytes = 4096;

/** Takes records one by one; what it keeps of them are bytes. */
export class RowsEncoder {
  readonly #writer: JsonbWriter;
  readonly #start: number;
  readonly #places = new ApplicationPlaces();
  #count = 0;

  constructor(expectedBytes: number) {
    this.#writer = new JsonbWriter(Math.max(expectedBytes, leastBytes));
    this.#start = this.#writer.beginArray();
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#writer.length;
  }

  add(record: LogRecord): void {
    encodeRow(this.#writer, record, this.#places.of(record.application));
    this.#count++;
  }

  /** Nothing can be added any more. */
  end(): EncodedRows {
    const { isAscii } = this.#writer;
    this.#writer.end(this.#start);
    const applications = this.#places.applications.map(cleanedApplication);
    return { bytes: this.#writer.toBytes(), count: this.#count, applications, isAscii };
  }
}

export function encodedRows(records: Batch['records']): EncodedRows {
  if ('bytes' in records) return records;
  const encoder = new RowsEncoder(records.length * 512);
  for (const record of records) encoder.add(record);
  return encoder.end();
}

/** Cleaned text holds no NUL, so the joined text is unambiguous. */
export function applicationKey(application: Application): string {
  const { name, version, environment } = cleanedApplication(application);
  return `${name}\0${version ?? ''}\0${environment ?? ''}`;
}

function cleanedApplication({ name, version, environment }: Application): Application {
  return {
    name: cleanText(name),
    version: version === null ? null : cleanText(version),
    environment: environment === null ? null : cleanText(environment),
  };
}

function encodeRow(writer: JsonbWriter, record: LogRecord, applicationPlace: number): void {
  const message = cleanText(record.message);
  const row = writer.beginArray();
  writeText(writer, record.timestamp);
  writeText(writer, record.severity);
  writer.integer(applicationPlace);
  writeText(writer, record.source);
  writer.text(message);
  encodeMetadata(writer, record.metadata, message !== record.message);
  writer.end(row);
}

/**
 * json_each gives the members of an object no ordinal, so the place of a pair travels as the first character of its key
 * (U+0001 is place 0): the writer takes it off again to make the pair's id.
 */
function encodeMetadata(writer: JsonbWriter, metadata: Metadata, isMessageCleaned: boolean): void {
  const pairs = writer.beginObject();
  if (!isMessageCleaned && metadata.length <= maxShortPairs && encodeShortPairs(writer, metadata)) {
    writer.end(pairs);
    return;
  }
  writer.rewind(pairs);
  writer.beginObject();
  let place = 0;
  for (const [type, value] of storedMetadata(metadata, isMessageCleaned)) {
    writer.text(String.fromCharCode(++place) + type);
    writer.text(value);
  }
  writer.end(pairs);
}

/** False when a pair is not short ASCII text; what is written by then is to be taken back. */
function encodeShortPairs(writer: JsonbWriter, metadata: Metadata): boolean {
  for (let place = 0; place < metadata.length; place++) {
    const pair = metadata[place];
    if (pair === undefined || !writer.shortAscii(pair[0], place + 1)) return false;
    const [, value] = pair;
    if (!writer.shortAscii(value)) {
      if (cleanText(value) !== value) return false;
      writer.text(value);
    }
  }
  return true;
}

function writeText(writer: JsonbWriter, text: string): void {
  if (!writer.shortAscii(text)) writer.text(cleanText(text));
}

/** The pairs as they are stored: cleaned, and not more than a row can have; most records' own. */
function storedMetadata(metadata: Metadata, isMessageCleaned: boolean): Metadata {
  const fitting = metadata.length < maxMetadataRows - 1 ? metadata : metadata.slice(0, maxMetadataRows - 2);
  const isClean = fitting.every(([type, value]) => cleanText(type) === type && cleanText(value) === value);
  if (isClean && !isMessageCleaned && fitting === metadata) return metadata;
  const stored = fitting.map(([type, value]): [string, string] => [cleanText(type), cleanText(value)]);
  if (fitting !== metadata) {
    stored.push(['metadata_rest', cleanText(JSON.stringify(metadata.slice(fitting.length)))]);
  }
  if (!isClean || isMessageCleaned) stored.push(['text_cleaned', 'true']);
  return stored;
}

/**
 * SQLite cuts text at a NUL, and a lone surrogate has no UTF-8: they are stored as U+2400 (symbol for null) and U+FFFD, and
 * the row says so with metadata `text_cleaned`.
 */
export function cleanText(text: string): string {
  if (text.isWellFormed() && !text.includes('\0')) return text;
  return text.toWellFormed().replaceAll('\0', '\u2400');
}
