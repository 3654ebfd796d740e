/**
 * Encodes what a batch adds to the patterns for the writer thread: a JSONB array a table, an array each row, which it inserts with one
 * statement each. See thread/pattern-rows.ts for the order of the places.
 */
import type { Application, LogRecord } from '../record/log-record.ts';
import type { PatternChanges } from '../record/pattern-changes.ts';
import { cleanText } from './batch-encoding.ts';
import { JsonbWriter } from './jsonb.ts';

/** Null where there is nothing. */
export interface EncodedPatterns {
  readonly added: Uint8Array<ArrayBuffer> | null;
  readonly merged: Uint8Array<ArrayBuffer> | null;
  readonly counts: Uint8Array<ArrayBuffer> | null;
  readonly values: Uint8Array<ArrayBuffer> | null;
  readonly slots: Uint8Array<ArrayBuffer> | null;
}

export function encodePatterns(
  changes: PatternChanges | null | undefined,
  records: readonly LogRecord[],
  idOf: (application: Application) => number,
): EncodedPatterns | null {
  if (changes === null || changes === undefined) return null;
  const { added, merged, counts, values, slots } = changes;
  const releaseOf = (record: number): number => {
    const { application } = records[record] ?? {};
    return application === undefined ? 0 : idOf(application);
  };
  return {
    added: encode(added, (writer, { number, application, id, template, learned, firstSeen, exemplar }) => {
      writer.integer(number);
      writer.text(cleanText(application));
      writer.text(id);
      writer.text(cleanText(template));
      writer.text(JSON.stringify(learned));
      writer.text(firstSeen);
      writer.text(cleanText(exemplar));
    }),
    merged: encode(merged, (writer, { number, into, learned }) => {
      writer.integer(number);
      writer.integer(into);
      writer.text(JSON.stringify(learned));
    }),
    counts: encode(counts, (writer, { minute, pattern, severity, count, record }) => {
      writer.integer(minute);
      writer.integer(pattern);
      writer.integer(releaseOf(record));
      writer.text(severity);
      writer.integer(count);
      writer.integer(record);
    }),
    values: encode(values, (writer, { pattern, place, value, count, firstSeen, record }) => {
      writer.integer(pattern);
      writer.integer(releaseOf(record));
      writer.integer(place);
      writer.text(cleanText(value));
      writer.integer(count);
      writer.text(firstSeen);
    }),
    slots: encode(slots, (writer, { pattern, place, isMany, minimum, maximum, record }) => {
      writer.integer(pattern);
      writer.integer(releaseOf(record));
      writer.integer(place);
      writer.integer(isMany ? 1 : 0);
      real(writer, minimum);
      real(writer, maximum);
    }),
  };
}

/** The column makes a number of the text. */
function real(writer: JsonbWriter, value: number | null): void {
  if (value === null) writer.null();
  else writer.text(String(value));
}

function encode<Item>(
  items: readonly Item[],
  row: (writer: JsonbWriter, item: Item) => void,
): Uint8Array<ArrayBuffer> | null {
  if (items.length === 0) return null;
  const writer = new JsonbWriter(Math.max(items.length * 64, 1024));
  const rows = writer.beginArray();
  for (const item of items) {
    const start = writer.beginArray();
    row(writer, item);
    writer.end(start);
  }
  writer.end(rows);
  return writer.toBytes();
}
