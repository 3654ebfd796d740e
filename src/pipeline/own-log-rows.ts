/**
 * The daemon's own log as rows of an application of its own (`log.rows`). Entries wait here while rows are committed, so many at most: a log that
 * is about a store which takes no rows must not fill the memory, nor make anybody wait. What does not fit is counted.
 */
import { type LogRecord, ownApplicationName } from '../record/log-record.ts';
import { timestampOfMs } from '../record/timestamp.ts';
import { type LogEntry, levelNames } from '../runtime/log-lines.ts';
import type { Metrics } from '../runtime/metrics.ts';

export interface OwnLogRowsOptions {
  /** Resolves when the rows are committed. */
  readonly commit: (records: readonly LogRecord[]) => Promise<void>;
  readonly version: string;
  readonly metrics: Pick<Metrics, 'dropped'>;
}

export const maxWaiting = 1000;

export class OwnLogRows {
  readonly #options: OwnLogRowsOptions;
  #waiting: LogRecord[] = [];
  #isCommitting = false;

  constructor(options: OwnLogRowsOptions) {
    this.#options = options;
  }

  take(entry: LogEntry): void {
    if (this.#waiting.length >= maxWaiting) {
      this.#options.metrics.dropped.inc({ input: 'own_log', reason: 'queue_full' });
      return;
    }
    this.#waiting.push(recordOf(entry, this.#options.version));
    if (!this.#isCommitting) void this.#commit();
  }

  async #commit(): Promise<void> {
    this.#isCommitting = true;
    await Promise.resolve(); // what is logged in one go is one commit
    while (this.#waiting.length > 0) {
      const records = this.#waiting;
      this.#waiting = [];
      try {
        await this.#options.commit(records);
      } catch {
        // The daemon stops: these entries are on standard error.
        this.#options.metrics.dropped.inc({ input: 'own_log', reason: 'stopped' }, records.length);
      }
    }
    this.#isCommitting = false;
  }
}

function recordOf(entry: LogEntry, version: string): LogRecord {
  const { time, level, msg, err, ...fields } = entry;
  const error = err === undefined ? [] : Object.entries(err).map(([key, value]) => [`error.${key}`, value] as const);
  return {
    timestamp: timestampOfMs(Date.parse(time)),
    severity: levelNames[level] ?? 'INFO',
    application: { name: ownApplicationName, version, environment: null },
    source: 'log',
    message: msg,
    metadata: [...Object.entries(fields), ...error]
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
  };
}
