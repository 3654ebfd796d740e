/** Which segments were taken out of the store, and why: rows live + removed = rows ever stored. */
import type { RemovalReason, Segment } from '../../segments.ts';
import type { RemovalCalls, RemovedSegment } from '../../state.ts';
import type { Sqlite } from '../sqlite.ts';

/** Call it inside a transaction. */
export function recordRemoval(
  database: Sqlite,
  segments: readonly Segment[],
  reason: RemovalReason,
  nowMs: number,
): void {
  const removedAt = new Date(nowMs).toISOString();
  for (const { firstId, lastId, minTimestamp, maxTimestamp } of segments) {
    forgetBetween(database, firstId, lastId); // it had been brought back
    put(database, { firstId, lastId, minTimestamp, maxTimestamp, reason, removedAt, restoredAt: null });
  }
}

function put(database: Sqlite, removal: Omit<RemovedSegment, 'rows'>): void {
  const { firstId, lastId, minTimestamp, maxTimestamp, reason, removedAt, restoredAt } = removal;
  database.run(
    `INSERT INTO removed_segments
       (first_id, last_id, row_count, min_timestamp, max_timestamp, reason, removed_at, restored_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    [firstId, lastId, lastId - firstId + 1, minTimestamp, maxTimestamp, reason, removedAt, restoredAt],
  );
}

/** First ids of the segments that are not to be in the store, or that were brought back into it. */
export function removedIds(database: Sqlite, { isRestored }: { readonly isRestored: boolean }): ReadonlySet<number> {
  const rows = database.all<{ id: number }>(
    'SELECT first_id AS id FROM removed_segments WHERE (restored_at IS NOT NULL) = ?',
    [isRestored ? 1 : 0],
  );
  return new Set(rows.map(({ id }) => id));
}

const removalQuery = `
  SELECT first_id AS firstId, last_id AS lastId, row_count AS rows, min_timestamp AS minTimestamp,
    max_timestamp AS maxTimestamp, reason, removed_at AS removedAt, restored_at AS restoredAt
  FROM removed_segments`;

export function removalCalls(database: Sqlite): RemovalCalls {
  return {
    removedSegments: () => database.all<RemovedSegment>(`${removalQuery} ORDER BY first_id`),
    noteRestored(segments, now) {
      for (const { firstId, lastId } of segments) noteOneRestored(database, firstId, lastId, now);
    },
  };
}

/** What comes back need not be cut as what was removed was: of a removal that reaches beyond it, the rest stays removed. */
function noteOneRestored(database: Sqlite, firstId: number, lastId: number, restoredAt: string): void {
  const met = forgetBetween(database, firstId, lastId);
  const [first] = met;
  if (first === undefined) return; // of rows that this store has never had
  const rests = met.flatMap((removal) => [
    { ...removal, lastId: Math.min(removal.lastId, firstId - 1) },
    { ...removal, firstId: Math.max(removal.firstId, lastId + 1) },
  ]);
  for (const rest of rests) if (rest.restoredAt === null && rest.firstId <= rest.lastId) put(database, rest);
  put(database, { ...first, firstId, lastId, restoredAt });
}

/** @returns what it forgets: each removal that has a row between the two, oldest first. */
function forgetBetween(database: Sqlite, firstId: number, lastId: number): readonly RemovedSegment[] {
  const condition = 'WHERE first_id <= ?2 AND last_id >= ?1';
  const met = database.all<RemovedSegment>(`${removalQuery} ${condition} ORDER BY first_id`, [firstId, lastId]);
  database.run(`DELETE FROM removed_segments ${condition}`, [firstId, lastId]);
  return met;
}
