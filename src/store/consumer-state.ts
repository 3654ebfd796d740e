/** What the store remembers of consumers: where each stands, the batch it has out, and what was given up. */
import type { Filter, IdRange } from '../search/request.ts';

export interface ConsumerBatch {
  readonly id: string;
  readonly firstId: number;
  readonly lastId: number;
  readonly rows: number;
  /** Ids that had gone to retention before they were read, or have gone since; it may reach into the batch. */
  readonly gap: IdRange | null;
  /** 1 at the first delivery. */
  readonly deliveries: number;
  readonly leaseUntilMs: number;
}

export interface Consumer {
  readonly name: string;
  readonly owner: string;
  readonly filter: Filter;
  /** How long a batch is leased: unacknowledged after that it is delivered again. */
  readonly ackWaitMs: number;
  readonly maxDeliver: number;
  /** Rows up to this id are done with. */
  readonly position: number;
  readonly batch: ConsumerBatch | null;
  readonly ackedRows: number;
  readonly parkedBatches: number;
  /** Ids that went to retention unread, or while their batch was out; ever. */
  readonly lostIds: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface ParkedBatch {
  readonly consumer: string;
  readonly firstId: number;
  readonly lastId: number;
  readonly rows: number;
  readonly parkedAt: string;
}

/** Every call but `consumers` and `createConsumer` throws RegressionError `NOT_FOUND` for an unknown name. */
export interface ConsumerCalls {
  consumers(): readonly Consumer[];
  consumer(name: string): Consumer;
  /** @throws RegressionError `CONFLICT` when it is there with another filter or owner; its lease settings may change. */
  createConsumer(consumer: {
    readonly name: string;
    readonly owner: string;
    readonly filter: Filter;
    readonly ackWaitMs: number;
    readonly maxDeliver: number;
    readonly position: number;
  }): Consumer;
  removeConsumer(name: string): Consumer;
  /**
   * The batch that is out, if any. When its lease has run out it is leased anew, one delivery more; past `maxDeliver` it is
   * parked and none is out.
   */
  renewBatch(name: string, nowMs: number): Consumer;
  /**
   * Leases a new batch that begins behind `position`. When another pull was quicker, its batch stays: the answer says which is out.
   * @param lostIds within the batch's gap.
   */
  leaseBatch(
    name: string,
    position: number,
    batch: Omit<ConsumerBatch, 'deliveries' | 'leaseUntilMs'>,
    lostIds: number,
    nowMs: number,
  ): Consumer;
  /** Retention has taken `holes` out of the batch that is out: they become part of its gap, and count once. */
  cutBatch(name: string, batchId: string, holes: readonly IdRange[]): Consumer;
  /** Moves on where no row was wanted, unless a batch is out or the position has moved. */
  skipTo(name: string, from: number, to: number, lostIds: number): Consumer;
  /** Idempotent for the batch acknowledged last. @throws RegressionError `CONFLICT` for a batch that is not out. */
  ackBatch(name: string, batchId: string): Consumer;
  /** Ends the lease after `delayMs`. @throws RegressionError `CONFLICT`. */
  nakBatch(name: string, batchId: string, untilMs: number): Consumer;
  /** The batch that is out is dropped. */
  seekConsumer(name: string, position: number): Consumer;
  parkedBatches(name: string): readonly ParkedBatch[];
}
