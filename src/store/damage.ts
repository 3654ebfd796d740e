/**
 * What became of a database file that could not be used (the hot one: thread/damage.ts; a segment: thread/segment-directory.ts),
 * and what is said of it.
 */
import { existsSync } from 'node:fs';

export interface Damage {
  readonly foundAt: string;
  /** Where the damaged file is now. */
  readonly setAsideAs: string;
  readonly reason: string;
  readonly salvagedRows: number;
  /** Null when nobody can tell how many rows the file held. */
  readonly lostRows: number | null;
}

/** Where a damaged file is set aside: beside the one that takes its place, `*.corrupt-20261124T030000Z`. */
export function setAsidePath(path: string, foundAt: string): string {
  return `${path}.corrupt-${foundAt.replaceAll(/[-:]|\.\d+/g, '')}`;
}

/**
 * What health says; null when there is nothing to do. Not a failure: nothing that restarts or takes traffic away brings rows back. It
 * is said until somebody has dealt with the files set aside; `lostRows` of the store's statistics never forgets.
 */
export function damageWarning(damages: readonly Damage[]): string | null {
  const left = damages.filter(({ setAsideAs }) => existsSync(setAsideAs));
  return left.length === 0 ? null : left.map(damageText).join('; ');
}

export function damageText({ foundAt, setAsideAs, reason, salvagedRows, lostRows }: Damage): string {
  const lost = lostRows === null ? 'an unknown number of rows is' : `${lostRows} rows are`;
  return `${foundAt} a database file was set aside as ${setAsideAs} (${reason}): ${salvagedRows} rows salvaged, ${lost} lost`;
}

/** What to do about it. */
export const damageHint =
  'Restore what is missing from a backup (regression restore), or keep the file elsewhere; health warns until it is moved away or removed.';
