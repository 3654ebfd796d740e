/** Merges what files have in the order of time: their times overlap, as entries come late and clocks are set. */
import type { RowPlace, SearchRequest } from '../../search/request.ts';
import { type Segment, isAhead, mayMatch } from '../segments.ts';
import type { Sources } from './sources.ts';

export interface Merged<Row> {
  /** In the order asked for, at most `limit`. */
  readonly rows: readonly Row[];
  /** There are more, within `limit`, that are not here. */
  readonly isCut: boolean;
}

/**
 * The files are asked in the order in which their rows begin, until the page is full and the next file begins behind its end.
 * @param rowsOf a file's rows, in the order asked for; of the hot file for null.
 */
export function mergedByTime<Row extends RowPlace>(
  { segments }: Sources,
  asked: SearchRequest,
  rowsOf: (segment: Segment | null) => Merged<Row>,
): Merged<Row> {
  const { limit } = asked;
  const isNewestFirst = asked.order === 'desc';
  const isBefore = (a: string, b: string): boolean => (isNewestFirst ? a > b : a < b);
  const compare = (a: Row, b: Row): number => {
    if (a.timestamp !== b.timestamp) return isBefore(a.timestamp, b.timestamp) ? -1 : 1;
    return isNewestFirst ? b.id - a.id : a.id - b.id;
  };
  const beginOf = ({ minTimestamp, maxTimestamp }: Segment): string => (isNewestFirst ? maxTimestamp : minTimestamp);
  const inOrder = segments
    .filter((segment) => mayMatch(segment, asked.filter) && isAhead(segment, asked))
    .sort((a, b) => (isBefore(beginOf(a), beginOf(b)) ? -1 : 1));

  let rows: readonly Row[] = [];
  /** Behind this row a file has more that are not here. */
  let end: Row | undefined;
  for (const segment of [null, ...inOrder]) {
    const lastWanted = rows.length >= limit ? rows[limit - 1] : end;
    if (segment !== null && lastWanted !== undefined && isBefore(lastWanted.timestamp, beginOf(segment))) break;
    const found = rowsOf(segment);
    const last = found.rows.at(-1);
    if (last === undefined) continue;
    if (found.isCut && (end === undefined || compare(last, end) < 0)) end = last;
    rows = rows.length === 0 ? found.rows : [...rows, ...found.rows].sort(compare).slice(0, limit);
  }
  const cut = end === undefined ? -1 : rows.findIndex((row) => end !== undefined && compare(row, end) > 0);
  return { rows: cut < 0 ? rows : rows.slice(0, cut), isCut: end !== undefined };
}
