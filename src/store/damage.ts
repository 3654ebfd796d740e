/** What became of a database file that could not be used (the hot one: thread/damage.ts; a segment: thread/segment-directory.ts). */
export interface Damage {
  readonly foundAt: string;
  /** Where the damaged file is now. */
  readonly setAsideAs: string;
  readonly reason: string;
  readonly salvagedRows: number;
  /** Null when nobody can tell how many rows the file held. */
  readonly lostRows: number | null;
}
