/** What is known of a sink, for `status`, the API and metrics. */
import type { CircuitState } from './circuit.ts';

export interface SinkStatus {
  readonly name: string;
  readonly type: string;
  readonly describes: string;
  /** `waiting`: the upstream does not take rows now. `held`: as it is configured it never will. */
  readonly state: 'idle' | 'delivering' | 'waiting' | 'held';
  readonly circuit: CircuitState;
  /** Rows up to this id are done with. */
  readonly position: number;
  /** Rows behind `position` that are to be looked at, whether the sink wants them or not. */
  readonly lagRows: number;
  /** Age of the oldest row that is being delivered. */
  readonly lagSeconds: number;
  /** About, as the rows lie in the store. */
  readonly lagBytes: number;
  readonly deliveredRows: number;
  /** Went unsent, or will: of those still ahead, also the rows that the sink does not want. */
  readonly droppedRows: number;
  readonly deadLetters: number;
  readonly lastSuccessAt: string | null;
  readonly lastError: LastError | null;
}

export interface LastError {
  readonly message: string;
  readonly hint: string | undefined;
  readonly at: string;
}
