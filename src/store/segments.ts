/**
 * What a segment is, how its files are named, and which of them a question needs. The directory itself is kept by
 * thread/segment-directory.ts.
 *
 * A data directory holds one hot file and, in `segments/`, what rotations closed, named after the id of its first row:
 * `000000000001.closed.db` until it is sealed, then `000000000001.db` with its manifest `000000000001.json`, written last.
 */
import type { Filter, SearchRequest } from '../search/request.ts';

export const hotFileName = 'regression.db';
export const segmentsDirectoryName = 'segments';
/** Of a segment's files while they are brought back: being written, and whole but not yet in the store. */
export const restoringSuffix = '.restoring';
export const restoredSuffix = '.restored';

/** A closed part of the rows. Its rows never change; while it is `closed` it still has the hot file's few indexes. */
export interface Segment {
  readonly state: 'closed' | 'sealed';
  /** Absolute path of the database file. */
  readonly path: string;
  readonly bytes: number;
  /** Names the segment: no id is ever given out twice. */
  readonly firstId: number;
  readonly lastId: number;
  /** Of its rows, both inclusive; segments may overlap in time, never in ids. */
  readonly minTimestamp: string;
  readonly maxTimestamp: string;
}

/** What the manifest says of the rows. */
export type SegmentRange = Pick<Segment, 'firstId' | 'lastId' | 'minTimestamp' | 'maxTimestamp'>;

/** The content of `000000000001.json`. */
export interface SegmentManifest {
  readonly formatVersion: 1;
  readonly rows: number;
  readonly metadataRows: number;
  readonly bytes: number;
  readonly firstId: number;
  readonly lastId: number;
  readonly minTimestamp: string;
  readonly maxTimestamp: string;
  /** Hex, of the sealed database file. */
  readonly sha256: string;
  readonly sealedAt: string;
}

/** What a copy of the hot file goes with: the state of the store at one moment. */
export interface HotCopy {
  readonly segments: readonly Segment[];
  /** Of the last row in the store; 0 without rows. */
  readonly lastId: number;
  /** Of the first row in the hot file; null when it has none. */
  readonly firstHotId: number | null;
}

/** Why rows are not in the store any more. */
export type RemovalReason = 'archived' | 'age' | 'size' | 'disk_full';

/** False when no row of the segment can be among the answers. */
export function mayMatch(segment: SegmentRange, { start, end, afterId, untilId }: Filter): boolean {
  return (
    (start === undefined || segment.maxTimestamp >= start) &&
    (end === undefined || segment.minTimestamp < end) &&
    (afterId === undefined || segment.lastId > afterId) &&
    (untilId === undefined || segment.firstId <= untilId)
  );
}

/**
 * The filter without the bounds that all rows of the segment are within, and with the meaning of `q` alone: what the same question
 * is called tomorrow. Null when a bound cuts the segment.
 */
export function uncutBy(segment: Segment, filter: Filter): object | null {
  const { start, end, afterId, untilId, search, ...timeless } = filter;
  const isWhole =
    (start === undefined || start <= segment.minTimestamp) &&
    (end === undefined || end > segment.maxTimestamp) &&
    (afterId === undefined || afterId < segment.firstId) &&
    (untilId === undefined || untilId >= segment.lastId);
  return isWhole ? { ...timeless, query: search?.query } : null;
}

/** False when every row of the segment stood on the pages before this one. */
export function isAhead(segment: Segment, { order, after }: SearchRequest): boolean {
  if (after === undefined) return true;
  switch (order) {
    case 'arrival':
      return segment.lastId > after.id;
    case 'asc':
      return segment.maxTimestamp >= after.timestamp;
    case 'desc':
      return segment.minTimestamp <= after.timestamp;
    default:
      throw new Error(`unknown order ${String(order satisfies never)}`);
  }
}

export function segmentFileNames(firstId: number) {
  const stem = String(firstId).padStart(12, '0');
  return {
    closed: `${stem}.closed.db`,
    sealed: `${stem}.db`,
    manifest: `${stem}.json`,
    /** While it is being sealed; what stands under these names after a crash is removed. */
    unfinished: `${stem}.sealing.db`,
    unfinishedManifest: `${stem}.sealing.json`,
  };
}
