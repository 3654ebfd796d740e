/**
 * Encodes what a batch adds to the patterns for the writer thread. What is rare is a JSONB array a table, an array each row, which it
 * inserts with one statement each (thread/pattern-rows.ts has the order of the places). Counts and values come with every batch: they
 * are kept as they are and folded later (thread/pending-patterns.ts).
 */
import type { Application } from '../record/log-record.ts';
import type { PatternChanges } from '../record/pattern-changes.ts';
import { type PatternCounts, countFields, releaseField } from '../record/pattern-counts.ts';
import { applicationKey, cleanText } from './batch-encoding.ts';
import { JsonbWriter } from './jsonb.ts';

/** Null where there is nothing. */
export interface EncodedPatterns {
  readonly added: Uint8Array<ArrayBuffer> | null;
  readonly merged: Uint8Array<ArrayBuffer> | null;
  readonly slots: Uint8Array<ArrayBuffer> | null;
  /** As in record/pattern-counts.ts, the release by its id. */
  readonly counts: Uint8Array<ArrayBuffer>;
  /** JSON: a list of `ValueRow`. */
  readonly values: string;
}

export type ValueRow = readonly [
  pattern: number,
  release: number,
  place: number,
  value: string,
  count: number,
  firstSeen: string,
];

/** @param ids of `applications`, in their order: every application of the batch is among them. */
export function encodePatterns(
  changes: PatternChanges | null | undefined,
  applications: readonly Application[],
  ids: readonly number[],
): EncodedPatterns | null {
  if (changes === null || changes === undefined) return null;
  const { added, merged, counts, values, slots } = changes;
  const releaseOf = releasesOf(applications, ids);
  return {
    added: encode(added, (writer, { number, application, source, id, template, learned, firstSeen, exemplar }) => {
      writer.integer(number);
      writer.text(cleanText(application));
      writer.text(id);
      writer.text(cleanText(template));
      writer.text(JSON.stringify(learned));
      writer.text(firstSeen);
      writer.text(cleanText(exemplar));
      writer.text(cleanText(source));
    }),
    merged: encode(merged, (writer, { number, into, learned }) => {
      writer.integer(number);
      writer.integer(into);
      writer.text(JSON.stringify(learned));
    }),
    slots: encode(slots, (writer, { pattern, place, isMany, minimum, maximum, application }) => {
      writer.integer(pattern);
      writer.integer(releaseOf(application));
      writer.integer(place);
      writer.integer(isMany ? 1 : 0);
      real(writer, minimum);
      real(writer, maximum);
    }),
    counts: encodeCounts(counts, releaseOf),
    values: JSON.stringify(
      values.map(({ pattern, place, value, count, firstSeen, application }): ValueRow => [
        pattern,
        releaseOf(application),
        place,
        cleanText(value),
        count,
        firstSeen,
      ]),
    ),
  };
}

function encodeCounts(
  { cells, releases }: PatternCounts,
  releaseOf: (application: Application) => number,
): Uint8Array<ArrayBuffer> {
  const encoded = cells.slice(); // the batch may have to be repeated
  const ids = releases.map(releaseOf);
  for (let at = releaseField; at < encoded.length; at += countFields) encoded[at] = ids[encoded[at] ?? 0] ?? 0;
  return new Uint8Array(encoded.buffer);
}

/** Records of one release share its object, most often: it is looked for by what it says once. */
function releasesOf(
  applications: readonly Application[],
  ids: readonly number[],
): (application: Application) => number {
  const byKey = new Map(applications.map((application, place) => [applicationKey(application), ids[place] ?? 0]));
  const known = new Map<Application, number>();
  return (application) => {
    let id = known.get(application);
    if (id === undefined) {
      id = byKey.get(applicationKey(application)) ?? 0;
      known.set(application, id);
    }
    return id;
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
