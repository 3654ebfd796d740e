/**
 * Writes rows of several files, in any order, from pages: for a page of many rows in the order of time, which hardly differs from that of
 * arrival. Rows that lie far apart are the engine's: it finds each by itself.
 */
import type { RowPlace } from '../../search/request.ts';
import type { Segment } from '../segments.ts';
import { JsonText } from '../json-text.ts';
import { leastReusedBytes } from '../page-memory.ts';
import { fromPages } from './pages/page-file.ts';
import { expectedRowBytes, firstRowsAtOnce, maxPageText } from './row-lines.ts';
import { RowWriter } from './row-writer.ts';
import { type Sources, databaseOf } from './sources.ts';

/** Below, opening the files costs more than is gained. */
export const fewestPlaced = 500;
/** Rows whose text is made before it is copied, at most: what stays in the processor's cache. */
const mostRowsAtOnce = 2048;
/** Ids that are walked for each row that is wanted, at most. */
const mostIdsPerRow = 4;

export interface PlacedRow extends RowPlace {
  /** Null for the hot file. */
  readonly segment: Segment | null;
}

interface WrittenPage {
  /** Of the first `rowCount` rows, each with its newline. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly rowCount: number;
}

/**
 * Null where it is for the engine: rows far apart, and files that are not as expected.
 * @param memory for the bytes of a large page.
 */
export function writePlacedRows(
  sources: Sources,
  openPages: NonNullable<Sources['openPages']>,
  rows: readonly PlacedRow[],
  memory?: ArrayBuffer,
): WrittenPage | null {
  const files = Map.groupBy(rows, ({ segment }) => segment);
  if (![...files.values()].every(isDense)) return null;
  return fromPages(openPages, (open) => {
    const writers = new Map(
      [...files.keys()].map((segment) => {
        const database = databaseOf(sources, segment);
        return [segment, new RowWriter(database, () => open(segment), {})];
      }),
    );
    return written(writers, rows, memory);
  });
}

function isDense(rows: readonly PlacedRow[]): boolean {
  let [least, most] = [Infinity, 0];
  for (const { id } of rows) {
    least = Math.min(least, id);
    most = Math.max(most, id);
  }
  return most - least < rows.length * mostIdsPerRow;
}

type Writers = ReadonlyMap<Segment | null, RowWriter>;

/** Rows in the order of ids, which are then copied into that of the page. Kept, since fresh memory costs more than what is done in it. */
let scratch = new JsonText(firstRowsAtOnce * expectedRowBytes);
const mostScratchBytes = 4 * 1024 * 1024;
/** Where the text of each row begins and ends in it, by its place among the rows. */
const spans = new Float64Array(mostRowsAtOnce * 2);

/** Some rows at a time, since they may be long. */
function written(writers: Writers, rows: readonly PlacedRow[], memory?: ArrayBuffer): WrittenPage | null {
  const expectedBytes = Math.min(rows.length * expectedRowBytes, maxPageText);
  const page = new JsonText(expectedBytes, expectedBytes < leastReusedBytes ? undefined : memory);
  let [rowCount, atOnce] = [0, firstRowsAtOnce];
  while (rowCount < rows.length) {
    const chunk = rows.slice(rowCount, rowCount + atOnce);
    if (!writeById(writers, chunk)) return null;
    for (let index = 0; index < chunk.length; index++) {
      const [begin = 0, end = 0] = [spans[index * 2], spans[index * 2 + 1]];
      if (page.length + end - begin > maxPageText && rowCount > 0) return { bytes: page.takeBytes(), rowCount };
      page.append(scratch, begin, end);
      rowCount++;
    }
    const room = Math.max(Math.floor((maxPageText - page.length) / (page.length / rowCount)), 1);
    atOnce = Math.min(atOnce * 8, mostRowsAtOnce, room);
  }
  return { bytes: page.takeBytes(), rowCount };
}

/** Into `scratch` and `spans`. Ids of different files do not overlap, so the files follow each other. False when a row is missing. */
function writeById(writers: Writers, rows: readonly PlacedRow[]): boolean {
  if (scratch.capacity > mostScratchBytes) scratch = new JsonText(firstRowsAtOnce * expectedRowBytes);
  scratch.cutAt(0);
  const idOf = (index: number): number => rows[index]?.id ?? 0;
  let before: PlacedRow | undefined;
  // In the order of time they are nearly in that of ids, or in its reverse: both are soon sorted.
  for (const index of [...rows.keys()].sort((a, b) => idOf(a) - idOf(b))) {
    const row = rows[index];
    const writer = row === undefined ? undefined : writers.get(row.segment);
    if (row === undefined || writer === undefined) return false;
    if (before?.segment !== row.segment) writer.seek(row.id);
    before = row;
    do if (!writer.next() || writer.id > row.id) return false;
    while (writer.id < row.id);
    if (!writer.find()) return false;
    spans[index * 2] = scratch.length;
    writer.write(scratch);
    spans[index * 2 + 1] = scratch.length;
  }
  return true;
}
