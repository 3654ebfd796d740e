/** Answers questions about patterns from their roll-ups, which are all in the hot file: no row is counted. */
import type {
  PatternCell,
  PatternHistory,
  PatternHistoryRequest,
  PatternRow,
  Release,
  ReleaseSlot,
  ReleaseValue,
} from '../patterns.ts';
import type { Sqlite } from './sqlite.ts';

/** More cells than this are not answered in full: the newest ones are left. */
const maxCells = 300_000;
const maxValueRows = 200_000;

const matchingReleases = `
  SELECT id FROM applications
  WHERE name = ifnull(?1, name) AND ifnull(version, '') = ifnull(?2, ifnull(version, ''))
    AND ifnull(environment, '') = ifnull(?3, ifnull(environment, ''))`;

const cellsQuery = `
  SELECT pattern, application_id AS release, severity, (minute - ?4) / ?6 AS bucket, sum(count) AS count,
    min(minute) AS firstMinute, max(minute) AS lastMinute, max(exemplar_id) AS exemplarId
  FROM pattern_counts
  WHERE minute >= ?4 AND minute < ?5 AND application_id IN (${matchingReleases})
  GROUP BY pattern, application_id, severity, bucket
  ORDER BY bucket DESC, pattern, release, severity LIMIT ${maxCells}`;

export function patternHistory(database: Sqlite, request: PatternHistoryRequest): PatternHistory {
  const { fromMinute, toMinute, stepMinutes, application = null, version = null, environment = null } = request;
  const release = [application, version, environment];
  const cells = database.all<PatternCell & Record<string, string | number>>(cellsQuery, [
    ...release,
    fromMinute,
    toMinute,
    stepMinutes,
  ]);
  const patterns = patternsOf(database, new Set(cells.map(({ pattern }) => pattern)));
  const numbers = JSON.stringify(patterns.map(({ number }) => number));
  const ofThese = `pattern IN (SELECT value FROM json_each(?4)) AND application_id IN (${matchingReleases})`;
  const values = database.all<ReleaseValue & Record<string, string | number>>(
    `SELECT pattern, application_id AS release, place, value, count, first_seen AS firstSeen FROM pattern_values
     WHERE ${ofThese} ORDER BY pattern, application_id, place, count DESC, value LIMIT ${maxValueRows}`,
    [...release, numbers],
  );
  const slots = database.all<Omit<ReleaseSlot, 'isMany'> & { isMany: number }>(
    `SELECT pattern, application_id AS release, place, is_many AS isMany, minimum, maximum FROM pattern_slots
     WHERE ${ofThese} ORDER BY pattern, application_id, place LIMIT ${maxValueRows}`,
    [...release, numbers],
  );
  return {
    patterns,
    releases: database.all<Release & Record<string, string | number | null>>(
      `SELECT id, name, version, environment FROM applications WHERE id IN (${matchingReleases}) ORDER BY id`,
      release,
    ),
    cells,
    values,
    slots: slots.map(({ isMany, ...slot }) => ({ ...slot, isMany: isMany === 1 })),
    oldestMinute:
      database.get<{ minute: number }>('SELECT minute FROM pattern_counts ORDER BY minute LIMIT 1')?.minute ?? null,
  };
}

/** Those with these numbers, and what they were merged into. */
function patternsOf(database: Sqlite, numbers: ReadonlySet<number>): PatternRow[] {
  type Row = Omit<PatternRow, 'learned'> & { readonly learned: string };
  const rows = database.all<Row & Record<string, string | number | null>>(
    `SELECT number, application, id, template, learned, merged_into AS mergedInto, first_seen AS firstSeen, exemplar
     FROM patterns ORDER BY number`,
  );
  const byNumber = new Map(rows.map((row) => [row.number, row]));
  const wanted = new Set<Row>();
  for (const row of rows) {
    if (!numbers.has(row.number)) continue;
    let next: Row | undefined = row;
    while (next !== undefined && !wanted.has(next)) {
      wanted.add(next);
      next = next.mergedInto === null ? undefined : byNumber.get(next.mergedInto);
    }
  }
  return rows
    .filter((row) => wanted.has(row))
    .map(({ learned, ...row }) => ({ ...row, learned: JSON.parse(learned) as number[] }));
}
