/**
 * Consumers: where each stands and which batch it has out. Every decision that two pulls could race for is made here, inside
 * one transaction of the one writer.
 */
import { RegressionError } from '../../../runtime/errors.ts';
import type { Filter } from '../../../search/request.ts';
import type { Consumer, ConsumerCalls, ParkedBatch } from '../../consumer-state.ts';
import type { Sqlite } from '../sqlite.ts';

interface Row {
  readonly name: string;
  readonly owner: string;
  readonly filter: string;
  readonly ack_wait_ms: number;
  readonly max_deliver: number;
  readonly position: number;
  readonly batch_id: string | null;
  readonly batch_first_id: number;
  readonly batch_last_id: number;
  readonly batch_rows: number;
  readonly batch_gap_first_id: number | null;
  readonly batch_gap_last_id: number | null;
  readonly batch_deliveries: number;
  readonly lease_until_ms: number;
  readonly acked_batch_id: string | null;
  readonly acked_rows: number;
  readonly parked_batches: number;
  readonly lost_ids: number;
  readonly created_at: string;
  readonly updated_at: string;
}

type Change = Partial<Record<keyof Row, string | number | null>>;

const noBatch = {
  batch_id: null,
  batch_first_id: null,
  batch_last_id: null,
  batch_rows: null,
  batch_gap_first_id: null,
  batch_gap_last_id: null,
  batch_deliveries: null,
  lease_until_ms: null,
} as const satisfies Change;

export function consumerCalls(database: Sqlite): ConsumerCalls {
  const rowOf = (name: string): Row => {
    const row = database.get<Row>('SELECT * FROM consumers WHERE name = ?1', [name]);
    if (row === undefined) throw new RegressionError('NOT_FOUND', `there is no consumer ${name}`);
    return row;
  };
  const change = (name: string, to: Change): Consumer => {
    const columns = Object.keys(to); // our own names, never a request's
    const values = Object.values(to);
    database.run(
      `UPDATE consumers SET ${columns.map((column) => `${column} = ?`).join(', ')}, updated_at = ? WHERE name = ?`,
      [...values, new Date().toISOString(), name],
    );
    return consumerOf(rowOf(name));
  };
  const park = (row: Row): Consumer => {
    database.run(
      'INSERT INTO consumer_parked (consumer, first_id, last_id, row_count, parked_at) VALUES (?1, ?2, ?3, ?4, ?5)',
      [row.name, row.batch_first_id, row.batch_last_id, row.batch_rows, new Date().toISOString()],
    );
    return change(row.name, {
      ...noBatch,
      position: row.batch_last_id,
      parked_batches: row.parked_batches + 1,
    });
  };
  const outstanding = (name: string, batchId: string): Row => {
    const row = rowOf(name);
    if (row.batch_id === batchId) return row;
    throw new RegressionError('CONFLICT', `batch ${batchId} is not out with consumer ${name}`, {
      hint: 'It was acknowledged or parked, or the consumer was moved: pull again.',
    });
  };

  return {
    consumers: () => database.all<Row>('SELECT * FROM consumers ORDER BY name').map(consumerOf),
    consumer: (name) => consumerOf(rowOf(name)),
    createConsumer({ name, owner, filter, ackWaitMs, maxDeliver, position }) {
      const known = database.get<Row>('SELECT * FROM consumers WHERE name = ?1', [name]);
      if (known !== undefined) {
        if (known.filter !== JSON.stringify(filter) || known.owner !== owner) {
          throw new RegressionError('CONFLICT', `there is a consumer ${name} with another filter or owner`, {
            hint: 'Choose another name, or delete it first.',
          });
        }
        return change(name, { ack_wait_ms: ackWaitMs, max_deliver: maxDeliver });
      }
      database.run(
        `INSERT INTO consumers (name, owner, filter, ack_wait_ms, max_deliver, position, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)`,
        [name, owner, JSON.stringify(filter), ackWaitMs, maxDeliver, position, new Date().toISOString()],
      );
      return consumerOf(rowOf(name));
    },
    removeConsumer(name) {
      const consumer = consumerOf(rowOf(name));
      database.run('DELETE FROM consumer_parked WHERE consumer = ?1', [name]);
      database.run('DELETE FROM consumers WHERE name = ?1', [name]);
      return consumer;
    },
    renewBatch(name, nowMs) {
      const row = rowOf(name);
      if (row.batch_id === null || row.lease_until_ms > nowMs) return consumerOf(row);
      if (row.batch_deliveries >= row.max_deliver) return park(row);
      return change(name, {
        batch_deliveries: row.batch_deliveries + 1,
        lease_until_ms: nowMs + row.ack_wait_ms,
      });
    },
    leaseBatch(name, position, { id, firstId, lastId, rows, gap }, lostIds, nowMs) {
      const row = rowOf(name);
      if (row.batch_id !== null || row.position !== position) return consumerOf(row);
      return change(name, {
        batch_id: id,
        batch_first_id: firstId,
        batch_last_id: lastId,
        batch_rows: rows,
        batch_gap_first_id: gap?.firstId ?? null,
        batch_gap_last_id: gap?.lastId ?? null,
        batch_deliveries: 1,
        lease_until_ms: nowMs + row.ack_wait_ms,
        lost_ids: row.lost_ids + lostIds,
      });
    },
    cutBatch(name, batchId, holes) {
      const row = rowOf(name);
      const told = row.batch_gap_last_id ?? 0;
      const fresh = holes
        .filter(({ lastId }) => lastId > told)
        .map(({ firstId, lastId }) => ({ firstId: Math.max(firstId, told + 1), lastId }));
      const [first, last] = [fresh[0], fresh.at(-1)];
      if (row.batch_id !== batchId || first === undefined || last === undefined) return consumerOf(row);
      return change(name, {
        batch_gap_first_id: row.batch_gap_first_id ?? first.firstId,
        batch_gap_last_id: last.lastId,
        lost_ids: fresh.reduce((sum, { firstId, lastId }) => sum + lastId - firstId + 1, row.lost_ids),
      });
    },
    skipTo(name, from, to, lostIds) {
      const row = rowOf(name);
      if (row.batch_id !== null || row.position !== from || to <= from) return consumerOf(row);
      return change(name, { position: to, lost_ids: row.lost_ids + lostIds });
    },
    ackBatch(name, batchId) {
      const known = rowOf(name);
      if (known.acked_batch_id === batchId) return consumerOf(known);
      const row = outstanding(name, batchId);
      return change(name, {
        ...noBatch,
        position: row.batch_last_id,
        acked_batch_id: batchId,
        acked_rows: row.acked_rows + row.batch_rows,
      });
    },
    nakBatch(name, batchId, untilMs) {
      outstanding(name, batchId);
      return change(name, { lease_until_ms: untilMs });
    },
    seekConsumer: (name, position) => {
      rowOf(name);
      return change(name, { ...noBatch, position });
    },
    parkedBatches(name) {
      rowOf(name);
      return database.all<ParkedBatch>(
        `SELECT consumer, first_id AS firstId, last_id AS lastId, row_count AS rows, parked_at AS parkedAt
         FROM consumer_parked WHERE consumer = ?1 ORDER BY id`,
        [name],
      );
    },
  };
}

function consumerOf(row: Row): Consumer {
  const gap =
    row.batch_gap_first_id === null || row.batch_gap_last_id === null
      ? null
      : { firstId: row.batch_gap_first_id, lastId: row.batch_gap_last_id };
  return {
    name: row.name,
    owner: row.owner,
    filter: JSON.parse(row.filter) as Filter,
    ackWaitMs: row.ack_wait_ms,
    maxDeliver: row.max_deliver,
    position: row.position,
    batch:
      row.batch_id === null
        ? null
        : {
            id: row.batch_id,
            firstId: row.batch_first_id,
            lastId: row.batch_last_id,
            rows: row.batch_rows,
            gap,
            deliveries: row.batch_deliveries,
            leaseUntilMs: row.lease_until_ms,
          },
    ackedRows: row.acked_rows,
    parkedBatches: row.parked_batches,
    lostIds: row.lost_ids,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
