/** Sinks: positions, the batch that is out, dead letters. One delivery's outcome is one transaction. */
import { RegressionError } from '../../../runtime/errors.ts';
import type { Filter } from '../../../search/request.ts';
import type { DeadLetter, SinkCalls, SinkState } from '../../sink-state.ts';
import type { Sqlite, SqlValue } from '../sqlite.ts';

interface Row {
  readonly name: string;
  readonly position: number;
  readonly batch_last_id: number | null;
  readonly batch_rows: number;
  readonly batch_filter: string;
  readonly batch_lanes: number;
  readonly delivered_rows: number;
  readonly dropped_rows: number;
  readonly updated_at: string;
  readonly dead_letters: number;
}

type LetterRow = Omit<DeadLetter, 'isDue'> & { readonly isDue: number };

const sinkQuery = `
  SELECT sinks.*, (SELECT count(*) FROM dead_letters WHERE sink = sinks.name) AS dead_letters FROM sinks`;
const letterQuery = `
  SELECT id, sink, log_id AS logId, row, reason, attempts, is_due AS isDue, failed_at AS failedAt FROM dead_letters`;

export function sinkCalls(database: Sqlite): SinkCalls {
  const now = (): string => new Date().toISOString();
  const find = (name: string): SinkState | null => {
    const row = database.get<Row>(`${sinkQuery} WHERE name = ?1`, [name]);
    return row === undefined ? null : stateOf(row);
  };
  const letters = (condition: string, values: readonly SqlValue[]): readonly DeadLetter[] =>
    database
      .all<LetterRow>(`${letterQuery} WHERE ${condition} ORDER BY id LIMIT ?`, values)
      .map((row) => ({ ...row, isDue: row.isDue === 1 }));
  /** Of those that the statement concerns; the engine does not tell how many rows a statement changed. */
  const change = (sink: string, ids: readonly number[] | null, statement: string): number => {
    const which = 'sink = ?1 AND (?2 IS NULL OR id IN (SELECT value FROM json_each(?2)))';
    const values = [sink, ids === null ? null : JSON.stringify(ids)];
    const found = database.get<{ rows: number }>(`SELECT count(*) AS rows FROM dead_letters WHERE ${which}`, values);
    database.run(`${statement} WHERE ${which}`, values);
    return found?.rows ?? 0;
  };

  return {
    origin() {
      const row = database.get<{ value: string }>(`SELECT value FROM store_state WHERE key = 'origin'`);
      if (row === undefined) throw new RegressionError('STORE_CORRUPT', 'the store has lost its origin');
      return row.value;
    },
    openSink(name, position) {
      database.run(
        `INSERT INTO sinks (name, position, created_at, updated_at) VALUES (?1, ?2, ?3, ?3) ON CONFLICT DO NOTHING`,
        [name, position, now()],
      );
      const state = find(name);
      if (state === null) throw new RegressionError('STORE_CORRUPT', `the sink ${name} was not stored`);
      return state;
    },
    sinks: () => database.all<Row>(`${sinkQuery} ORDER BY name`).map(stateOf),
    beginBatch(name, { lastId, rows, filter, lanes }) {
      database.run(
        `UPDATE sinks SET batch_last_id = ?2, batch_rows = ?3, batch_filter = ?4, batch_lanes = ?5, updated_at = ?6
         WHERE name = ?1`,
        [name, lastId, rows, JSON.stringify(filter), lanes, now()],
      );
    },
    finishBatch(name, { position, deliveredRows, droppedRows, deadLetters }) {
      database.run(
        `UPDATE sinks SET position = ?2, delivered_rows = delivered_rows + ?3, dropped_rows = dropped_rows + ?4,
           batch_last_id = NULL, batch_rows = NULL, batch_filter = NULL, batch_lanes = NULL, updated_at = ?5
         WHERE name = ?1`,
        [name, position, deliveredRows, droppedRows, now()],
      );
      for (const { logId, row, reason } of deadLetters) {
        database.run('INSERT INTO dead_letters (sink, log_id, row, reason, failed_at) VALUES (?1, ?2, ?3, ?4, ?5)', [
          name,
          logId,
          row,
          reason,
          now(),
        ]);
      }
    },
    deadLetters: (sink, limit) => letters('(?1 IS NULL OR sink = ?1)', [sink, limit]),
    dueDeadLetters: (sink, limit) => letters('sink = ?1 AND is_due = 1', [sink, limit]),
    retryDeadLetters: (sink, ids) => change(sink, ids, 'UPDATE dead_letters SET is_due = 1'),
    dropDeadLetters: (sink, ids) => change(sink, ids, 'DELETE FROM dead_letters'),
    settleDeadLetters(sink, delivered, refused) {
      for (const id of delivered) database.run('DELETE FROM dead_letters WHERE sink = ?1 AND id = ?2', [sink, id]);
      database.run('UPDATE sinks SET delivered_rows = delivered_rows + ?2, updated_at = ?3 WHERE name = ?1', [
        sink,
        delivered.length,
        now(),
      ]);
      for (const { id, reason } of refused) {
        database.run(
          `UPDATE dead_letters SET is_due = 0, attempts = attempts + 1, reason = ?3, failed_at = ?4
           WHERE sink = ?1 AND id = ?2`,
          [sink, id, reason, now()],
        );
      }
    },
  };
}

function stateOf(row: Row): SinkState {
  const batch =
    row.batch_last_id === null
      ? null
      : {
          lastId: row.batch_last_id,
          rows: row.batch_rows,
          filter: JSON.parse(row.batch_filter) as Filter,
          lanes: row.batch_lanes,
        };
  return {
    name: row.name,
    position: row.position,
    batch,
    deliveredRows: row.delivered_rows,
    droppedRows: row.dropped_rows,
    deadLetters: row.dead_letters,
    updatedAt: row.updated_at,
  };
}
