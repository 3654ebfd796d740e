/**
 * Writes rows of several files, in any order, from pages: for a page of many rows in the order of time, which hardly differs from that of
 * arrival. Rows that lie far apart are the engine's: it finds each by itself.
 */
import type { RowPlace } from '../../search/request.ts';
import type { Segment } from '../segments.ts';
import { JsonText } from '../json-text.ts';
import { fromPages } from './pages/page-file.ts';
import { expectedRowBytes, firstRowsAtOnce, maxPageText, mostRowsAtOnce } from './row-lines.ts';
import { RowWriter } from './row-writer.ts';
import type { Sources } from './sources.ts';

/** Below, opening the files costs more than is gained. */
export const fewestPlaced = 500;
/** Ids that are walked for each row that is wanted, at most. */
const mostIdsPerRow = 4;

export interface PlacedRow {
  /** Null for the hot file. */
  readonly segment: Segment | null;
  readonly place: RowPlace;
}

interface WrittenPage {
  /** Of the first `rowCount` rows, each with its newline. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly rowCount: number;
}

/** Null where it is for the engine: rows far apart, and files that are not as expected. */
export function writePlacedRows(
  sources: Sources,
  openPages: NonNullable<Sources['openPages']>,
  rows: readonly PlacedRow[],
): WrittenPage | null {
  const files = Map.groupBy(rows, ({ segment }) => segment);
  if (![...files.values()].every(isDense)) return null;
  return fromPages(openPages, (open) => {
    const writers = new Map(
      [...files.keys()].map((segment) => {
        const database = segment === null ? sources.hot : sources.open(segment);
        return [segment, new RowWriter(database, () => open(segment), {})];
      }),
    );
    return written(writers, rows);
  });
}

function isDense(rows: readonly PlacedRow[]): boolean {
  let [least, most] = [Infinity, 0];
  for (const { place } of rows) {
    least = Math.min(least, place.id);
    most = Math.max(most, place.id);
  }
  return most - least < rows.length * mostIdsPerRow;
}

type Writers = ReadonlyMap<Segment | null, RowWriter>;

/** In the order of ids; kept from page to page, since buffers that are let go wait long for being collected. */
let scratch = new JsonText(firstRowsAtOnce * expectedRowBytes);
const mostScratchBytes = 8 * 1024 * 1024;

/** Some rows at a time, since they may be long. */
function written(writers: Writers, rows: readonly PlacedRow[]): WrittenPage | null {
  const page = new JsonText(Math.min(rows.length * expectedRowBytes, maxPageText));
  let [rowCount, atOnce] = [0, firstRowsAtOnce];
  while (rowCount < rows.length) {
    const chunk = rows.slice(rowCount, rowCount + atOnce);
    const texts = textsOf(writers, chunk);
    if (texts === null) return null;
    for (const { place } of chunk) {
      const text = texts.get(place.id);
      if (text === undefined) return null;
      if (page.length + text.length > maxPageText && rowCount > 0) return { bytes: page.takeBytes(), rowCount };
      page.append(text);
      rowCount++;
    }
    const room = Math.max(Math.floor((maxPageText - page.length) / (page.length / rowCount)), 1);
    atOnce = Math.min(atOnce * 8, mostRowsAtOnce, room);
  }
  return { bytes: page.takeBytes(), rowCount };
}

/** By id; good until the next call. Null when one is missing. */
function textsOf(writers: Writers, rows: readonly PlacedRow[]): ReadonlyMap<number, Uint8Array> | null {
  if (scratch.capacity > mostScratchBytes) scratch = new JsonText(firstRowsAtOnce * expectedRowBytes);
  scratch.cutAt(0);
  const begins = new Map<number, number>();
  for (const [segment, ofFile] of Map.groupBy(rows, (row) => row.segment)) {
    const writer = writers.get(segment);
    const ids = Float64Array.from(ofFile, ({ place }) => place.id).sort();
    writer?.seek(ids[0] ?? 0);
    for (const id of ids) {
      do if (writer === undefined || !writer.next() || writer.id > id) return null;
      while (writer.id < id);
      if (!writer.find()) return null;
      begins.set(id, scratch.length);
      writer.write(scratch);
    }
  }
  const ends = [...begins.values()].slice(1);
  return new Map([...begins].map(([id, begin], index) => [id, scratch.part(begin, ends[index] ?? scratch.length)]));
}
