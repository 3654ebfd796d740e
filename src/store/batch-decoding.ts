/**
 * Reads the rows of a batch back out of its bytes, as the store will answer them: for who wants rows the moment they are committed
 * (live tail, sinks) without asking the store.
 */
import { noApplication } from '../record/application-places.ts';
import type { EncodedRows } from '../record/batch.ts';
import type { Severity } from '../record/severity.ts';
import type { LogRow } from '../search/request.ts';
import type { JsonText } from './json-text.ts';
import { JsonbReader } from './jsonb-reader.ts';
import { applicationPart, rowParts } from './row-parts.ts';

/** @param from the place of the first row that is wanted. */
export function* decodedRows(rows: EncodedRows, firstId: number, from = 0): Generator<LogRow> {
  const cursor = new BatchCursor(rows, firstId, from);
  while (cursor.next()) yield cursor.row();
}

/** Stands before a row, or on one, which is read or written when somebody asks. */
export class BatchCursor {
  readonly #rows: EncodedRows;
  readonly #firstId: number;
  readonly #reader: JsonbReader;
  /** By place; made when a row of it is written. */
  readonly #applications: Buffer[] = [];
  #place: number;
  /** Where the row begins, and the next one. */
  #start = 0;
  #end: number;

  /** @param from the place of the first row that is wanted. */
  constructor(rows: EncodedRows, firstId: number, from = 0) {
    this.#rows = rows;
    this.#firstId = firstId;
    this.#reader = new JsonbReader(rows.bytes, rows.isAscii);
    this.#reader.enter();
    for (let place = 0; place < from; place++) this.#reader.skip();
    this.#place = from - 1;
    this.#end = this.#reader.at;
  }

  get id(): number {
    return this.#firstId + this.#place;
  }

  /** False behind the last row. */
  next(): boolean {
    if (this.#place + 1 >= this.#rows.count) return false;
    this.#place++;
    this.#start = this.#reader.at = this.#end;
    this.#reader.skip();
    this.#end = this.#reader.at;
    return true;
  }

  row(): LogRow {
    const reader = this.#reader;
    reader.at = this.#start;
    reader.enterWindow();
    const timestamp = reader.text();
    const severity = reader.text() as Severity;
    const { name, version, environment } = this.#rows.applications[reader.integer()] ?? noApplication;
    const source = reader.text();
    const message = reader.text();
    return {
      id: this.id,
      timestamp,
      severity,
      application: name,
      version,
      environment,
      source,
      message,
      metadata: readMetadata(reader),
    };
  }

  /** As a line of JSON, in the words of the store: text is copied as the bytes that it is. */
  write(text: JsonText): void {
    const reader = this.#reader;
    reader.at = this.#start;
    reader.enter();
    text.bytes(rowParts.start);
    text.integer(this.id);
    text.bytes(rowParts.timestamp);
    writeText(reader, text);
    text.bytes(rowParts.severity);
    writeText(reader, text);
    text.bytes(this.#applicationAt(reader.smallInteger()));
    writeText(reader, text);
    text.bytes(rowParts.message);
    writeText(reader, text);
    text.bytes(rowParts.metadata);
    const end = reader.enter();
    for (let isFirst = true; reader.at < end; isFirst = false) {
      if (!isFirst) text.bytes(rowParts.comma);
      reader.skip();
      // Behind the pair's place, a character of one byte or two.
      const lead = (reader.bytes[reader.payload] ?? 0) < 0x80 ? 1 : 2;
      text.string(reader.bytes, reader.payload + lead, reader.at - reader.payload - lead);
      text.bytes(rowParts.colon);
      writeText(reader, text);
    }
    text.bytes(rowParts.end);
  }

  #applicationAt(place: number): Buffer {
    return (this.#applications[place] ??= applicationPart(this.#rows.applications[place] ?? noApplication));
  }
}

function writeText(reader: JsonbReader, text: JsonText): void {
  reader.skip();
  text.string(reader.bytes, reader.payload, reader.at - reader.payload);
}

function readMetadata(reader: JsonbReader): Record<string, string> {
  const end = reader.enter();
  const metadata: Record<string, string> = {};
  while (reader.at < end) {
    const type = reader.text(1); // behind the pair's place
    const value = reader.text();
    if (type === '__proto__')
      Object.defineProperty(metadata, type, { value, enumerable: true, writable: true, configurable: true });
    else metadata[type] = value;
  }
  return metadata;
}
