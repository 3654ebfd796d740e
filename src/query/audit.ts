/**
 * Who did what, as rows of an application named `regression`: found, kept and forwarded like any other row. A request that
 * cannot be audited fails.
 */
import { hostname } from 'node:os';
import { type LogRecord, ownApplicationName } from '../record/log-record.ts';
import type { Severity } from '../record/severity.ts';
import { timestampOfMs } from '../record/timestamp.ts';
import type { Clock } from '../runtime/clock.ts';

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

export type Audit = (entry: AuditEntry) => Promise<void>;

/** @param append resolves when the rows are durable. */
export function auditTo(
  append: (records: readonly LogRecord[]) => Promise<unknown>,
  clock: Clock,
  version: string,
): Audit {
  return async ({ actor, action, object, remote, severity = 'INFO', details = {} }) => {
    await append([
      {
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
      },
    ]);
  };
}
