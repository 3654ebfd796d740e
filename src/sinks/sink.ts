/**
 * What a sink is: it brings rows to an upstream and says what became of them. When to try again, what is a dead letter and how far the
 * sink is, is decided in pipeline/forward/; registry.ts lists the sinks.
 */
import type { z } from 'zod';
import type { Clock } from '../runtime/clock.ts';
import type { Rows } from './rows.ts';

/** One entry of the open set: the configuration's `sinks[].type` names it. */
export interface SinkKind<Schema extends z.ZodObject> {
  /** The sink's own options, beside those that all sinks have (options.ts). */
  readonly options: Schema;
  readonly repetitions: Repetitions;
  /** @throws RegressionError `CONFIG_INVALID` for files that cannot be read. */
  create(options: z.output<Schema>, context: SinkContext): Sink;
}

/**
 * How an upstream tells what comes again after a crash. `by batch`, by its key or content: which rows a batch has is remembered before it is
 * sent, at the price of one more transaction. `by row`: the rows may come in other batches. `untold`: they are there twice, so as few as can be
 * are sent again.
 */
export type Repetitions = 'by batch' | 'by row' | 'untold';

export interface SinkContext {
  readonly name: string;
  /** Names this store among others: with it a row's id is unique everywhere. */
  readonly origin: string;
  readonly clock: Clock;
  readonly secrets: Secrets;
  /** Requests at once, at most. */
  readonly concurrency: number;
}

/** Reads what the configuration only points at. @throws RegressionError `CONFIG_INVALID`. */
export type Secrets = (secret: Secret) => Promise<string>;

export type Secret = { readonly file: string } | { readonly env: string };

export interface Sink {
  /** One short line: `http https://logs.example.org/ingest`. Without secrets. */
  describe(): string;
  /**
   * Sends rows, in their order. Called again with the very rows when the answer did not come. Whatever the upstream says or does is an
   * answer; throwing is for what nobody foresaw, and is tried again. Once it has settled nobody reads the rows: their memory is given back.
   */
  deliver(rows: Rows, signal: AbortSignal): Promise<Delivery>;
  /** Rows that are to be delivered next, while others are under way: what can be done for them without the upstream may be done now. */
  prepare?(rows: Rows): void;
  close(): Promise<void>;
}

export type Delivery =
  /** `unnamed`: but for some that the upstream refused for good without saying which. */
  | { readonly kind: 'delivered'; readonly unnamed?: { readonly rows: number; readonly reason: string } }
  /** Of some rows, by their place: refused for good, or not taken this time. All others are delivered. */
  | { readonly kind: 'partly'; readonly refused: readonly RefusedRow[]; readonly again: readonly number[] }
  /** These rows are not taken, perhaps because of one of them. `isTooLarge`: because of their number or length. */
  | { readonly kind: 'rejected'; readonly reason: string; readonly isTooLarge?: boolean }
  /** Not now: no connection, no answer in time, an overload, a failure of the upstream. */
  | {
      readonly kind: 'unavailable';
      readonly reason: string;
      readonly hint?: string | undefined;
      readonly retryAfterMs?: number | undefined;
    }
  /** Not as we are configured, whatever the rows: credentials, address, a table that is not there. Somebody must change something. */
  | { readonly kind: 'refused'; readonly reason: string; readonly hint: string };

export interface RefusedRow {
  readonly index: number;
  readonly reason: string;
}

export const delivered: Delivery = { kind: 'delivered' };
