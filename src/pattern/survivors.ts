/**
 * Which pattern counts for which, when patterns are asked for: an alias for what it became part of, and over the sources of an application,
 * which learn apart, what one of them has learned to be variable for what another still has word by word. Without that a release that logs
 * into a file of its own would seem to say all things anew.
 */
import type { PatternRow } from '../store/patterns.ts';
import { fits, leafKeyOf } from './message-words.ts';

/** Answers for the number of any of `rows`. */
export function survivorsOf(rows: readonly PatternRow[]): (number: number) => PatternRow | undefined {
  const byNumber = new Map(rows.map((row) => [row.number, row]));
  const shown = new Map<PatternRow, PatternRow>();
  const alive = rows.filter(({ mergedInto }) => mergedInto === null);
  for (const alike of Map.groupBy(alive, leafOf).values()) {
    const generals = alike
      .filter(({ learned }) => learned.length > 0)
      .sort(
        (a, b) => b.learned.length - a.learned.length || (a.id < b.id ? -1 : a.id > b.id ? 1 : a.number - b.number),
      );
    const words = new Map(alike.map((row) => [row, row.template.split(' ')]));
    /** Of several sources with the same template the first speaks for all. */
    const byId = new Map<string, PatternRow>();
    for (const row of alike) if (!byId.has(row.id)) byId.set(row.id, row);
    for (const row of alike) {
      const general = generals.find(
        (other) =>
          other.source !== row.source &&
          other.learned.length > row.learned.length &&
          fits(words.get(other) ?? [], words.get(row) ?? []),
      );
      shown.set(row, byId.get((general ?? row).id) ?? row);
    }
  }
  return (number) => {
    let row = byNumber.get(number);
    // A chain cannot be longer than there are patterns; the bound is for a table that somebody edited.
    for (let steps = 0; row !== undefined && row.mergedInto !== null && steps < byNumber.size; steps++) {
      const next = byNumber.get(row.mergedInto);
      if (next === undefined) break;
      row = next;
    }
    return row === undefined ? undefined : (shown.get(row) ?? row);
  };
}

function leafOf({ application, template }: PatternRow): string {
  return `${application}\0${leafKeyOf(template.split(' '))}`;
}
