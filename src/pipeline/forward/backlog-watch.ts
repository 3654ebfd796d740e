/** When it is looked how much waits for a sink: at each commit, and now and then; what a row takes is measured meanwhile. */
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { RowSource } from './row-source.ts';

export interface BacklogWatchOptions {
  /** Of the sink. */
  readonly name: string;
  readonly rows: Pick<RowSource, 'measure' | 'isMeasured'>;
  /** Resolves when rows have come, or when the signal aborts. */
  readonly arrival: (signal: AbortSignal) => Promise<void>;
  readonly look: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

const checkMs = 5000;

/** Until the signal aborts. */
export async function watchBacklog(options: BacklogWatchOptions, signal: AbortSignal): Promise<void> {
  const { name, rows, arrival, look, clock, logger } = options;
  for (let measuredAtMs = clock.monotonicMs(); !signal.aborted;) {
    look();
    const waited = new AbortController();
    const until = AbortSignal.any([signal, waited.signal]);
    await Promise.race([arrival(until), clock.delay(checkMs, until)]);
    waited.abort();
    if (rows.isMeasured && clock.monotonicMs() - measuredAtMs < checkMs) continue;
    measuredAtMs = clock.monotonicMs();
    await rows.measure().catch((error: unknown) => {
      if (signal.aborted) return;
      logger.warn({ err: error, sink: name }, 'how much waits for a sink could not be measured');
    });
  }
}
