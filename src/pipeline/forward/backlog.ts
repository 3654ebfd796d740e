/**
 * What happens when more waits for a sink than may: which rows go unsent, or that no more are taken. It decides and remembers; the runner
 * passes over the rows and counts them.
 *
 * Rows are counted by their ids, so the bound is about: ids that the sink does not want weigh as much as those that it does. What it
 * remembers ends with the daemon: after a restart what is too much is found anew, and nothing is counted twice.
 */
import type { CommonSinkOptions } from '../../sinks/options.ts';
import type { Admission } from './admission.ts';

/** Rows behind `fromId` up to `untilId` go unsent, but for those to be kept; null: whatever comes, too. */
interface Gap {
  readonly fromId: number;
  untilId: number | null;
}

export interface BacklogView {
  /** Rows up to this id are done with. */
  readonly position: number;
  /** Rows up to this id are on their way: read, or being delivered. */
  readonly takenId: number;
  /** Of the row that arrived last. */
  readonly lastId: number;
  /** In the store, on average. */
  readonly bytesPerRow: number;
  /** What is on its way may be given up: nobody takes it, and nobody could have it already. */
  readonly isStuck: boolean;
}

/** Of its bound: what a full one is emptied to, and where it takes rows again. Or each row would make a gap of its own. */
const roomShare = 0.9;

export class Backlog {
  readonly #sink: string;
  readonly #options: Pick<CommonSinkOptions, 'max_backlog' | 'when_full'>;
  readonly #admission: Admission;
  /** In order, without overlaps. */
  #gaps: Gap[] = [];

  constructor(sink: string, options: Pick<CommonSinkOptions, 'max_backlog' | 'when_full'>, admission: Admission) {
    this.#sink = sink;
    this.#options = options;
    this.#admission = admission;
  }

  get isBounded(): boolean {
    return this.#options.max_backlog !== undefined;
  }

  /** Rows in gaps behind `position`. */
  gapRows(position: number, lastId: number): number {
    return this.#gaps.reduce(
      (sum, gap) => sum + Math.max((gap.untilId ?? lastId) - Math.max(gap.fromId, position), 0),
      0,
    );
  }

  /** Looks whether too much waits. @returns true when what is on its way is to be given up: its rows go unsent. */
  look(view: BacklogView): boolean {
    const { max_backlog: maxBytes, when_full: whenFull } = this.#options;
    if (maxBytes === undefined) return false;
    const { position, lastId, bytesPerRow } = view;
    const maxRows = Math.floor(maxBytes / bytesPerRow);
    const waitingRows = lastId - position - this.gapRows(position, lastId);
    switch (whenFull) {
      case 'block':
        if (waitingRows > maxRows) this.#admission.close(this.#sink);
        else if (waitingRows < maxRows * roomShare) this.#admission.open(this.#sink);
        return false;
      case 'drop_newest':
        this.#dropNewest(view, waitingRows, maxRows);
        return false;
      case 'drop_oldest':
        return waitingRows > maxRows && this.#dropOldest(view, waitingRows - Math.floor(maxRows * roomShare));
      default:
        return whenFull satisfies never;
    }
  }

  /** Where the gap ends that `position` stands before; null when it stands before none. Rows that come later are queued again. */
  gapAt(position: number, lastId: number): number | null {
    this.#gaps = this.#gaps.filter(({ untilId }) => untilId === null || untilId > position);
    const [gap] = this.#gaps;
    if (gap === undefined || gap.fromId > position) return null;
    gap.untilId ??= lastId;
    return gap.untilId > position ? gap.untilId : null;
  }

  /** Up to which id rows may be read from `position` on. */
  readableUntil(position: number): number {
    return this.#gaps.find(({ fromId }) => fromId >= position)?.fromId ?? Infinity;
  }

  /** The daemon stops: it waits for nothing more. */
  close(): void {
    this.#admission.open(this.#sink);
  }

  #dropNewest({ takenId, lastId }: BacklogView, waitingRows: number, maxRows: number): void {
    const open = this.#gaps.find(({ untilId }) => untilId === null);
    if (open !== undefined) {
      if (waitingRows < maxRows * roomShare) open.untilId = lastId;
    } else if (waitingRows > maxRows) {
      this.#gaps.push({ fromId: Math.max(lastId - (waitingRows - maxRows), takenId), untilId: null });
    }
  }

  #dropOldest({ position, takenId, lastId, isStuck }: BacklogView, tooMany: number): boolean {
    const [first] = this.#gaps;
    const gap = { fromId: takenId, untilId: takenId };
    if (first?.untilId != null && first.untilId > position) {
      gap.fromId = Math.max(first.fromId, position);
      gap.untilId = first.untilId;
    }
    // An upstream that answers, if slowly, gets what is on its way to it, or it would never get anything.
    const fromId = isStuck ? position : gap.fromId;
    this.#gaps = [{ fromId, untilId: Math.min(fromId + gap.untilId - gap.fromId + tooMany, lastId) }];
    return fromId < gap.fromId;
  }
}
