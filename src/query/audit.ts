/**
 * Who did what, as rows of an application named `regression`: found, kept and forwarded like any other row. A request that
 * cannot be audited in time fails: the store may take no rows for as long as its disk is full, and nobody is to wait for that.
 */
import { hostname } from 'node:os';
import { type LogRecord, ownApplicationName } from '../record/log-record.ts';
import type { Severity } from '../record/severity.ts';
import { timestampOfMs } from '../record/timestamp.ts';
import type { Clock } from '../runtime/clock.ts';
import { RegressionError } from '../runtime/errors.ts';

export interface AuditEntry {
  /** Name of the user; `anonymous` before there is one. */
  readonly actor: string;
  /** `user.create`, `token.revoke`, `login.failed` */
  readonly action: string;
  readonly object: string;
  readonly remote: string;
  readonly severity?: Severity;
  readonly details?: Readonly<Record<string, string>>;
}

/**
 * @param withinMs how long to wait for the row to be durable, if not as long as for a query. A row that is not by then stays in its
 * turn, and is stored once the store takes rows again.
 * @throws RegressionError `STORE_WRITE_FAILED` (retryable) when it is not.
 */
export type Audit = (entry: AuditEntry, withinMs?: number) => Promise<void>;

/** Rows that nobody waits for any more, and others, at most: behind a store that takes none each request would leave one in memory. */
export const maxUnstored = 1000;

export interface AuditOptions {
  /** Resolves when the rows are durable. */
  readonly append: (records: readonly LogRecord[]) => Promise<unknown>;
  readonly clock: Clock;
  readonly version: string;
  /** Longest that a request waits for its row. */
  readonly deadlineMs: number;
}

export function auditTo({ append, clock, version, deadlineMs }: AuditOptions): Audit {
  let unstored = 0;
  return async (entry, withinMs = deadlineMs) => {
    if (unstored >= maxUnstored) throw notStored(`${unstored} audit rows wait for the store already`);
    unstored++;
    const stored = (async () => append([recordOf(entry, clock, version)]))().finally(() => unstored--);
    const waited = new AbortController();
    const late = clock.delay(withinMs, waited.signal).then(() => {
      throw notStored('the audit row of this request was not stored in time');
    });
    late.catch(() => undefined);
    try {
      await Promise.race([stored, late]);
    } finally {
      waited.abort();
      stored.catch(() => undefined); // past the deadline nobody waits for it
    }
  };
}

function recordOf(
  { actor, action, object, remote, severity = 'INFO', details = {} }: AuditEntry,
  clock: Clock,
  version: string,
): LogRecord {
  return {
    timestamp: timestampOfMs(clock.nowMs()),
    severity,
    application: { name: ownApplicationName, version, environment: null },
    source: 'audit',
    message: `${actor}: ${action} ${object}`.trimEnd(),
    metadata: [
      ['actor', actor],
      ['action', action],
      ['object', object],
      ['remote', remote],
      ['host', hostname()],
      ...Object.entries(details),
    ],
  };
}

function notStored(message: string): RegressionError {
  return new RegressionError('STORE_WRITE_FAILED', message, {
    retryable: true,
    hint: 'GET /health/ready says why the store takes no rows. A change that was asked for may have been made.',
  });
}
