/** Sends dead letters once more, when somebody has asked for it: in pages, apart from the rows that the sink reads on from. */
import { Rows } from '../../sinks/rows.ts';
import type { Store } from '../../store/store.ts';
import type { SinkDelivery } from './sink-delivery.ts';
import type { SinkProgress } from './sink-progress.ts';

export interface LetterRetryOptions {
  readonly name: string;
  readonly store: Pick<Store, 'state'>;
  readonly delivery: SinkDelivery;
  readonly progress: Pick<SinkProgress, 'addDelivered'>;
}

const lettersAtOnce = 500;
/** Of so many letters. */
const expectedBytes = 256 * 1024;

export class LetterRetry {
  readonly #options: LetterRetryOptions;
  #isDue = true;
  #wake: () => void = () => undefined;

  constructor(options: LetterRetryOptions) {
    this.#options = options;
  }

  /** Letters may be due: at the start, and when it was asked for. */
  get isDue(): boolean {
    return this.#isDue;
  }

  /** Letters are to be sent once more. */
  ask(): void {
    this.#isDue = true;
    this.#wake();
  }

  /** Calls `wake` when it is asked for from now on. */
  onAsked(wake: () => void): void {
    this.#wake = wake;
  }

  /** @throws the signal's reason; what the store throws: then letters are due as before. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#sendAll(signal);
    } catch (error) {
      this.#isDue = true;
      throw error;
    }
  }

  async #sendAll(signal: AbortSignal): Promise<void> {
    const { name, store, delivery, progress } = this.#options;
    for (;;) {
      this.#isDue = false;
      const letters = await store.state.dueDeadLetters(name, lettersAtOnce);
      if (letters.length === 0) return;
      const lines = letters.map(({ row }) => `${row}\n`);
      const rows = Rows.ofLines(lines, expectedBytes);
      const { deadLetters } = await delivery.deliver(rows, 1, signal);
      const reasons = new Map(deadLetters.map(({ logId, reason }) => [logId, reason]));
      const refused = letters.flatMap(({ id, logId }) => {
        const reason = reasons.get(logId);
        return reason === undefined ? [] : [{ id, reason }];
      });
      const ids = letters.map(({ id }) => id).filter((id) => !refused.some((letter) => letter.id === id));
      await store.state.settleDeadLetters(name, ids, refused);
      progress.addDelivered(ids.length);
    }
  }
}
