/**
 * The patterns' tables: written with the rows they count, folded when the hot file is rotated, read as a whole at the start.
 *
 * They ride along from hot file to hot file, so they must stay small: minutes are kept for two days, then hours, and at most
 * `maxCountRows` rows; what is over that goes, oldest first.
 */
import type { EncodedPatterns } from '../pattern-encoding.ts';
import type { StoredPatterns } from '../patterns.ts';
import { addPending, foldPending } from './pending-patterns.ts';
import type { Sqlite } from './sqlite.ts';

/** Minutes since 1970 older than this before now are folded into hours. */
const minutesKept = 2 * 24 * 60;
const maxCountRows = 500_000;
const maxAliases = 50_000;

const insertPatterns = `
  INSERT INTO patterns (number, application, id, template, learned, first_seen, exemplar, source)
  SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
  FROM jsonb_each(?1) WHERE true
  ON CONFLICT DO NOTHING`; // one that is known after all must not hold up the rows

const mergePatterns = `
  UPDATE patterns SET merged_into = merge.value ->> 1 FROM jsonb_each(?1) merge WHERE patterns.number = merge.value ->> 0`;

const learnPatterns = `
  UPDATE patterns SET learned = merge.value ->> 2 FROM jsonb_each(?1) merge WHERE patterns.number = merge.value ->> 1`;

const addSlots = `
  INSERT INTO pattern_slots (pattern, application_id, place, is_many, minimum, maximum)
  SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM jsonb_each(?1) WHERE true
  ON CONFLICT (pattern, application_id, place) DO UPDATE SET
    is_many = max(is_many, excluded.is_many),
    minimum = min(ifnull(minimum, excluded.minimum), ifnull(excluded.minimum, minimum)),
    maximum = max(ifnull(maximum, excluded.maximum), ifnull(excluded.maximum, maximum))`;

/** Call it inside the transaction of the rows, the first of which has the id `firstId`. */
export function appendPatterns(database: Sqlite, changes: EncodedPatterns, firstId: number): void {
  const { added, merged, slots } = changes;
  if (added !== null) database.run(insertPatterns, [added]);
  if (merged !== null) {
    database.run(mergePatterns, [merged]);
    database.run(learnPatterns, [merged]);
  }
  if (slots !== null) database.run(addSlots, [slots]);
  addPending(database, changes, firstId);
}

/** Patterns that are no aliases, in the order they were met. */
export function readPatterns(database: Sqlite): StoredPatterns {
  const patterns = database
    .all<{ number: number; application: string; source: string; id: string; template: string; learned: string }>(
      'SELECT number, application, source, id, template, learned FROM patterns WHERE merged_into IS NULL ORDER BY number',
    )
    .map(({ learned, ...pattern }) => ({ ...pattern, learned: JSON.parse(learned) as number[] }));
  const last = database.get<{ number: number | null }>('SELECT max(number) AS number FROM patterns');
  return { patterns, lastNumber: last?.number ?? 0 };
}

/** Makes the roll-ups smaller: called before the tables are copied into the next hot file. */
export function foldPatterns(database: Sqlite, nowMs: number, keepMs: number): void {
  const now = Math.floor(nowMs / 60_000);
  database.transaction(() => {
    foldPending(database);
    fold(database, now - minutesKept);
    database.run('DELETE FROM pattern_counts WHERE minute < ?1', [now - Math.floor(keepMs / 60_000)]);
    const { rows = 0 } = database.get<{ rows: number }>('SELECT count(*) AS rows FROM pattern_counts') ?? {};
    if (rows > maxCountRows) dropOldest(database, rows - maxCountRows);
    forgetAliases(database);
  });
}

function fold(database: Sqlite, before: number): void {
  database.run(
    `INSERT INTO pattern_counts (minute, pattern, application_id, severity, count, exemplar_id)
     SELECT minute / 60 * 60, pattern, application_id, severity, sum(count), max(exemplar_id) FROM pattern_counts
     WHERE minute < ?1 AND minute % 60 <> 0 GROUP BY 1, 2, 3, 4
     ON CONFLICT (minute, pattern, application_id, severity) DO UPDATE SET count = count + excluded.count`,
    [before],
  );
  database.run('DELETE FROM pattern_counts WHERE minute < ?1 AND minute % 60 <> 0', [before]);
}

function dropOldest(database: Sqlite, rows: number): void {
  database.run(
    `DELETE FROM pattern_counts
     WHERE minute <= (SELECT minute FROM pattern_counts ORDER BY minute LIMIT 1 OFFSET ?1)`,
    [rows],
  );
}

/** The oldest aliases past the bound go. Patterns stay: the daemon knows that it has told of them, and how many there may be. */
function forgetAliases(database: Sqlite): void {
  database.run(
    `DELETE FROM patterns WHERE number IN (
       SELECT number FROM patterns WHERE merged_into IS NOT NULL ORDER BY number DESC LIMIT -1 OFFSET ${maxAliases})`,
  );
  database.run('DELETE FROM pattern_counts WHERE pattern NOT IN (SELECT number FROM patterns)');
  database.run('DELETE FROM pattern_values WHERE pattern NOT IN (SELECT number FROM patterns)');
  database.run('DELETE FROM pattern_slots WHERE pattern NOT IN (SELECT number FROM patterns)');
}
