/**
 * Reads the rows of a batch back out of its bytes, as the store will answer them: for who wants rows the moment they are committed
 * (live tail, sinks) without asking the store.
 */
import type { EncodedRows } from '../record/batch.ts';
import type { Severity } from '../record/severity.ts';
import type { LogRow } from '../search/request.ts';
import { JsonbReader } from './jsonb-reader.ts';

/** @param from the place of the first row that is wanted. */
export function* decodedRows(rows: EncodedRows, firstId: number, from = 0): Generator<LogRow> {
  const reader = new JsonbReader(rows.bytes, rows.isAscii);
  reader.enter();
  for (let place = 0; place < from; place++) reader.skip();
  for (let place = from; place < rows.count; place++) yield readRow(reader, rows, firstId + place);
}

function readRow(reader: JsonbReader, { applications }: EncodedRows, id: number): LogRow {
  reader.enterWindow();
  const timestamp = reader.text();
  const severity = reader.text() as Severity;
  const { name, version, environment } = applications[reader.integer()] ?? {
    name: '',
    version: null,
    environment: null,
  };
  const source = reader.text();
  const message = reader.text();
  return {
    id,
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
