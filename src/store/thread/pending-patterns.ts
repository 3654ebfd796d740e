/**
 * Counts and values of patterns as the last batches brought them. A batch under load has hundreds of counts that the next one has again:
 * to add each to its row in each batch costs more than all else that patterns cost. So a batch leaves them in one row of
 * `pattern_pending`, in the transaction of its rows; every few batches they are added up and folded, and whoever reads adds them up too.
 */
import { countFields } from '../../record/pattern-counts.ts';
import { type Severity, severities } from '../../record/severity.ts';
import { JsonbWriter } from '../jsonb.ts';
import type { EncodedPatterns, ValueRow } from '../pattern-encoding.ts';
import type { ReleaseValue } from '../patterns.ts';
import type { Sqlite } from './sqlite.ts';

/** Batches, at most, whose counts wait. */
const maxPending = 32;
/** A batch with more than this is folded at once, with those that wait. */
const maxPendingBytes = 256 * 1024;

export interface PendingCount {
  readonly pattern: number;
  readonly release: number;
  readonly severity: Severity;
  /** Minutes since 1970 UTC. */
  readonly minute: number;
  readonly count: number;
  readonly exemplarId: number;
}

export interface Pending {
  readonly counts: readonly PendingCount[];
  readonly values: readonly ReleaseValue[];
}

const addCounts = `
  INSERT INTO pattern_counts (minute, pattern, application_id, severity, count, exemplar_id)
  SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM jsonb_each(?1) WHERE true
  ON CONFLICT (minute, pattern, application_id, severity) DO UPDATE SET count = count + excluded.count`;

const addValues = `
  INSERT INTO pattern_values (pattern, application_id, place, value, count, first_seen)
  SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?1) change
  WHERE NOT EXISTS (
    SELECT 1 FROM pattern_slots slot
    WHERE slot.pattern = change.value ->> 0 AND slot.application_id = change.value ->> 1 AND slot.place = change.value ->> 2 AND slot.is_many)
  ON CONFLICT (pattern, application_id, place, value) DO UPDATE SET
    count = count + excluded.count, first_seen = min(first_seen, excluded.first_seen)`;

/** Call it inside the transaction of the rows, the first of which has the id `firstId`. */
export function addPending(database: Sqlite, { counts, values }: EncodedPatterns, firstId: number): void {
  if (counts.length === 0) return;
  database.run('INSERT INTO pattern_pending (first_id, counts, "values") VALUES (?1, ?2, ?3)', [
    firstId,
    counts,
    values,
  ]);
  // The table is emptied as a whole, so the last id is how many there are.
  const waiting = database.get<{ id: number }>('SELECT max(id) AS id FROM pattern_pending')?.id ?? 0;
  if (waiting >= maxPending || counts.length + values.length > maxPendingBytes) foldPending(database);
}

/** Call it inside a transaction. */
export function foldPending(database: Sqlite): void {
  const { counts, values } = readPending(database);
  if (counts.length === 0) return;
  database.run(addCounts, [encodedCounts(counts)]);
  if (values.length > 0) {
    database.run(addValues, [
      JSON.stringify(
        values.map(({ pattern, release, place, value, count, firstSeen }): ValueRow => [
          pattern,
          release,
          place,
          value,
          count,
          firstSeen,
        ]),
      ),
    ]);
  }
  database.run('DELETE FROM pattern_pending');
}

/** In the order of the table's key, so that a row's place is most often behind the one before. */
function encodedCounts(counts: readonly PendingCount[]): Uint8Array<ArrayBuffer> {
  const writer = new JsonbWriter(counts.length * 48);
  const all = writer.beginArray();
  for (const one of counts.toSorted((a, b) => a.minute - b.minute || a.pattern - b.pattern || a.release - b.release)) {
    const row = writer.beginArray();
    for (const number of [one.minute, one.pattern, one.release]) writer.integer(number);
    writer.text(one.severity);
    for (const number of [one.count, one.exemplarId]) writer.integer(number);
    writer.end(row);
  }
  writer.end(all);
  return writer.toBytes();
}

/** Added up: one count a minute, pattern, release and severity, one value a variable and release. */
export function readPending(database: Sqlite): Pending {
  const rows = database.all<{ firstId: number; counts: Uint8Array; values: string }>(
    'SELECT first_id AS firstId, counts, "values" FROM pattern_pending ORDER BY id',
  );
  const counts = new AddedCounts();
  const values = new Map<string, { -readonly [Key in keyof ReleaseValue]: ReleaseValue[Key] }>();
  for (const row of rows) {
    counts.add(row.counts, row.firstId);
    for (const [pattern, release, place, value, count, firstSeen] of JSON.parse(row.values) as ValueRow[]) {
      const key = `${pattern} ${release} ${place} ${value}`;
      const known = values.get(key);
      if (known === undefined) values.set(key, { pattern, release, place, value, count, firstSeen });
      else {
        known.count += count;
        if (firstSeen < known.firstSeen) known.firstSeen = firstSeen;
      }
    }
  }
  return { counts: counts.all, values: [...values.values()] };
}

type AddedCount = { -readonly [Key in keyof PendingCount]: PendingCount[Key] };

/** Some ten thousand counts come at once under load: found by numbers, since making a text of each took longer than all else here. */
class AddedCounts {
  readonly all: AddedCount[] = [];
  /** By release, then by pattern and severity, then by minute. */
  readonly #found = new Map<number, Map<number, Map<number, AddedCount>>>();

  add(bytes: Uint8Array, firstId: number): void {
    const cells = new Int32Array(bytes.slice().buffer); // a copy begins where 32-bit integers may
    for (let at = 0; at + countFields <= cells.length; at += countFields) {
      const [minute, pattern, release] = [cells[at] ?? 0, cells[at + 1] ?? 0, cells[at + 2] ?? 0];
      const [rank, count, record] = [cells[at + 3] ?? 0, cells[at + 4] ?? 0, cells[at + 5] ?? 0];
      const byMinute = below(below(this.#found, release), pattern * severities.length + rank);
      const known = byMinute.get(minute);
      if (known !== undefined) {
        known.count += count;
        continue;
      }
      const severity = severities[rank] ?? 'INFO';
      const added = { pattern, release, severity, minute, count, exemplarId: firstId + record };
      byMinute.set(minute, added);
      this.all.push(added);
    }
  }
}

function below<Value>(tree: Map<number, Map<number, Value>>, key: number): Map<number, Value> {
  let branch = tree.get(key);
  if (branch === undefined) {
    branch = new Map();
    tree.set(key, branch);
  }
  return branch;
}
