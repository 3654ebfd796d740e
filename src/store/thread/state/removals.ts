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
  for (const { firstId, lastId, minTimestamp, maxTimestamp } of segments) {
    database.run(
      `INSERT OR REPLACE INTO removed_segments
         (first_id, last_id, row_count, min_timestamp, max_timestamp, reason, removed_at, restored_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, NULL)`,
      [firstId, lastId, lastId - firstId + 1, minTimestamp, maxTimestamp, reason, new Date(nowMs).toISOString()],
    );
  }
}

/** First ids of the segments that are not to be in the store, or that were brought back into it. */
export function removedIds(database: Sqlite, { isRestored }: { readonly isRestored: boolean }): ReadonlySet<number> {
  const rows = database.all<{ id: number }>(
    'SELECT first_id AS id FROM removed_segments WHERE (restored_at IS NOT NULL) = ?',
    [isRestored ? 1 : 0],
  );
  return new Set(rows.map(({ id }) => id));
}

export function removalCalls(database: Sqlite): RemovalCalls {
  return {
    removedSegments: () =>
      database.all<RemovedSegment>(
        `SELECT first_id AS firstId, last_id AS lastId, row_count AS rows, min_timestamp AS minTimestamp,
           max_timestamp AS maxTimestamp, reason, removed_at AS removedAt, restored_at AS restoredAt
         FROM removed_segments ORDER BY first_id`,
      ),
    noteRestored(segments, now) {
      for (const { firstId, lastId } of segments) {
        database.run(
          `INSERT INTO removed_segments (first_id, last_id, row_count, min_timestamp, max_timestamp, reason, removed_at)
           SELECT ?2 + 1, last_id, last_id - ?2, min_timestamp, max_timestamp, reason, removed_at
           FROM removed_segments WHERE first_id = ?1 AND last_id > ?2 AND restored_at IS NULL`,
          [firstId, lastId],
        );
        database.run(
          `UPDATE removed_segments SET restored_at = ?3, last_id = min(last_id, ?2), row_count = min(last_id, ?2) - first_id + 1
           WHERE first_id = ?1`,
          [firstId, lastId, now],
        );
      }
    },
  };
}
